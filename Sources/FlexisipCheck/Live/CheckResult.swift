// CheckResult.swift: the outcome of one step, and what probably causes a failure

/// What one step of the live check came to.
public struct CheckResult: Sendable {
  /// Whether the step was tried, and went well.
  public enum Outcome: String, Sendable {
    case passed, failed
    case notTried = "not-tried"
  }

  /// Which step it was.
  public var step: CheckStep
  /// Whether it passed.
  public var outcome: Outcome
  /// How long it took; 0 for a step that was not tried.
  public var seconds: Double
  /// What was seen on the wire; for a step that was not tried, why.
  public var seen: String
  /// The most probable first. Empty unless failed.
  public var causes: [CheckCause]
  /// Where the trace shows the failure, if there is one.
  public var traceLine: Int?
}

/// One possible cause of a failure and where to change it.
public struct CheckCause: Sendable, Equatable {
  /// A sentence for people.
  public var text: String
  /// Of flexisip.conf; nil when the cause is on the client's side or outside both.
  public var section: String?
  /// Of the setting in `section`.
  public var key: String?
  /// A right value.
  public var value: String?
  /// `file:line`, when the server's configuration file was given.
  public var place: String?
  /// Seen directly, so that it comes before what the file has wrong.
  var isEvident = false

  public init(_ text: String, section: String? = nil, key: String? = nil, value: String? = nil) {
    self.text = text
    self.section = section
    self.key = key
    self.value = value
  }

  /// `[section] key=value`
  public var setting: String? {
    guard let section, let key else { return nil }
    return "[\(section)] \(key)" + (value.map { "=\($0)" } ?? "")
  }
}

/// Puts causes into order with the server's configuration file at hand.
struct CauseRanking: Sendable {
  var conf: FlexisipConf?
  var findings: [ConfFinding] = []

  /// Settings that the file has wrong come first, with their lines and corrections; those that it has as they should
  /// be come last.
  /// - Parameters:
  ///   - serverIsDown: what keeps Flexisip from starting comes before all else, whatever setting it is.
  ///   - isFlexisips: whether it is Flexisip that failed, and no other server. What the file has wrong comes first
  ///     then even if it is none of the causes.
  func rank(_ causes: [CheckCause], serverIsDown: Bool = false, isFlexisips: Bool = true) -> [CheckCause] {
    guard let conf else { return causes }
    func cause(of finding: ConfFinding) -> CheckCause {
      var cause = CheckCause(finding.problem, section: finding.section, key: finding.key, value: finding.value)
      cause.place = finding.line.map { "\(finding.file):\($0)" } ?? finding.file
      return cause
    }
    let blockers = findings.filter { serverIsDown && $0.preventsStart }.map(cause)
    var wrong: [CheckCause] = []
    var others: [CheckCause] = []
    var right: [CheckCause] = []
    for var cause in causes {
      guard let section = cause.section, let key = cause.key else {
        others.append(cause)
        continue
      }
      let fitting = findings.filter { $0.section == section && $0.key == key && !$0.isUnseen }
      let finding = fitting.first { $0.severity == .error } ?? fitting.first
      let line = finding?.line ?? conf.line(of: section, key)
      let file = finding?.file ?? conf.file(of: section)
      cause.place = line.map { "\(file):\($0)" } ?? file
      if let finding {
        cause.text = finding.problem
        cause.value = finding.value ?? cause.value
        wrong.append(cause)
      } else if cause.value == conf.value(section, key) {
        right.append(cause)
      } else {
        others.append(cause)
      }
    }
    var unexpected: [CheckCause] = []
    if isFlexisips, wrong.isEmpty, blockers.isEmpty {
      unexpected = findings.filter { $0.severity == .error && !$0.isUnseen }.map(cause)
    }
    let found = wrong + unexpected + others + right
    return blockers + found.filter(\.isEvident) + found.filter { !$0.isEvident }
  }
}

extension ConfFinding {
  /// Of the corrected line.
  fileprivate var value: String? {
    correction.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).last.map(String.init)
  }
}
