// FlexisipTests.swift: the check on a real Flexisip; only where LIMEADE_FLEXISIP names its program
import ChatCore
import DigestAuth
import FlexisipCheck
import Foundation
import KeyServer
import Logging
import MessageFormats
import TestSupport
import Testing

/// One setting of the configuration that works, made wrong; and what the check must say first.
struct FlexisipMistake: Sendable, CustomTestStringConvertible {
  var section: String
  /// `key=value`
  var line: String
  var step: CheckStep
  /// Of the first cause; nil when it is none of flexisip.conf.
  var key: String?

  var testDescription: String { line }

  init(_ section: String, _ line: String, _ step: CheckStep, _ key: String? = nil) {
    (self.section, self.line, self.step) = (section, line, step)
    self.key = key ?? line.split(separator: "=").first.map(String.init)
  }

  private static let authentication = "module::Authentication"
  private static let registrar = "module::Registrar"
  private static let conference = "conference-server"

  static let all = [
    FlexisipMistake("global", "default-servers=proxy", .factory),
    FlexisipMistake(conference, "enabled=false", .factory),
    FlexisipMistake(conference, "conference-factory-uris=sip:other@sip.example.org", .factory),
    FlexisipMistake(conference, "outbound-proxy=sip:127.0.0.1:9;transport=tcp", .invitation),
    FlexisipMistake(authentication, "filter=", .notify, "trusted-hosts"),
    FlexisipMistake(authentication, "trusted-hosts=127.0.0.1", .challenge),
    FlexisipMistake(authentication, "enabled=false", .challenge),
    FlexisipMistake(authentication, "auth-domains=other.example.org", .challenge),
    FlexisipMistake(authentication, "realm=other.example.org", .registration),
    FlexisipMistake(registrar, "reg-domains=other.example.org", .registration),
    FlexisipMistake(registrar, "enable-gruu=false", .gruu),
    FlexisipMistake(registrar, "unique-id-parameters=+other", .roomInvite),
    FlexisipMistake("module::Router", "message-fork-late=false", .offlineMessage),
  ]

  /// The text of flexisip.conf with the mistake.
  func made(in text: String) -> String {
    let key = line.prefix { $0 != "=" } + "="
    var current = ""
    var lines: [String] = []
    for old in text.components(separatedBy: "\n") {
      if old.hasPrefix("[") {
        current = old
        lines.append(old)
        if current == "[\(section)]" { lines.append(line) }
      } else if current != "[\(section)]" || !old.hasPrefix(key) {
        lines.append(old)
      }
    }
    return lines.joined(separator: "\n")
  }
}

@Suite(.serialized, .enabled(if: FlexisipServer.isHere)) struct FlexisipTests {
  private func check(
    withFile: Bool, change: (String) -> String = { $0 }
  ) async throws -> (passed: Bool, failed: [CheckResult]) {
    let server = try FlexisipServer(change: change)
    try await server.start()
    defer { server.stop() }
    var keys = KeyServerConfiguration()
    let users = Dictionary(uniqueKeysWithValues: ["alice", "bob"].map { ($0, DigestSecret.password($0)) })
    keys.authentication = .init(realm: ChatService.domain, users: users)
    let keyServer = try KeyServer(configuration: keys)
    let port = try await keyServer.start()
    func account(_ user: String) throws -> AccountConfiguration {
      AccountConfiguration(
        name: user, address: SIPURI(user: user, host: ChatService.domain), password: Password(user),
        outboundProxy: SIPURI(server.proxy), conferenceFactory: server.factory,
        keyServer: URL(string: "http://127.0.0.1:\(port)/"))
    }
    let alice = try account("alice")
    var conf: FlexisipConf?
    if withFile {
      conf = try FlexisipConf(path: "flexisip.conf", text: String(contentsOf: server.conf, encoding: .utf8))
    }
    let findings = conf.map {
      ConfCheck.findings(
        in: $0, client: ConfClient(address: alice.address, conferenceFactory: alice.conferenceFactory), version: "2.2")
    }
    let (results, sink) = AsyncStream.makeStream(of: CheckResult.self)
    let live = LiveCheck(
      account: alice, other: try account("bob"), conf: conf, findings: findings ?? [],
      conferenceServer: server.conferenceServer, logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
    ) { sink.yield($0) }
    let passed = await live.run()
    sink.finish()
    await keyServer.stop()
    var failed: [CheckResult] = []
    for await result in results where result.outcome == .failed { failed.append(result) }
    return (passed, failed)
  }

  @Test func theConfigurationThatIsPrintedIsAcceptedAndTheCheckIsGreen() async throws {
    let (passed, failed) = try await check(withFile: true)
    #expect(passed, "\(failed)")
  }

  @Test(arguments: FlexisipMistake.all, [false, true])
  func theMistakeIsNamedFirst(_ mistake: FlexisipMistake, withFile: Bool) async throws {
    let (_, failed) = try await check(withFile: withFile, change: mistake.made)
    let first = try #require(failed.first)
    let cause = try #require(first.causes.first)
    #expect(first.step == mistake.step, "\(first)")
    #expect(cause.key == mistake.key, "\(first.seen): \(first.causes.map { $0.setting ?? $0.text })")
    if withFile { #expect(cause.place?.hasPrefix("flexisip.conf:") == true) }
  }
}
