// ConfCheck.swift: what in the files of a Flexisip set-up keeps chat rooms from working
import Foundation
import MessageFormats

/// What the client side has, to be compared with the server's files.
public struct ConfClient: Sendable {
  /// The account's.
  public var address: SIPURI
  /// As in the account's configuration; nil for the domain's own servers.
  public var outboundProxy: SIPURI?
  /// The factory that the account asks for rooms.
  public var conferenceFactory: SIPURI

  public init(address: SIPURI, outboundProxy: SIPURI? = nil, conferenceFactory: SIPURI) {
    self.address = address
    self.outboundProxy = outboundProxy
    self.conferenceFactory = conferenceFactory
  }
}

/// Checks the files. Nothing is changed; of databases only Redis is logged into.
public struct ConfCheck: Sendable {
  let setup: FlexisipSetup
  /// All files as one.
  let conf: FlexisipConf
  let client: ConfClient?
  /// Whether files and ports that the configuration names can be looked at from here.
  let isServersMachine: Bool
  /// Whether this machine's addresses and the ports in use on it count.
  var triesListeners = true
  private(set) var findings: [ConfFinding] = []

  /// Which Flexisip reads the proxy's file, when that is known.
  var version: FlexisipVersion? { conf.program.core }

  /// Of one file.
  /// - Parameters:
  ///   - client: nil when no account is to be compared with.
  ///   - isServersMachine: false when the file was copied from another machine.
  ///   - triesListeners: false where this machine's addresses and the ports in use on it do not count.
  ///   - version: such as `2.2`, of the Flexisip that reads the file; nil when it is not known.
  /// - Returns: errors before warnings, each in the order of the lines; those without a line last.
  public static func findings(
    in conf: FlexisipConf, client: ConfClient? = nil, isServersMachine: Bool = true, triesListeners: Bool = true,
    version: String? = nil
  ) -> [ConfFinding] {
    var setup = FlexisipSetup(conf)
    setup.assign(version: version.flatMap { FlexisipVersion($0) })
    return findings(
      in: setup, client: client, isServersMachine: isServersMachine, triesListeners: triesListeners)
  }

  /// Of all files of a set-up, after `FlexisipSetup.assign`.
  public static func findings(
    in setup: FlexisipSetup, client: ConfClient? = nil, isServersMachine: Bool = true, triesListeners: Bool = true
  ) -> [ConfFinding] {
    let findings = findingsOfReading(setup)
    let meant = setup.withMeantNames()
    var check = ConfCheck(
      setup: meant, conf: meant.joined, client: client, isServersMachine: isServersMachine,
      triesListeners: triesListeners, findings: findings)
    check.checkSetup()
    let order = setup.files.map(\.path)
    func place(_ entry: (offset: Int, element: ConfFinding)) -> (Int, Int, Int, Int) {
      let finding = entry.element
      let file = order.firstIndex(of: finding.file) ?? order.count
      return (finding.severity == .error ? 0 : 1, file, finding.line ?? .max, entry.offset)
    }
    return check.findings.enumerated().sorted { place($0) < place($1) }.map(\.element)
  }

  /// What is said of lines, names and values as such, whatever the set-up is.
  package static func findingsOfReading(_ setup: FlexisipSetup) -> [ConfFinding] {
    setup.files.flatMap { file in
      var check = ConfCheck(setup: setup, conf: file, client: nil, isServersMachine: false)
      check.checkLines()
      check.checkNames()
      check.checkValues()
      return check.findings
    }
  }

  private mutating func checkSetup() {
    checkSplit()
    if setup.seesConference { checkConferenceServer() }
    if setup.seesConference { checkConferenceAddresses() }
    if setup.proxy != nil {
      checkAuthentication()
      checkTrustedHosts()
      checkFilters()
      checkModules()
      checkRegistrar()
      checkRouting()
    }
    checkDatabases()
    if setup.proxy != nil { checkCertificates() }
    checkMachine()
  }

  // MARK: Reporting

  mutating func report(
    _ section: String, _ key: String, _ problem: String, correction: String, remedy: String? = nil,
    preventsStart: Bool = false
  ) {
    add(.error, section, key, problem, correction: correction, remedy: remedy, preventsStart: preventsStart)
  }

  mutating func warn(
    _ section: String, _ key: String, _ problem: String, correction: String, remedy: String? = nil,
    isUnseen: Bool = false
  ) {
    add(.warning, section, key, problem, correction: correction, remedy: remedy, isUnseen: isUnseen)
  }

  /// - Parameters:
  ///   - file: where it is to be changed; nil for the one that has the section.
  ///   - line: nil for that of the key.
  mutating func add(
    _ severity: ConfFinding.Severity, _ section: String, _ key: String, _ problem: String, correction: String,
    remedy: String? = nil, preventsStart: Bool = false, isUnseen: Bool = false, in file: FlexisipConf? = nil,
    line: Int? = nil
  ) {
    let path = file?.path ?? conf.file(of: section)
    // What a value is in itself is said first, and is the cause of what follows from it.
    let isSaid = findings.contains {
      $0.isOfValue && $0.file == path && $0.key.caseInsensitiveCompare(key) == .orderedSame
        && $0.section.caseInsensitiveCompare(section) == .orderedSame
    }
    guard key.isEmpty || !isSaid else { return }
    var finding = ConfFinding(
      severity: severity, file: path, line: line ?? (file ?? conf).line(of: section, key), section: section, key: key,
      problem: problem, correction: correction, remedy: remedy)
    finding.preventsStart = preventsStart
    finding.isUnseen = isUnseen
    findings.append(finding)
  }

  /// Marks the last finding as one that keeps Flexisip from starting, whatever its severity.
  mutating func preventStart() {
    guard !findings.isEmpty else { return }
    findings[findings.endIndex - 1].preventsStart = true
  }

  /// Marks the last finding as what is wrong with a value in itself.
  mutating func markAsValue() {
    guard !findings.isEmpty else { return }
    findings[findings.endIndex - 1].isOfValue = true
  }

  /// Whether the version is known, and older.
  func isBefore(_ major: Int, _ minor: Int) -> Bool {
    version.map { $0 < FlexisipVersion(major: major, minor: minor) } ?? false
  }

  /// What is known of the version: given, or told by a key that older ones refuse.
  func isAtLeast(_ major: Int, _ minor: Int) -> Bool {
    let wanted = FlexisipVersion(major: major, minor: minor)
    if let version { return version >= wanted }
    return conf.settings.contains { setting in
      FlexisipKeys.introduced(setting.key, in: setting.section).map { $0 >= wanted } ?? false
    }
  }
}
