// CheckSummary+Nagios.swift: the check as a plugin of Nagios, Icinga and their kind (Monitoring Plugins guidelines)
import Foundation

extension CheckSummary {
  /// One line with what is worst and, behind the bar, what it took; then the other failures. The exit code is that of
  /// `verdict`.
  public var nagios: String {
    let failed = results.filter { $0.outcome == .failed }
    let errors = findings.filter { $0.severity == .error }
    let troubles =
      errors.map { "\($0.headline): \($0.correction)" }
      + failed.map { "\($0.step.title): \($0.seen)" + ($0.causeLines.first.map { " - \($0)" } ?? "") }
      + findings.filter { $0.severity != .error }.map(\.headline)
    var text = Self.status(verdict)
    if let first = troubles.first {
      text += " - " + Self.withoutBar(first)
      if troubles.count > 1 { text += " (and \(troubles.count - 1) more)" }
    } else {
      let skipped = count(.notTried)
      text += " - \(count(.passed)) steps passed" + (skipped > 0 ? ", \(skipped) not tried" : "")
    }
    var figures = ["time=\(Self.number(seconds))s", "failed=\(failed.count + errors.count);;0"]
    figures += results.filter { $0.outcome != .notTried }.map { "\($0.step.rawValue)=\(Self.number($0.seconds))s" }
    text += " | \(figures.joined(separator: " "))\n"
    return text + troubles.dropFirst().map { Self.withoutBar($0) + "\n" }.joined()
  }

  /// When there was nothing to judge.
  public static func nagios(unknown reason: String) -> String { "\(status(nil)) - \(withoutBar(reason))\n" }

  private static func status(_ verdict: Verdict?) -> String {
    switch verdict {
    case .good: "FLEXISIP OK"
    case .warnings: "FLEXISIP WARNING"
    case .bad: "FLEXISIP CRITICAL"
    case nil: "FLEXISIP UNKNOWN"
    }
  }

  /// Behind a bar stand figures.
  private static func withoutBar(_ text: String) -> String { plain(text).replacingOccurrences(of: "|", with: "/") }
}
