// CheckReport.swift: findings and results of the check as lines, for people or as JSON.
import ChatCore
import FlexisipCheck

struct CheckReport {
  let json: Bool

  func show(_ finding: ConfFinding) {
    if json {
      var object: [String: Any] = [
        "event": "finding", "severity": finding.severity.rawValue, "file": finding.file, "section": finding.section,
        "key": finding.key, "problem": finding.problem, "correction": finding.correction,
      ]
      object["line"] = finding.line
      object["remedy"] = finding.remedy
      return Output.line(JSONLine.string(object))
    }
    Output.line(SafeLine.text(finding.headline))
    for line in finding.correction.split(separator: "\n") { Output.line("    \(SafeLine.text(String(line)))") }
    if let remedy = finding.remedy { Output.line("    (\(SafeLine.text(remedy)))") }
  }

  func conclude(_ findings: [ConfFinding], path: String) {
    let errors = findings.count { $0.severity == .error }
    let warnings = findings.count - errors
    if json {
      return Output.line(
        JSONLine.string(["event": "configuration", "file": path, "errors": errors, "warnings": warnings]))
    }
    Output.line(
      findings.isEmpty ? "\(path): nothing wrong" : "\(path): \(errors) error(s), \(warnings) warning(s)")
  }
}
