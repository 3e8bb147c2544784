// ConfCheck.swift: what in a flexisip.conf keeps chat rooms from working
import Foundation
import MessageFormats

/// What the client side has, to be compared with the server's file.
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

/// Checks one file. Nothing is changed; of databases only Redis is logged into.
public struct ConfCheck: Sendable {
  let conf: FlexisipConf
  let client: ConfClient?
  /// Whether files and ports that the configuration names can be looked at from here.
  let isServersMachine: Bool
  /// Which Flexisip reads the file, when that is known.
  let version: FlexisipVersion?
  private(set) var findings: [ConfFinding]

  /// - Parameters:
  ///   - client: nil when no account is to be compared with.
  ///   - isServersMachine: false when the file was copied from another machine.
  ///   - version: such as `2.2`, of the Flexisip that reads the file; nil when it is not known.
  /// - Returns: errors before warnings, each in the order of the lines; those without a line last.
  public static func findings(
    in conf: FlexisipConf, client: ConfClient? = nil, isServersMachine: Bool = true, version: String? = nil
  ) -> [ConfFinding] {
    let version = version.flatMap { FlexisipVersion(server: "flexisip/\($0)") }
    var names = ConfCheck(
      conf: conf, client: nil, isServersMachine: false, version: version, findings: conf.syntax)
    names.checkNames()
    var check = ConfCheck(
      conf: conf.withMeantNames(), client: client, isServersMachine: isServersMachine, version: version,
      findings: names.findings)
    check.checkBooleans()
    check.checkConferenceServer()
    check.checkConferenceAddresses()
    check.checkAuthentication()
    check.checkTrustedHosts()
    check.checkFilters()
    check.checkModules()
    check.checkRegistrar()
    check.checkRouting()
    check.checkDatabases()
    check.checkCertificates()
    check.checkMachine()
    func place(_ entry: (offset: Int, element: ConfFinding)) -> (Int, Int, Int) {
      (entry.element.severity == .error ? 0 : 1, entry.element.line ?? .max, entry.offset)
    }
    return check.findings.enumerated().sorted { place($0) < place($1) }.map(\.element)
  }

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
    add(.warning, section, key, problem, correction: correction, remedy: remedy)
    findings[findings.endIndex - 1].isUnseen = isUnseen
  }

  mutating func add(
    _ severity: ConfFinding.Severity, _ section: String, _ key: String, _ problem: String, correction: String,
    remedy: String? = nil, preventsStart: Bool = false
  ) {
    findings.append(
      ConfFinding(
        severity: severity, file: conf.path, line: conf.line(of: section, key), section: section, key: key,
        problem: problem, correction: correction, remedy: remedy, preventsStart: preventsStart))
  }

  /// Of the last finding, whatever its severity.
  mutating func preventStart() { findings[findings.endIndex - 1].preventsStart = true }

  // MARK: Names and truth values

  private mutating func checkNames() {
    let hasPlugins = !conf.words("global", "plugins").isEmpty
    let knownSections = Dictionary(
      FlexisipKeys.sections.map { ($0.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
    for (name, line) in conf.sections where knownSections[name.lowercased()] == nil {
      let nearest = EditDistance.nearest(to: name, of: FlexisipKeys.sections)
      if hasPlugins, nearest == nil { continue }
      findings.append(
        ConfFinding(
          severity: .error, file: conf.path, line: line, section: name, key: "",
          problem: "Flexisip knows no such section\(nearest.map { ": [\($0)] is meant?" } ?? "")",
          correction: nearest.map { "[\($0)]" } ?? "# [\(name)]", preventsStart: true))
    }
    for setting in conf.settings {
      guard let section = knownSections[setting.section.lowercased()], let known = FlexisipKeys.keys[section] else {
        continue
      }
      let renamed = FlexisipKeys.renamed.first { $0.section == section && $0.old == setting.key.lowercased() }
      if let version, let refusal = FlexisipKeys.refusal(setting.key, in: section, by: version) {
        report(
          section, setting.key, refusal,
          correction: renamed.map { "\($0.new)=\(setting.value)" } ?? "# \(setting.key)",
          preventsStart: true)
      } else if let renamed, !isBefore(renamed.new, of: section) {
        warn(
          section, setting.key, "\(setting.key) \(renamed.fate)", correction: "\(renamed.new)=\(setting.value)")
      } else if !known.contains(setting.key.lowercased()) {
        let nearest = EditDistance.nearest(to: setting.key, of: known)
        report(
          section, setting.key,
          "unknown key \(setting.key): Flexisip refuses to start with it\(nearest.map { "; \($0) is meant?" } ?? "")",
          correction: nearest.map { "\($0)=\(setting.value)" } ?? "# \(setting.key)=\(setting.value)",
          remedy: nearest == nil ? home(of: setting.key) : nil, preventsStart: true)
      }
    }
  }

  /// Whether the version that reads the file is known, and older than a key.
  private func isBefore(_ key: String, of section: String) -> Bool {
    guard let version, let minor = FlexisipKeys.introduced(key, in: section) else { return false }
    return version < FlexisipVersion(major: 2, minor: minor)
  }

  /// Where a key belongs that stands in the wrong section.
  private func home(of key: String) -> String? {
    let sections = FlexisipKeys.keys.filter { $0.value.contains(key.lowercased()) }.keys.sorted()
    return sections.isEmpty ? nil : "\(key) is a key of [\(sections.joined(separator: "], ["))]"
  }

  private mutating func checkBooleans() {
    for (section, key) in FlexisipKeys.booleans {
      guard let setting = conf.setting(section, key), !["true", "false", "1", "0"].contains(setting.value) else {
        continue
      }
      let isYes = ["yes", "on", "true", "enabled", "y"].contains(setting.value.lowercased())
      report(
        section, key, "'\(setting.value)' is no truth value: Flexisip takes true, false, 1 and 0",
        correction: "\(key)=\(isYes)", preventsStart: true)
    }
  }
}
