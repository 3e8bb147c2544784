// CheckSummary+JUnit.swift: the check as a JUnit report (the XML of Apache Ant's junitreport), for CI servers
import Foundation
import MessageFormats

extension CheckSummary {
  /// A test case for each step, and one for each finding in the file, of which errors have failed.
  public var junit: String {
    var writer = XMLWriter(lineBreak: "\n", declaration: #"<?xml version="1.0" encoding="UTF-8"?>"#)
    let failures = count(.failed) + findings.count { $0.severity == .error }
    let totals = [
      ("name", "limeade check"), ("tests", "\(results.count + findings.count)"), ("failures", "\(failures)"),
      ("errors", "0"), ("skipped", "\(count(.notTried))"), ("time", Self.number(seconds)),
    ]
    writer.element("testsuites", totals) { suites in
      let time = ("timestamp", RFC3339.string(from: start).replacingOccurrences(of: "Z", with: ""))
      suites.element("testsuite", totals + [time, ("hostname", Self.plain(account ?? "localhost"))]) { suite in
        for finding in findings { Self.write(finding, to: &suite) }
        for result in results { Self.write(result, to: &suite) }
      }
    }
    return String(decoding: writer.data, as: UTF8.self)
  }

  private static func write(_ result: CheckResult, to suite: inout XMLWriter) {
    suite.element(
      "testcase",
      [("classname", "limeade.check"), ("name", result.step.rawValue), ("time", number(result.seconds))]
    ) { test in
      switch result.outcome {
      case .passed: test.element("system-out", text: plain("\(result.step.title): \(result.seen)"))
      case .notTried: test.element("skipped", [("message", plain(result.seen))])
      case .failed:
        test.element(
          "failure", [("message", plain("\(result.step.title): \(result.seen)")), ("type", result.step.rawValue)],
          text: result.causeLines.enumerated().map { "\($0 + 1). \($1)" }.joined(separator: "\n"))
      }
    }
  }

  private static func write(_ finding: ConfFinding, to suite: inout XMLWriter) {
    let name = "\(finding.file)\(finding.line.map { ":\($0)" } ?? "") [\(finding.section)] \(finding.key)"
    suite.element(
      "testcase", [("classname", "limeade.check.configuration"), ("name", plain(name)), ("time", "0.000")]
    ) { test in
      let text = plain(finding.correction)
      if finding.severity == .error {
        test.element("failure", [("message", plain(finding.problem)), ("type", "configuration")], text: text)
      } else {
        test.element("system-out", text: plain("warning: \(finding.problem) ") + text)
      }
    }
  }
}
