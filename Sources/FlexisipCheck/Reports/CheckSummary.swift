// CheckSummary.swift: a whole run of the check, for reports that are made at its end
import Foundation
import SafeText

/// What came of one run, or of one round of a lasting check.
public struct CheckSummary: Sendable {
  /// What the run comes to as a whole; the raw value is the exit code of a Nagios plugin.
  public enum Verdict: Int32, Sendable {
    case good = 0
    /// The file has warnings.
    case warnings = 1
    case bad = 2
  }

  /// In the order in which the steps were tried.
  public var results: [CheckResult] = []
  /// Of the server's file, when there was one.
  public var findings: [ConfFinding] = []
  /// The address that was checked; nil when only a file was read.
  public var account: String?
  /// When the run began.
  public var start: Date
  /// What it took.
  public var seconds = 0.0

  public init(account: String?, start: Date = Date()) { (self.account, self.start) = (account, start) }

  /// Bad as soon as one step has failed or the file has an error.
  public var verdict: Verdict {
    if results.contains(where: { $0.outcome == .failed }) || findings.contains(where: { $0.severity == .error }) {
      return .bad
    }
    return findings.isEmpty ? .good : .warnings
  }

  /// How many steps came out so.
  public func count(_ outcome: CheckResult.Outcome) -> Int { results.count { $0.outcome == outcome } }

  /// One line of what others may have written.
  static func plain(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch ScalarTreatment(of: scalar) {
      case .keep: result.append(scalar)
      case .tab, .lineBreak: result.append(" ")
      case .remove: break
      case .replace: result.append("\u{FFFD}")
      }
    }
    return String(result)
  }

  static func number(_ seconds: Double) -> String { String(format: "%.3f", seconds.isFinite ? max(0, seconds) : 0) }
}

extension CheckResult {
  /// Causes with their settings, one a line.
  var causeLines: [String] {
    causes.map { cause in
      let place = cause.place.map { "\($0): " } ?? ""
      return CheckSummary.plain(cause.text + (cause.setting.map { " (\(place)\($0))" } ?? ""))
    }
  }
}
