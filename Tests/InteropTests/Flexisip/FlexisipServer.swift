// FlexisipServer.swift: a real Flexisip on loopback, where the machine has one: LIMEADE_FLEXISIP names its program
import FlexisipCheck
import Foundation
import GRDB
import Lab
import MessageFormats
import TestSupport

/// Runs with the configuration that `limeade lab --print-config` writes. Users are alice, bob and carol of
/// sip.example.org, each with the name as password.
///
/// `@unchecked Sendable`: `process` is only touched by the test that has made the server.
final class FlexisipServer: @unchecked Sendable {
  private static let startSeconds = 30.0

  /// nil where nobody has said that there is one.
  static let program = ProcessInfo.processInfo.environment["LIMEADE_FLEXISIP"].map { URL(fileURLWithPath: $0) }
  static var isHere: Bool { program != nil }

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
  ///   - change: breaks flexisip.conf.
  init(
    _ setup: Setup = .plain, identity: TestAuthority.Identity? = nil, strangers: [SIPURI] = [],
    change: (String) -> String = { $0 }
  ) async throws {
    folder = try TemporaryFolder()
    let ports = try (0..<3).map { _ in try LoopbackSocket.freePort() }
    var template = ConfTemplate(
      domain: ChatService.domain, users: ["alice", "bob", "carol"].map { ($0, $0) }, port: ports[0])
    template.folder = folder.url.path
    template.focusPort = ports[1]
    template.version = .v22
    template.usesTLS = setup == .overTLS
    template.innerPort = ports[2]
    proxy = "sip:127.0.0.1:\(ports[0]);transport=\(template.usesTLS ? "tls" : "tcp")"
    conferenceServer = "sip:127.0.0.1:\(ports[1]);transport=tcp"
    factory = SIPURI(user: template.factoryUser, host: template.domain)
    conf = folder.file("flexisip.conf")
    isApart = setup == .apart
    redis = setup == .onRedis || setup == .apart ? try await DatabaseServer.redis() : nil
    var text = template.conf
    if let redis {
      text = text.replacing(
        "db-implementation=internal",
        with: "db-implementation=redis\nredis-server-domain=127.0.0.1\nredis-server-port=\(redis.port)")
    }
    if isApart { text = text.replacing("default-servers=proxy conference", with: "default-servers=proxy") }
    text = change(text)
    try text.write(to: conf, atomically: true, encoding: .utf8)
    let hasFocus =
      (isApart || text.contains("default-servers=proxy conference")) && text.contains(":\(ports[1]);")
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
    let arguments = ["-c", conf.path, "--set", "global/log-directory=\(folder.url.path)"]
    for server in isApart ? ["proxy", "conference"] : [nil] {
      processes.append(
        try PeerProcess(program, (server.map { ["--server", $0] } ?? []) + arguments, keepsErrors: true))
    }
    let deadline = ContinuousClock.now + .seconds(Self.startSeconds)
    for port in ports {
      while (try? LoopbackSocket.connected(to: port)) == nil {
        if let ended = processes.first(where: { !$0.isRunning }) {
          throw TestFailure("Flexisip ended\n\(ended.output.suffix(20))")
        }
        guard ContinuousClock.now < deadline else { throw TestFailure("Flexisip does not listen at \(port)") }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  /// Rooms that the conference server keeps, whoever is in them.
  func rooms() throws -> Int {
    var configuration = Configuration()
    configuration.readonly = true
    let path = folder.file("conference.db").path
    // Without a conference server there is none.
    guard FileManager.default.fileExists(atPath: path) else { return 0 }
    let database = try DatabaseQueue(path: path, configuration: configuration)
    return try database.read { db in
      try db.tableExists("chat_room") ? Int.fetchOne(db, sql: "SELECT COUNT(*) FROM chat_room") ?? 0 : 0
    }
  }

  func stop() {
    for process in processes { process.stop() }
    processes = []
  }
}
