// FlexisipServer.swift: a real Flexisip on loopback, where the machine has one: LIMEADE_FLEXISIP names its program
import FlexisipCheck
import Foundation
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

  let proxy: String
  let factory: SIPURI
  /// Where the conference server listens.
  let conferenceServer: String
  /// flexisip.conf
  let conf: URL
  private let ports: [Int]
  private let hasFocus: Bool
  private let folder: TemporaryFolder
  private var process: PeerProcess?

  /// - Parameter change: breaks flexisip.conf.
  init(change: (String) -> String = { $0 }) throws {
    folder = try TemporaryFolder()
    let ports = try (LoopbackSocket.freePort(), LoopbackSocket.freePort())
    var template = ConfTemplate(
      domain: ChatService.domain, users: ["alice", "bob", "carol"].map { ($0, $0) }, port: ports.0)
    template.folder = folder.url.path
    template.focusPort = ports.1
    template.version = .v2_2
    self.ports = [ports.0, ports.1]
    proxy = "sip:127.0.0.1:\(ports.0);transport=tcp"
    conferenceServer = "sip:127.0.0.1:\(ports.1);transport=tcp"
    factory = SIPURI(user: template.factoryUser, host: template.domain)
    conf = folder.file("flexisip.conf")
    let text = change(template.conf)
    hasFocus = text.contains("default-servers=proxy conference")
    try text.write(to: conf, atomically: true, encoding: .utf8)
    try template.usersFile.write(toFile: template.usersPath, atomically: true, encoding: .utf8)
  }

  func start() async throws {
    guard let program = Self.program else { throw TestFailure("LIMEADE_FLEXISIP does not name a flexisip program") }
    let process = try PeerProcess(
      program, ["-c", conf.path, "--set", "global/log-directory=\(folder.url.path)"], keepsErrors: true)
    self.process = process
    let deadline = ContinuousClock.now + .seconds(Self.startSeconds)
    for port in ports.prefix(hasFocus ? 2 : 1) {
      while (try? LoopbackSocket.connected(to: port)) == nil {
        guard process.isRunning else { throw TestFailure("Flexisip ended\n\(process.output.suffix(20))") }
        guard ContinuousClock.now < deadline else { throw TestFailure("Flexisip does not listen at \(port)") }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  func stop() {
    process?.stop()
    process = nil
  }
}
