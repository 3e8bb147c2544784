// LatencyPlot.swift: latency and texts over time as a picture (SVG 1.1)
import Foundation

/// Draws what `LoadResult.seconds` holds.
public enum LatencyPlot {
  private static let width = 900.0
  private static let left = 70.0
  private static let right = 120.0
  private static let upper = (top: 50.0, height: 250.0)
  private static let lower = (top: 350.0, height: 120.0)
  /// More points than a screen has columns say nothing more.
  private static let mostPoints = 2000

  /// - Parameter title: says what was measured.
  public static func svg(_ result: LoadResult, title: String) -> String {
    let step = max(1, (result.seconds.count + mostPoints - 1) / mostPoints)
    let seconds = result.seconds.enumerated().filter { $0.offset % step == 0 }.map(\.element)
    var shapes = [
      #"<svg xmlns="http://www.w3.org/2000/svg" width="900" height="520" viewBox="0 0 900 520""#
        + #" font-family="sans-serif" font-size="12">"#,
      ##"<rect width="900" height="520" fill="#ffffff"/>"##, text(title, left, 26, size: 15),
    ]
    let end = Double(max(1, seconds.last?.second ?? 1))
    func x(_ second: Double) -> Double { left + (width - left - right) * second / end }
    shapes += latencies(seconds, x) + counts(seconds, x) + times(end, x)
    shapes.append("</svg>")
    return shapes.joined(separator: "\n") + "\n"
  }

  // MARK: Latency, by powers of ten

  private static func latencies(_ seconds: [LoadSecond], _ x: (Double) -> Double) -> [String] {
    let all = seconds.compactMap(\.received)
    let least = max(0.000_1, all.map(\.p50).filter { $0 > 0 }.min() ?? 0.001)
    let most = max(least * 10, all.map(\.max).max() ?? 1)
    let (low, high) = (log10(least).rounded(.down), log10(most).rounded(.up))
    func y(_ value: Double) -> Double {
      let share = (log10(Swift.max(value, pow(10, low))) - low) / Swift.max(1, high - low)
      return upper.top + upper.height * (1 - Swift.min(1, share))
    }
    var shapes = [text("latency of received copies", left, upper.top - 8)]
    for power in Int(low)...Int(high) {
      let value = pow(10, Double(power))
      shapes.append(line(left, y(value), width - right, y(value), "#dddddd"))
      shapes.append(text(shown(value), left - 8, y(value) + 4, anchor: "end"))
    }
    let curves: [(String, String, (LoadLatency) -> Double)] = [
      ("max", "#bbbbbb", \.max), ("p99", "#d55e00", \.p99), ("p90", "#e69f00", \.p90), ("p50", "#0072b2", \.p50),
    ]
    for (index, (name, colour, value)) in curves.enumerated() {
      let points = seconds.compactMap { second in
        second.received.map { (x(Double(second.second)), y(value($0))) }
      }
      shapes.append(curve(points, colour))
      let place = upper.top + 14 + Double(index) * 20
      shapes.append(line(width - right + 12, place - 4, width - right + 34, place - 4, colour, thickness: 2.5))
      shapes.append(text(name, width - right + 40, place))
    }
    return shapes
  }

  private static func shown(_ seconds: Double) -> String {
    if seconds >= 1 { return "\(Int(seconds.rounded())) s" }
    if seconds >= 0.001 { return "\(Int((seconds * 1000).rounded())) ms" }
    return String(format: "%.1f ms", seconds * 1000)
  }

  // MARK: Texts in each second

  private static func counts(_ seconds: [LoadSecond], _ x: (Double) -> Double) -> [String] {
    let curves: [(String, String, KeyPath<LoadCounts, Int>)] = [
      ("sent", "#555555", \.sent), ("with all", "#009e73", \.receivedByAll), ("acknowl.", "#cc79a7", \.acknowledged),
    ]
    let series = curves.map { curve in
      zip([nil] + seconds.map { Optional($0) }, seconds).map { before, second in
        let time = Double(second.second - (before?.second ?? 0))
        return Double(second.counts[keyPath: curve.2] - (before?.counts[keyPath: curve.2] ?? 0)) / max(1, time)
      }
    }
    let most = max(1, series.flatMap { $0 }.max() ?? 1)
    func y(_ value: Double) -> Double { lower.top + lower.height * (1 - value / most) }
    var shapes = [text("texts a second", left, lower.top - 8)]
    for value in [0, most / 2, most] {
      shapes.append(line(left, y(value), width - right, y(value), "#dddddd"))
      shapes.append(text(String(format: most < 10 ? "%.1f" : "%.0f", value), left - 8, y(value) + 4, anchor: "end"))
    }
    for (index, (name, colour, _)) in curves.enumerated() {
      shapes.append(curve(zip(seconds, series[index]).map { (x(Double($0.second)), y($1)) }, colour))
      let place = lower.top + 14 + Double(index) * 20
      shapes.append(line(width - right + 12, place - 4, width - right + 34, place - 4, colour, thickness: 2.5))
      shapes.append(text(name, width - right + 40, place))
    }
    return shapes
  }

  private static func times(_ end: Double, _ x: (Double) -> Double) -> [String] {
    let bottom = lower.top + lower.height
    return (0...4).map { part in
      let second = end * Double(part) / 4
      return text(String(format: end < 8 ? "%.1f s" : "%.0f s", second), x(second), bottom + 18, anchor: "middle")
    }
  }

  // MARK: Shapes

  private static func number(_ value: Double) -> String { String(format: "%.1f", value.isFinite ? value : 0) }

  private static func line(
    _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ colour: String, thickness: Double = 1
  ) -> String {
    "<line x1=\"\(number(x1))\" y1=\"\(number(y1))\" x2=\"\(number(x2))\" y2=\"\(number(y2))\" stroke=\"\(colour)\""
      + " stroke-width=\"\(number(thickness))\"/>"
  }

  private static func curve(_ points: [(Double, Double)], _ colour: String) -> String {
    let places = points.map { "\(number($0.0)),\(number($0.1))" }.joined(separator: " ")
    return "<polyline fill=\"none\" stroke=\"\(colour)\" stroke-width=\"1.5\" points=\"\(places)\"/>"
  }

  private static func text(
    _ text: String, _ x: Double, _ y: Double, anchor: String = "start", size: Int = 12
  ) -> String {
    var escaped = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case _ where scalar.value < 32 || scalar.value == 127: escaped += " "
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return "<text x=\"\(number(x))\" y=\"\(number(y))\" text-anchor=\"\(anchor)\" font-size=\"\(size)\""
      + " fill=\"#222222\">\(escaped)</text>"
  }
}
