// Figure.swift: one measured figure as a line: name, value, unit, tab separated
import Foundation

enum Figure {
  /// - Parameter reference: another implementation's, which follows with how many times better ours is: more of what
  ///   is counted a second, less of all else.
  static func print(_ name: String, _ value: Double, _ unit: String, reference: Double? = nil) {
    var columns = [name, text(value), unit]
    if let reference {
      columns += [text(reference), text(unit.hasPrefix("/") ? value / reference : reference / value)]
    }
    FileHandle.standardOutput.write(Data((columns.joined(separator: "\t") + "\n").utf8))
  }

  private static func text(_ value: Double) -> String {
    String(format: "%.\(value >= 100 ? 0 : value >= 10 ? 1 : 2)f", value)
  }

  /// Median and the slowest of the samples, in milliseconds.
  static func print(_ name: String, milliseconds samples: [Double]) {
    print("\(name), median", Comparison.median(samples), "ms")
    print("\(name), slowest", samples.max() ?? .nan, "ms")
  }
}

/// Milliseconds that `work` takes.
func elapsed(_ work: () async throws -> Void) async rethrows -> Double {
  let duration = try await ContinuousClock().measure { try await work() }
  return duration / .milliseconds(1)
}
