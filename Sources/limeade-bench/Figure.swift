// Figure.swift: one measured figure as a line: name, value, unit, tab separated
import Foundation

enum Figure {
  static func print(_ name: String, _ value: Double, _ unit: String) {
    let digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
    let text = String(format: "%.\(digits)f", value)
    FileHandle.standardOutput.write(Data("\(name)\t\(text)\t\(unit)\n".utf8))
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
