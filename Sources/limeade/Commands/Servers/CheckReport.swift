// CheckReport.swift: findings and results of the check, told as they come or as one report at the end.
import ChatCore
import FlexisipCheck
import Foundation

/// `@unchecked Sendable`: `summary` is only touched under `lock`.
final class CheckReport: @unchecked Sendable {
  let format: CheckFormat
  /// Of --trace.
  private let trace: String?
  private let lock = NSLock()
  private var summary: CheckSummary

  init(_ format: CheckFormat, account: String?, trace: String?) {
    (self.format, self.trace) = (format, trace)
    summary = CheckSummary(account: account)
  }

  var verdict: CheckSummary.Verdict { lock.withLock { summary.verdict } }

  /// Tells what is told at the end.
  /// - Throws: exit code 73 when the file cannot be written.
  func finish(to path: String?) throws {
    guard !format.isStream else { return }
    let summary = lock.withLock {
      self.summary.seconds = Date().timeIntervalSince(self.summary.start)
      return self.summary
    }
    let text = format.text(of: summary)
    if let path { try WholeFile.write(text, to: path) } else { Output.printed(text) }
  }

  // MARK: The file

  func show(_ finding: ConfFinding) {
    lock.withLock { summary.findings.append(finding) }
    guard format.isStream else { return }
    if format == .json {
      var object: [String: Any] = [
        "event": "finding", "severity": finding.severity.rawValue, "file": finding.file, "section": finding.section,
        "key": finding.key, "problem": finding.problem, "correction": finding.correction,
      ]
      object["line"] = finding.line
      object["remedy"] = finding.remedy
      return Output.line(JSONLine.string(object))
    }
    Output.line(SafeLine.text(finding.headline), finding.severity == .error ? .bad : .warning)
    for line in finding.correction.split(separator: "\n") { Output.line("    \(SafeLine.text(String(line)))") }
    if let remedy = finding.remedy { Output.line("    (\(SafeLine.text(remedy)))") }
  }

  /// How many of each file, and which files were not seen.
  func conclude(_ findings: [ConfFinding], _ setup: FlexisipSetup) {
    guard format.isStream else { return }
    for file in setup.files {
      let ofFile = findings.filter { $0.file == file.path }
      let errors = ofFile.count { $0.severity == .error }
      let warnings = ofFile.count - errors
      if format == .json {
        Output.line(
          JSONLine.string(["event": "configuration", "file": file.path, "errors": errors, "warnings": warnings]))
      } else {
        Output.line(
          ofFile.isEmpty ? "\(file.path): nothing wrong" : "\(file.path): \(errors) error(s), \(warnings) warning(s)")
      }
    }
    for unseen in setup.unseen {
      Output.line(
        format == .json ? JSONLine.string(["event": "unseen", "what": unseen]) : "not seen: \(SafeLine.text(unseen))")
    }
  }

  // MARK: The live check

  func show(_ result: CheckResult) {
    lock.withLock { summary.results.append(result) }
    guard format.isStream else { return }
    if format == .json {
      return Output.line(JSONLine.string(Self.fields(result).merging(["event": "step"]) { $1 }))
    }
    let time = result.outcome == .notTried ? "" : " (\(Self.seconds(result.seconds)))"
    let line = " \(result.step.title)\(time): \(SafeLine.text(result.seen))"
    switch result.outcome {
    case .passed: Output.line("✔", .good, then: line)
    case .failed: Output.line("✖" + line, .bad)
    case .notTried: Output.line("–" + line, .faint)
    }
    if let trace, let line = result.traceLine { Output.line("    see \(SafeLine.text(trace)):\(line)") }
    Self.showCauses(result)
  }

  static func seconds(_ seconds: Double) -> String { String(format: "%.2f s", seconds) }

  static func showCauses(_ result: CheckResult) {
    for (number, cause) in result.causes.enumerated() {
      Output.line("    \(number + 1). \(SafeLine.text(cause.text))")
      let place = cause.place.map { "\($0): " } ?? ""
      if let setting = cause.setting { Output.line("       \(SafeLine.text(place + setting))") }
    }
  }

  static func fields(_ result: CheckResult) -> [String: Any] {
    var object: [String: Any] = [
      "step": result.step.rawValue, "title": result.step.title, "result": result.outcome.rawValue,
      "seconds": (result.seconds * 1000).rounded() / 1000, "seen": result.seen, "causes": result.causes.map(fields),
    ]
    object["traceLine"] = result.traceLine
    return object
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
