// ElsewhereTests.swift: a server at another port than the account names, and an account of a domain it does not know
import ChatCore
import FlexisipCheck
import Foundation
import Lab
import Logging
import MessageFormats
import TestSupport
import Testing

@Suite(.serialized) struct ServersElsewhere {
  private static func account(_ user: String, of lab: LabAddresses, at proxy: String? = nil) -> AccountConfiguration {
    AccountConfiguration(
      name: user, address: SIPURI(user: user, host: lab.domain), password: Password(user),
      outboundProxy: SIPURI(proxy ?? lab.sip),
      conferenceFactory: SIPURI(lab.factory) ?? SIPURI(user: nil, host: lab.domain))
  }

  private static func check(
    _ account: AccountConfiguration, with other: AccountConfiguration? = nil, conf: FlexisipConf? = nil,
    lookAround: LiveCheck.LookAround = LiveCheck.LookAround()
  ) async -> CheckResult? {
    let results = Results()
    var timeouts = LiveCheck.Timeouts()
    timeouts.answer = 5
    timeouts.arrival = 10
    _ = await LiveCheck(
      account: account, other: other, conf: conf, timeouts: timeouts, lookAround: lookAround,
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
    ) { results.add($0) }.run()
    return results.failed.first
  }

  private static func withLab(
    domain: String = "sip.\(TestDomain.name)", _ body: (LabAddresses) async throws -> Void
  ) async throws {
    var configuration = LabConfiguration.example
    configuration.domain = domain
    let lab = Lab(configuration)
    let addresses = try await lab.start()
    do { try await body(addresses) } catch {
      await lab.stop()
      throw error
    }
    await lab.stop()
  }

  @Test func thePortOfTheFileIsTried() async throws {
    try await Self.withLab { lab in
      let port = try #require(SIPURI(lab.sip)?.port)
      let nobody = try LoopbackSocket.refusing()
      let conf = FlexisipConf(
        path: "flexisip.conf", text: ConfTemplate(domain: lab.domain, users: [("alice", "alice")], port: port).conf)
      let account = Self.account("alice", of: lab, at: "sip:127.0.0.1:\(nobody.port);transport=tcp")
      let first = try #require(await Self.check(account, conf: conf))
      #expect(first.step == .reachability)
      let cause = try #require(first.causes.first)
      #expect(cause.section == "global" && cause.key == "transports", "\(first)")
      #expect(cause.text.contains("sip:127.0.0.1:\(port);transport=tcp"), "\(first)")
      #expect(cause.place?.hasPrefix("flexisip.conf:") == true)
    }
  }

  /// Whatever else listens on this machine.
  @Test func thePortBesideItIsTried() async throws {
    var lookAround = LiveCheck.LookAround()
    (lookAround.defaultPorts, lookAround.usualPorts, lookAround.readsTables) = ([], [], false)
    try await Self.withLab { lab in
      let port = try #require(SIPURI(lab.sip)?.port)
      let wrong = try #require([port + 1, port - 1].first { (try? LoopbackSocket.connected(to: $0)) == nil })
      let first = try #require(
        await Self.check(
          Self.account("alice", of: lab, at: "sip:127.0.0.1:\(wrong);transport=tcp"), lookAround: lookAround))
      #expect(first.step == .reachability)
      #expect(first.causes.first?.key == "transports", "\(first)")
      #expect(first.causes.first?.text.contains("sip:127.0.0.1:\(port);transport=tcp") == true, "\(first)")
    }
  }

  /// bob is registered, but at the server of his own domain, and nobody has told this one's conference server of it.
  @Test func anotherDomainMustBeKnownToTheConferenceServer() async throws {
    try await Self.withLab { lab in
      try await Self.withLab(domain: "other.\(TestDomain.name)") { other in
        let first = try #require(
          await Self.check(Self.account("alice", of: lab), with: Self.account("bob", of: other)))
        #expect(first.step == .roomInvite, "\(first)")
        #expect(first.causes.first?.section == "conference-server", "\(first)")
        #expect(first.causes.first?.key == "local-domains", "\(first)")
        #expect(first.causes.first?.value == "other.\(TestDomain.name)")
      }
    }
  }
}
