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
  /// `key=value`, where PROXY stands for the proxy's port
  var line: String
  var step: CheckStep
  /// Of the first cause; nil when it is none of flexisip.conf.
  var key: String?

  var testDescription: String { line }

  /// What a proxy and a conference server of two programs say otherwise.
  private struct InPair: Sendable {
    var step: CheckStep
    /// Without the files, where it is not the mistake's as with them: that depends on how far a program came.
    var key: String?
  }
  private var inPair: InPair?

  init(_ section: String, _ line: String, _ step: CheckStep, _ key: String? = nil) {
    (self.section, self.line, self.step) = (section, line, step)
    self.key = key ?? line.split(separator: "=").first.map(String.init)
  }

  private func inPair(_ step: CheckStep, _ key: String? = nil) -> FlexisipMistake {
    var copy = self
    copy.inPair = InPair(step: step, key: key)
    return copy
  }

  /// What the check must say first of this Flexisip.
  func expected(withFile: Bool) -> (step: CheckStep, key: String?) {
    guard FlexisipServer.isPair, let inPair else { return (step, key) }
    return (inPair.step, withFile ? key : inPair.key ?? key)
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
    FlexisipMistake(authentication, "realm-regex=sip:other@(.*)", .challenge),
    FlexisipMistake(authentication, "filter=user-agent contains 'Flexisip-conference'", .challenge),
    FlexisipMistake(registrar, "reg-domains=other.example.org", .registration),
    FlexisipMistake(registrar, "enabled=false", .registration),
    FlexisipMistake("module::Router", "enabled=false", .factory),
    // By itself it ends, as its port is taken.
    FlexisipMistake(conference, "transport=sip:127.0.0.1:PROXY;transport=tcp", .factory)
      .inPair(.factory, "default-servers"),
    FlexisipMistake(registrar, "enable-gruu=false", .gruu),
    FlexisipMistake(registrar, "unique-id-parameters=+other", .roomInvite).inPair(.notify),
    FlexisipMistake("module::Router", "message-fork-late=false", .offlineMessage),
    FlexisipMistake("module::Router", "filter=request.method-name != 'INVITE'", .factory),
    FlexisipMistake("module::Router", "filter=request.method-name != 'SUBSCRIBE'", .notify),
    FlexisipMistake("module::Redirect", "enabled=true", .registration),
    FlexisipMistake("module::B2bua", "enabled=true", .factory),
    FlexisipMistake("module::Presence", "enabled=true", .challenge),
    FlexisipMistake("module::NatHelper", "enabled=false", .notify),
    FlexisipMistake(registrar, "max-contacts-by-aor=0", .registration),
    FlexisipMistake(registrar, "service-route=<sip:192.0.2.1;transport=tcp;lr>", .roomInvite),
    FlexisipMistake("module::Forward", "params-to-remove=gr", .roomInvite),
    FlexisipMistake("global", "transaction-timeout=1", .factory),
  ]

  /// Whether this Flexisip has the setting, and it is wrong there.
  func isPossible() async throws -> Bool {
    // The proxy is all that runs of it.
    if FlexisipServer.isPair, line == "default-servers=proxy" { return false }
    let key = line.prefix { $0 != "=" }
    let isConferences = section == Self.conference && FlexisipServer.isPair
    let program = try #require(isConferences ? FlexisipServer.conferenceProgram : FlexisipServer.program)
    return try await FlexisipOutput.has(section, String(key), of: program)
  }

  /// The configuration with the mistake, in the file that it belongs to.
  func made(in files: FlexisipFiles) -> FlexisipFiles {
    var files = files
    let port = files.proxy.firstMatch(of: /transports=sip:127\.0\.0\.1:(\d+)/)?.1 ?? ""
    files[section] = made(in: files[section], port: String(port))
    return files
  }

  private func made(in text: String, port: String) -> String {
    let key = line.prefix { $0 != "=" } + "="
    let line = line.replacing("PROXY", with: port)
    var current = ""
    var lines: [String] = []
    let text = text.contains("\n[\(section)]\n") ? text : text + "\n[\(section)]\n"
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
    withFile: Bool, setup: FlexisipServer.Setup = .plain, identity: TestAuthority.Identity? = nil,
    caFile: String? = nil, bobsDomain: String = ChatService.domain,
    change: (FlexisipFiles) -> FlexisipFiles = { $0 }
  ) async throws -> (passed: Bool, failed: [CheckResult]) {
    let isStranger = bobsDomain != ChatService.domain
    let server = try await FlexisipServer(
      setup, identity: identity, strangers: isStranger ? [SIPURI(user: "bob", host: bobsDomain)] : [], change: change)
    try await server.start()
    defer { server.stop() }
    var keys = KeyServerConfiguration()
    let users = Dictionary(uniqueKeysWithValues: ["alice", "bob"].map { ($0, DigestSecret.password($0)) })
    keys.authentication = .init(realm: ChatService.domain, users: users)
    let keyServer = try KeyServer(configuration: keys)
    let port = try await keyServer.start()
    func account(_ user: String) throws -> AccountConfiguration {
      AccountConfiguration(
        name: user, address: SIPURI(user: user, host: user == "bob" ? bobsDomain : ChatService.domain),
        password: Password(user), outboundProxy: SIPURI(server.proxy), conferenceFactory: server.factory,
        keyServer: isStranger ? nil : URL(string: "http://127.0.0.1:\(port)/"),
        caFile: caFile ?? server.caFile)
    }
    let alice = try account("alice")
    let setup = withFile ? try await server.readSetup() : nil
    let conf = setup?.joined
    let findings = setup.map {
      ConfCheck.findings(
        in: $0,
        client: ConfClient(
          address: alice.address, outboundProxy: alice.outboundProxy, conferenceFactory: alice.conferenceFactory))
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
    // The conference server deletes a room a moment after the last member has left.
    let end = ContinuousClock.now + .seconds(passed ? 5 : 0)
    // It begins without any. Who reads its database while it makes the tables may keep it from that.
    while passed, try server.rooms() != 0, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(50)) }
    if passed { #expect(try server.rooms() == 0, "rooms are left behind") }
    return (passed, failed)
  }

  @Test func theConfigurationThatIsPrintedIsAcceptedAndTheCheckIsGreen() async throws {
    let (passed, failed) = try await check(withFile: true)
    #expect(passed, "\(failed)")
  }

  /// As README recommends it: the factory's room, which only a device without capabilities asks for, goes too.
  @Test func withTwoProcessesAndRedisTheCheckIsGreenAndLeavesNoRoom() async throws {
    let start = ContinuousClock.now
    let (passed, failed) = try await check(withFile: true, setup: .apart)
    #expect(passed, "\(failed)")
    #expect(start.duration(to: .now) < .seconds(60))
  }

  @Test(arguments: FlexisipMistake.all, [false, true])
  func theMistakeIsNamedFirst(_ mistake: FlexisipMistake, withFile: Bool) async throws {
    guard try await mistake.isPossible() else { try Test.cancel("no such mistake here: \(mistake.line)") }
    let (_, failed) = try await check(withFile: withFile, change: mistake.made)
    let first = try #require(failed.first)
    let cause = try #require(first.causes.first)
    let expected = mistake.expected(withFile: withFile)
    #expect(first.step == expected.step, "\(first)")
    #expect(
      [expected.key, mistake.key].contains(cause.key), "\(first.seen): \(first.causes.map { $0.setting ?? $0.text })")
    let file = FlexisipServer.isPair && cause.section == "conference-server" ? "flexisip-conference" : "flexisip"
    if withFile { #expect(cause.place?.hasPrefix("\(file).conf:") == true, "\(cause)") }
  }

  @Test func theConfigurationForTLSIsAcceptedAndTheCheckIsGreen() async throws {
    let (passed, failed) = try await check(withFile: true, setup: .overTLS)
    #expect(passed, "\(failed)")
  }

  @Test(arguments: [("IP:127.0.0.1", -1, "expired"), ("DNS:other.example.org", 2, "not for 127.0.0.1")])
  func aBadCertificateIsExplained(names: String, days: Int, words: String) async throws {
    let authority = try await TestAuthority()
    let identity = try await authority.issue(names, days: days)
    let (_, failed) = try await check(
      withFile: false, setup: .overTLS, identity: identity, caFile: authority.certificate.path)
    let first = try #require(failed.first)
    #expect(first.step == .tls && first.causes.first?.key == "tls-certificates-file", "\(first)")
    #expect(first.causes.first?.text.contains(words) == true, "\(first)")
  }

  @Test func anUnknownAuthorityGoesIntoTheCAFile() async throws {
    let authority = try await TestAuthority()
    let (_, failed) = try await check(withFile: false, setup: .overTLS, caFile: authority.certificate.path)
    #expect(failed.first?.step == .tls && failed.first?.causes.first?.text.contains("ca-file") == true, "\(failed)")
  }

  @Test func aKeyThatCannotBeReadIsNamed() async throws {
    for withFile in [false, true] {
      let (_, failed) = try await check(withFile: withFile, setup: .overTLS) { files in
        var files = files
        files.proxy.replace(/tls-certificates-private-key=.*/, with: "tls-certificates-private-key=/nowhere/server.key")
        return files
      }
      let first = try #require(failed.first)
      #expect(first.step == .tls, "\(first)")
      #expect(first.causes.first?.key?.hasPrefix("tls-certificates-") == true, "\(first)")
    }
  }

  @Test(arguments: [false, true]) func anotherDomainMustBeKnownToTheConferenceServer(withFile: Bool) async throws {
    let (_, failed) = try await check(withFile: withFile, bobsDomain: "other.example.org") { files in
      var files = files
      for key in ["auth-domains", "reg-domains"] {
        files.proxy.replace("\(key)=sip.example.org", with: "\(key)=sip.example.org other.example.org")
      }
      return files
    }
    let first = try #require(failed.first)
    // flexisip-conference makes the room first.
    let step = FlexisipServer.isPair ? CheckStep.notify : .roomInvite
    #expect(first.step == step && first.causes.first?.key == "local-domains", "\(first)")
  }
}
