// FlexisipServer.swift: a real Flexisip on loopback, where the machine has one: LIMEADE_FLEXISIP names its program,
// LIMEADE_FLEXISIP_CONFERENCE that of a flexisip-conference beside it
import FlexisipCheck
import Foundation
import GRDB
import Lab
import MessageFormats
import TestSupport

/// Runs with the configuration that `limeade lab --print-config` writes for the program's version, in two files where
/// flexisip-conference is named. Users are alice, bob and carol of
/// sip.example.org, each with the name as password.
///
/// `@unchecked Sendable`: `process` is only touched by the test that has made the server.
final class FlexisipServer: @unchecked Sendable {
  private static let startSeconds = 30.0
  /// Some mistakes keep the focus from being found at all.
  private static let focusSeconds = 5.0

  /// nil where nobody has said that there is one.
  static let program = ProcessInfo.processInfo.environment["LIMEADE_FLEXISIP"].map { URL(fileURLWithPath: $0) }
  static var isHere: Bool { program != nil }
  /// A program of its own as conference server; nil where that is in `program`.
  static let conferenceProgram = ProcessInfo.processInfo.environment["LIMEADE_FLEXISIP_CONFERENCE"].map {
    URL(fileURLWithPath: $0)
  }
  /// Whether proxy and conference server are two programs, which always share a Redis.
  static var isPair: Bool { isHere && conferenceProgram != nil }

  enum Setup: Sendable {
    case plain, overTLS, onRedis
    /// Proxy and conference server as two processes, which share a Redis.
    case apart
  }

  let proxy: String
  let factory: SIPURI
  /// Where the conference server listens.
  let conferenceServer: String
  /// flexisip.conf
  let conf: URL
  /// flexisip-conference.conf; nil where one file is for both.
  let conferenceConf: URL?
  /// Of who has signed the certificate; nil without TLS.
  let caFile: String?
  /// Where it will listen.
  private let ports: [Int]
  private let folder: TemporaryFolder
  private let redis: DatabaseServer?
  private let isApart: Bool
  private var processes: [PeerProcess] = []

  /// - Parameters:
  ///   - identity: the certificate in place of one that fits.
  ///   - strangers: users of other domains, with the name as password.
  ///   - change: breaks the configuration.
  init(
    _ setup: Setup = .plain, identity: TestAuthority.Identity? = nil, strangers: [SIPURI] = [],
    change: (FlexisipFiles) -> FlexisipFiles = { $0 }
  ) async throws {
    guard let program = Self.program else { throw TestFailure("LIMEADE_FLEXISIP does not name a flexisip program") }
    let version = try await FlexisipOutput.version(of: program)
    folder = try TemporaryFolder()
    let ports = try (0..<3).map { _ in try LoopbackSocket.freePort() }
    var template = ConfTemplate(
      domain: ChatService.domain, users: ["alice", "bob", "carol"].map { ($0, $0) }, port: ports[0])
    template.folder = folder.url.path
    template.focusPort = ports[1]
    guard let own = ConfTemplate.Version(for: "\(version)") else {
      throw TestFailure("there is no configuration for Flexisip \(version)")
    }
    if !Self.isPair, own == .v26 { throw TestFailure("LIMEADE_FLEXISIP_CONFERENCE must name a flexisip-conference") }
    template.version = Self.isPair ? .v26 : own
    template.usesTLS = setup == .overTLS
    template.innerPort = ports[2]
    proxy = "sip:127.0.0.1:\(ports[0]);transport=\(template.usesTLS ? "tls" : "tcp")"
    conferenceServer = "sip:127.0.0.1:\(ports[1]);transport=tcp"
    factory = SIPURI(user: template.factoryUser, host: template.domain)
    conf = folder.file("flexisip.conf")
    let isTwoProcesses = setup == .apart && !Self.isPair
    isApart = isTwoProcesses
    redis = setup == .onRedis || setup == .apart || Self.isPair ? try await DatabaseServer.redis() : nil
    if let redis { template.redisPort = redis.port }
    // It listens at all addresses, and at one port whoever else runs.
    var text = template.conf + (Self.isPair ? "\n[stun-server]\nenabled=false\n" : "")
    if let redis {
      text = text.replacing(
        "db-implementation=internal",
        with: "db-implementation=redis\nredis-server-domain=127.0.0.1\nredis-server-port=\(redis.port)")
    }
    if isTwoProcesses { text = text.replacing("default-servers=proxy conference", with: "default-servers=proxy") }
    let files = change(FlexisipFiles(proxy: text, conference: template.conferenceConf))
    try files.proxy.write(to: conf, atomically: true, encoding: .utf8)
    conferenceConf = files.conference.map { _ in URL(fileURLWithPath: template.conferencePath) }
    if let conferenceConf { try files.conference?.write(to: conferenceConf, atomically: true, encoding: .utf8) }
    let isStarted = isTwoProcesses || Self.isPair || files.proxy.contains("default-servers=proxy conference")
    let hasFocus = isStarted && (files.conference ?? files.proxy).contains(":\(ports[1]);")
    self.ports = hasFocus ? Array(ports.prefix(2)) : [ports[0]]
    let users = strangers.map { "\($0.user ?? "")@\($0.host) clrtxt:\($0.user ?? "") ;\n" }
    try (template.usersFile + users.joined())
      .write(toFile: template.usersPath, atomically: true, encoding: .utf8)
    caFile = template.usesTLS ? folder.file("ca.pem").path : nil
    guard template.usesTLS else { return }
    let made = try LabIdentity(.example)
    let certificate = try identity.map { try String(contentsOf: $0.certificate, encoding: .utf8) } ?? made.certificate
    let key = try identity.map { try String(contentsOf: $0.key, encoding: .utf8) } ?? made.key
    for (text, path) in [
      (made.authority, folder.file("ca.pem").path), (certificate, template.certificatePath), (key, template.keyPath),
    ] {
      try text.write(toFile: path, atomically: true, encoding: .utf8)
    }
  }

