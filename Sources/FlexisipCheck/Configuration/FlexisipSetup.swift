// FlexisipSetup.swift: the files of one set-up: the proxy's, flexisip-conference's (from 2.6 on), and those of others
import Foundation

/// What belongs together and is checked across files.
public struct FlexisipSetup: Sendable {
  /// What a file is for.
  enum Role: Sendable { case proxy, conference, other }

  private static let conference = "conference-server"
  private static let registrar = "module::registrar"
  /// Of `[global]`, what only a proxy has.
  private static let proxyKeys: Set<String> = ["transports", "aliases", "default-servers"]

  /// nil when it was not given.
  public private(set) var proxy: FlexisipConf?
  /// The conference server's own; nil when that is in the proxy's file, or was not given.
  public private(set) var conference: FlexisipConf?
  /// Files for other servers (presence, regevent) that have neither.
  public private(set) var others: [FlexisipConf] = []

  /// - Parameters:
  ///   - files: in any order; what each is for is seen by what is in it.
  ///   - conference: the conference server's, if that is known.
  public init(files: [FlexisipConf], conference: FlexisipConf? = nil) {
    self.conference = conference
    for file in files {
      let role = Self.role(of: file, isAlone: files.count == 1 && conference == nil)
      if role == .conference, self.conference == nil {
        self.conference = file
      } else if role == .proxy, proxy == nil {
        proxy = file
      } else {
        others.append(file)
      }
    }
    // Files that say nothing of what they are for.
    if proxy == nil, !others.isEmpty { proxy = others.removeFirst() }
  }

  /// Of one file, whatever it is for.
  public init(_ file: FlexisipConf) { self.init(files: [file]) }

  /// Says which programs read the files: decides what is known to them, and what is the default.
  /// - Parameters:
  ///   - version: of Flexisip; nil when it is not known.
  ///   - conferenceVersion: of flexisip-conference; nil for the one that belongs to `version`.
  public mutating func assign(version: FlexisipVersion?, conferenceVersion: FlexisipVersion? = nil) {
    var version = version
    if version == nil, let conferenceVersion {
      version = FlexisipProgram(kind: .conference, version: conferenceVersion).core
    }
    let program = FlexisipProgram(kind: .flexisip, version: version)
    proxy?.program = program
    for index in others.indices { others[index].program = program }
    switch version {
    case nil: conference?.program = FlexisipProgram(kind: .anyConference)
    // flexisip-conference runs beside an older proxy too.
    case let version? where version >= FlexisipProgram.split || conferenceVersion != nil:
      let own = conferenceVersion ?? FlexisipProgram.conference(besides: version)
      conference?.program = FlexisipProgram(kind: .conference, version: own)
    default: conference?.program = program
    }
  }

  /// All, in the order in which they are told of.
  public var files: [FlexisipConf] { [proxy, conference].compactMap { $0 } + others }

  private static func role(of file: FlexisipConf, isAlone: Bool) -> Role {
    let settings = file.settings.map { (section: $0.section.lowercased(), key: $0.key.lowercased()) }
    let isProxys = settings.contains { section, key in
      switch section {
      case "global": proxyKeys.contains(key)
      case registrar: isAlone && !(key.hasPrefix("redis-") || key == "db-implementation" || key == "enabled")
      default: section.hasPrefix("module::")
      }
    }
    let hasConference = settings.contains { $0.section == conference }
    let name = URL(fileURLWithPath: file.path).lastPathComponent.lowercased()
    if hasConference, !isProxys || name.contains("conference") { return .conference }
    let serves = ["presence-server", "regevent-server", "b2bua-server", "voicemail-server"]
    if !isAlone, !isProxys, settings.contains(where: { serves.contains($0.section) }) { return .other }
    return .proxy
  }

  func withMeantNames() -> FlexisipSetup {
    var copy = self
    copy.proxy = proxy?.withMeantNames()
    copy.conference = conference?.withMeantNames()
    copy.others = others.map { $0.withMeantNames() }
    return copy
  }

  /// Whether the file that the conference server reads is here. Until 2.5 that is the proxy's, whatever is in it.
  var seesConference: Bool {
    guard conference == nil, let proxy else { return conference != nil }
    if proxy.program.isAtLeast(FlexisipProgram.split) { return false }
    return proxy.has(section: Self.conference) || proxy.program.isBefore(FlexisipProgram.split)
  }

  /// What was not given, and so not looked at.
  public var unseen: [String] {
    guard let proxy else {
      return conference == nil
        ? [] : ["the proxy's flexisip.conf, with its transports, domains, trusted-hosts and users"]
    }
    guard !seesConference else { return [] }
    if proxy.program.isAtLeast(FlexisipProgram.split) {
      return ["flexisip-conference.conf, with factory, focus, outbound-proxy and the database of rooms"]
    }
    return [
      "[conference-server], which is not in \(proxy.path): until Flexisip 2.5 it must be there; from 2.6 on it is in "
        + "flexisip-conference.conf"
    ]
  }

  /// All files as one: `[conference-server]` from the conference server's, all else from the proxy's.
  public var joined: FlexisipConf {
    guard var whole = proxy ?? conference ?? others.first else { return FlexisipConf(path: "", text: "") }
    func isTheirs(_ section: String) -> Bool { section.caseInsensitiveCompare(Self.conference) == .orderedSame }
    guard proxy != nil else { return whole }
    guard let conference else {
      // Nothing reads it there.
      if whole.program.isAtLeast(FlexisipProgram.split) {
        whole.settings.removeAll { isTheirs($0.section) }
        whole.sections.removeAll { isTheirs($0.name) }
      }
      return whole
    }
    whole.settings =
      whole.settings.filter { !isTheirs($0.section) } + conference.settings.filter { isTheirs($0.section) }
    whole.sections =
      whole.sections.filter { !isTheirs($0.name) } + conference.sections.filter { isTheirs($0.name) }
    whole.files[Self.conference] = conference.path
    return whole
  }
}
