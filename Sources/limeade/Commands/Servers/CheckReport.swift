// CheckReport.swift: findings and results of the check as lines, for people or as JSON.
import ChatCore
import FlexisipCheck
import Foundation

struct CheckReport: Sendable {
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

  /// How many of each file, and which files were not seen.
  func conclude(_ findings: [ConfFinding], _ setup: FlexisipSetup) {
    for file in setup.files {
      let ofFile = findings.filter { $0.file == file.path }
      let errors = ofFile.count { $0.severity == .error }
      let warnings = ofFile.count - errors
      if json {
        Output.line(
          JSONLine.string(["event": "configuration", "file": file.path, "errors": errors, "warnings": warnings]))
      } else {
        Output.line(
          ofFile.isEmpty ? "\(file.path): nothing wrong" : "\(file.path): \(errors) error(s), \(warnings) warning(s)")
      }
    }
    for unseen in setup.unseen {
      Output.line(
        json ? JSONLine.string(["event": "unseen", "what": unseen]) : "not seen: \(SafeLine.text(unseen))")
    }
  }

  // MARK: The live check

  func show(_ result: CheckResult) {
    if json {
      return Output.line(
        JSONLine.string([
          "event": "step", "step": result.step.rawValue, "title": result.step.title, "result": result.outcome.rawValue,
          "seconds": (result.seconds * 1000).rounded() / 1000, "seen": result.seen,
          "causes": result.causes.map(Self.fields),
        ]))
    }
    let mark =
      switch result.outcome {
      case .passed: "✔"
      case .failed: "✖"
      case .notTried: "–"
      }
    let time = result.outcome == .notTried ? "" : String(format: " (%.2f s)", result.seconds)
    Output.line("\(mark) \(result.step.title)\(time): \(SafeLine.text(result.seen))")
    for (number, cause) in result.causes.enumerated() {
      Output.line("    \(number + 1). \(SafeLine.text(cause.text))")
      let place = cause.place.map { "\($0): " } ?? ""
      if let setting = cause.setting { Output.line("       \(SafeLine.text(place + setting))") }
    }
  }

  private static func fields(_ cause: CheckCause) -> [String: String] {
    var fields = ["text": cause.text]
    fields["section"] = cause.section
    fields["key"] = cause.key
    fields["value"] = cause.value
    fields["place"] = cause.place
    return fields
  }
}
