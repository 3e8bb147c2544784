// CheckSummary+Prometheus.swift: the check as metrics in Prometheus' text format 0.0.4, as node_exporter reads textfiles
import Foundation

extension CheckSummary {
  /// The whole report: outcomes and times as gauges.
  public var prometheus: String {
    let account = ("account", self.account ?? "")
    var lines: [String] = []
    func family(_ name: String, _ help: String, _ samples: [(labels: [(String, String)], value: String)]) {
      guard !samples.isEmpty else { return }
      lines += ["# HELP limeade_check_\(name) \(help)", "# TYPE limeade_check_\(name) gauge"]
      for sample in samples {
        let labels = sample.labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        lines.append("limeade_check_\(name){\(labels)} \(sample.value)")
      }
    }
    // Each state has a series of its own, so that one that is over does not stay at 1.
    let outcomes = [CheckResult.Outcome.passed, .failed, .notTried]
    family(
      "step_result", "Whether a step of the check had this result (1) or another (0).",
      results.flatMap { result in
        outcomes.map { outcome in
          (
            [account, ("step", result.step.rawValue), ("result", outcome.rawValue)],
            result.outcome == outcome ? "1" : "0"
          )
        }
      })
    family(
      "step_seconds", "How long a step of the check took.",
      results.filter { $0.outcome != .notTried }.map {
        ([account, ("step", $0.step.rawValue)], Self.number($0.seconds))
      })
    if self.account == nil || !findings.isEmpty {
      family(
        "configuration_findings", "What the configuration files have wrong.",
        [ConfFinding.Severity.error, .warning].map { severity in
          ([("severity", severity.rawValue)], "\(findings.count { $0.severity == severity })")
        })
    }
    family("success", "Whether nothing failed.", [([account], verdict == .bad ? "0" : "1")])
    family("seconds", "How long the check took.", [([account], Self.number(seconds))])
    family(
      "end_timestamp_seconds", "When the check ended.",
      [([account], String(format: "%.0f", start.timeIntervalSince1970 + seconds))])
    return lines.joined(separator: "\n") + "\n"
  }

  private static func escaped(_ text: String) -> String {
    plain(text).replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
  }
}
