// CheckSummary+TAP.swift: the check by the Test Anything Protocol, version 13, for prove(1) and its kind
import Foundation

extension CheckSummary {
  /// The whole report: a test for each step and each finding.
  public var tap: String {
    var lines = ["TAP version 13", "1..\(results.count + findings.count)"]
    var number = 0
    func test(_ isOK: Bool, _ text: String, directive: String? = nil, _ message: String?, _ causes: [String]) {
      number += 1
      lines.append(
        "\(isOK ? "ok" : "not ok") \(number) - \(Self.escaped(text))" + (directive.map { " # \($0)" } ?? ""))
      guard let message else { return }
      lines += ["  ---", "  message: \(Self.quoted(message))"]
      if !causes.isEmpty { lines += ["  causes:"] + causes.map { "    - \(Self.quoted($0))" } }
      lines.append("  ...")
    }
    for finding in findings {
      test(
        finding.severity != .error, "[\(finding.section)] \(finding.key) of \(finding.file)",
        "\(finding.severity.rawValue): \(finding.problem)", [finding.correction])
    }
    for result in results {
      switch result.outcome {
      case .passed: test(true, result.step.title, result.seen, [])
      case .failed: test(false, result.step.title, result.seen, result.causeLines)
      case .notTried: test(true, result.step.title, directive: "SKIP \(Self.escaped(result.seen))", nil, [])
      }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A directive begins with "#".
  private static func escaped(_ text: String) -> String {
    plain(text).replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "#", with: "\\#")
  }

  /// In YAML.
  private static func quoted(_ text: String) -> String {
    let text = plain(text).replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\"")
    return "\"\(text)\""
  }
}