  func start() async throws {
    guard let program = Self.program else { throw TestFailure("LIMEADE_FLEXISIP does not name a flexisip program") }
    func run(_ program: URL, _ server: String?, _ conf: URL) throws {
      let arguments = ["-c", conf.path, "--set", "global/log-directory=\(folder.url.path)"]
      processes.append(
        try PeerProcess(program, (server.map { ["--server", $0] } ?? []) + arguments, keepsErrors: true))
    }
    for server in isApart ? ["proxy", "conference"] : [nil] { try run(program, server, conf) }
    if let conferenceProgram = Self.conferenceProgram, let conferenceConf {
      try run(conferenceProgram, nil, conferenceConf)
    }
    let deadline = ContinuousClock.now + .seconds(Self.startSeconds)
    for port in ports {
      while (try? LoopbackSocket.connected(to: port)) == nil {
        if let ended = processes.first(where: { !$0.isRunning }) {
          throw TestFailure("\(ended.name) ended\n\(ended.output.suffix(20))")
        }
        guard ContinuousClock.now < deadline else { throw TestFailure("Flexisip does not listen at \(port)") }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
    if Self.isPair, ports.count > 1 { try await waitForFocus() }
  }

  /// flexisip-conference listens before it can be found.
  private func waitForFocus() async throws {
    guard let redis else { return }
    let deadline = ContinuousClock.now + .seconds(Self.focusSeconds)
    let arguments = ["-p", "\(redis.port)", "keys", "fs:conference-focus@*"]
    while ContinuousClock.now < deadline {
      let keys = try await PeerProcess.run(URL(fileURLWithPath: "/usr/bin/redis-cli"), arguments)
      if keys.contains(where: { $0.contains("conference-focus") }) { return }
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Its files as the check takes them, named without their folder.
  func readSetup() async throws -> FlexisipSetup {
    func read(_ file: URL) throws -> FlexisipConf {
      FlexisipConf(path: file.lastPathComponent, text: try String(contentsOf: file, encoding: .utf8))
    }
    guard let program = Self.program else { throw TestFailure("LIMEADE_FLEXISIP does not name a flexisip program") }
    var setup = FlexisipSetup(files: [try read(conf)], conference: try conferenceConf.map(read))
    var conferenceVersion: FlexisipVersion?
    if let program = Self.conferenceProgram { conferenceVersion = try await FlexisipOutput.version(of: program) }
    setup.assign(version: try await FlexisipOutput.version(of: program), conferenceVersion: conferenceVersion)
    return setup
  }

  /// Rooms that the conference server keeps, whoever is in them.
  func rooms() throws -> Int {
    var configuration = Configuration()
    // Not read-only: what the server is writing may have to be read from its journal.
    configuration.busyMode = .timeout(5)
    let path = folder.file("conference.db").path
    // Without a conference server there is none.
    guard FileManager.default.fileExists(atPath: path) else { return 0 }
    // Of a copy: what the server writes while another reads, it gives up.
    let copy = try TemporaryFolder()
    for end in ["", "-journal", "-wal"] where FileManager.default.fileExists(atPath: path + end) {
      try? FileManager.default.copyItem(atPath: path + end, toPath: copy.file("conference.db").path + end)
    }
    let database = try DatabaseQueue(path: copy.file("conference.db").path, configuration: configuration)
    return try database.read { db in
      try db.tableExists("chat_room") ? Int.fetchOne(db, sql: "SELECT COUNT(*) FROM chat_room") ?? 0 : 0
    }
  }

  func stop() {
    for process in processes { process.stop() }
    processes = []
  }
}

/// The texts of a server's files.
struct FlexisipFiles: Sendable {
  var proxy: String
  /// nil where the conference server has none of its own.
  var conference: String?

  /// The file that has a section.
  subscript(section: String) -> String {
    get { section == "conference-server" ? conference ?? proxy : proxy }
    set { if section == "conference-server", conference != nil { conference = newValue } else { proxy = newValue } }
  }
}
