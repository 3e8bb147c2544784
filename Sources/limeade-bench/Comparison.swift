// Comparison.swift: samples of both implementations and the table made of them
import Foundation

/// Samples of one row, taken in turns.
struct Comparison {
  enum Unit: String {
    case milliseconds = "ms"
    case bytes
  }

  let row: String
  let unit: Unit
  var ours: [Double] = []
  var reference: [Double] = []

  static func median(_ samples: [Double]) -> Double {
    guard !samples.isEmpty else { return .nan }
    let sorted = samples.sorted()
    let middle = sorted.count / 2
    return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
  }
}

/// The rows in the order of their first sample.
struct ComparisonTable {
  private(set) var rows: [Comparison] = []

  mutating func add(_ row: String, unit: Comparison.Unit = .milliseconds, ours: Double, reference: Double) {
    if !rows.contains(where: { $0.row == row }) { rows.append(Comparison(row: row, unit: unit)) }
    guard let index = rows.firstIndex(where: { $0.row == row }) else { return }
    rows[index].ours.append(ours)
    rows[index].reference.append(reference)
  }

  /// A heading and the rows of each unit, tab separated: row, ours, the reference's, reference/ours.
  func text(reference: String) -> String {
    var lines: [String] = []
    var unit: Comparison.Unit?
    for row in rows {
      if row.unit != unit {
        lines.append("row\tlimeade \(row.unit.rawValue)\t\(reference) \(row.unit.rawValue)\t\(reference)/limeade")
        unit = row.unit
      }
      let ours = Comparison.median(row.ours)
      let theirs = Comparison.median(row.reference)
      let digits = row.unit == .bytes ? 0 : 4
      lines.append(
        "\(row.row)\t\(Self.number(ours, digits))\t\(Self.number(theirs, digits))\t\(Self.number(theirs / ours, 2))")
    }
    return lines.joined(separator: "\n")
  }

  /// One object a row, a line each.
  func json(reference: String) throws -> String {
    try rows.map { row in
      let ours = Comparison.median(row.ours)
      let theirs = Comparison.median(row.reference)
      let object: [String: Any] = [
        "row": row.row, "unit": row.unit.rawValue, "limeade": ours, reference: theirs, "ratio": theirs / ours,
        "samples": row.ours.count,
      ]
      let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
      return String(decoding: data, as: UTF8.self)
    }.joined(separator: "\n")
  }

  private static func number(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }
}
