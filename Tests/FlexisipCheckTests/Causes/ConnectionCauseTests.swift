// ConnectionCauseTests.swift: refused, dropped, the other family; and guesses that never come before what was seen
import ChatCore
import FlexisipCheck
import Foundation
import Lab
import Logging
import MessageFormats
import TestSupport
import Testing

/// A port of this machine that answers no attempt to connect, as behind a firewall that drops: its backlog is full.
struct DroppingPort {
  let port: Int
  private let sockets: [LoopbackSocket]

  init() throws {
    let listener = try LoopbackSocket.listening()
    guard listen(listener.descriptor, 0) == 0 else { throw TestFailure("listen(2) refuses a backlog of 0") }
    port = listener.port
    sockets = [listener, try LoopbackSocket.connected(to: port)]
  }
}

@Suite(.serialized) struct ConnectionCauses {
  private static func account(_ user: String, _ lab: LabAddresses, at proxy: String? = nil) -> AccountConfiguration {
    AccountConfiguration(
      name: user, address: SIPURI(user: user, host: lab.domain), password: Password(user),
      outboundProxy: SIPURI(proxy ?? lab.sip),
      conferenceFactory: SIPURI(lab.factory) ?? SIPURI(user: nil, host: lab.domain))
  }

  private static func firstFailure(
    _ account: AccountConfiguration, with other: AccountConfiguration? = nil, conf: FlexisipConf? = nil,
    answer: Double = 2
  ) async -> CheckResult? {
    let results = Results()
    var timeouts = LiveCheck.Timeouts()
    timeouts.answer = answer
    timeouts.arrival = answer * 2
    _ = await LiveCheck(
      account: account, other: other, conf: conf, timeouts: timeouts,
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
    ) { results.add($0) }.run()
    return results.failed.first
  }

  private static func withLab(
    _ change: (inout LabConfiguration) -> Void, _ body: (LabAddresses) async throws -> Void
  ) async throws {
    var configuration = LabConfiguration.example
    change(&configuration)
    let lab = Lab(configuration)
    let addresses = try await lab.start()
    do { try await body(addresses) } catch {
      await lab.stop()
      throw error
    }
    await lab.stop()
  }

  private static func alone(at port: Int) -> AccountConfiguration {
    AccountConfiguration(
      name: "alice", address: SIPURI(user: "alice", host: "sip.example.org"), password: Password("alice"),
      outboundProxy: SIPURI("sip:127.0.0.1:\(port);transport=tcp"))
  }

  @Test func noAnswerIsAFirewallBeforeItIsAServerThatDoesNotRun() async throws {
    let dropping = try DroppingPort()
    let first = try #require(await Self.firstFailure(Self.alone(at: dropping.port)))
    #expect(first.step == .reachability)
    #expect(first.seen.contains("from 127.0.0.1") && first.seen.contains("no answer within"), "\(first.seen)")
    let cause = try #require(first.causes.first?.text)
    for part in ["drops", "from 127.0.0.1 to 127.0.0.1 port \(dropping.port)", "nft list ruleset"] {
      #expect(cause.contains(part), "\(cause)")
    }
    #expect(!first.causes.contains { $0.text.contains("Flexisip does not run") }, "\(first.causes)")
    #expect(first.causes.contains { $0.text.contains("ss -ltn") })
  }

  @Test func aRefusalIsAServerThatDoesNotRun() async throws {
    let refusing = try LoopbackSocket.refusing()
    let first = try #require(await Self.firstFailure(Self.alone(at: refusing.port)))
    #expect(first.step == .reachability)
    #expect(first.causes.first.map { !$0.text.contains("drops") } == true, "\(first)")
  }

  @Test func aListenerOfTheOtherFamilyIsFound() async throws {
    try await Self.withLab {
      $0.address = "::1"
    } _: { lab in
      let port = try #require(SIPURI(lab.sip)?.port)
      let account = Self.account("alice", lab, at: "sip:127.0.0.1:\(port);transport=tcp")
      let first = try #require(await Self.firstFailure(account))
      #expect(first.step == .reachability)
      let cause = try #require(first.causes.first)
      #expect(cause.key == "transports" && cause.text.contains("[::1]:\(port)"), "\(first)")
      #expect(cause.text.contains("AAAA"), "\(cause.text)")
    }
  }

  /// What the conference server sends is dropped or refused: seen by connecting as it does.
  @Test(arguments: [true, false]) func theWayToTheProxyIsTried(drops: Bool) async throws {
    try await Self.withLab {
      $0.fault = .outboundProxyUnreachable
    } _: { lab in
      let dropping = try DroppingPort()
      let refusing = try LoopbackSocket.refusing()
      let port = drops ? dropping.port : refusing.port
      let conf = FlexisipConf(
        path: "flexisip.conf",
        text: "[conference-server]\noutbound-proxy=sip:127.0.0.1:\(port);transport=tcp\n")
      let first = try #require(
        await Self.firstFailure(
          Self.account("alice", lab), with: Self.account("bob", lab), conf: conf, answer: 4))
      #expect(first.step == .notify, "\(first)")
      let cause = try #require(first.causes.first)
      #expect(cause.key == "outbound-proxy", "\(first)")
      #expect(cause.text.contains(drops ? "firewall drops" : "refused"), "\(cause.text)")
    }
  }

  // MARK: Guesses

  /// Nobody has said where the conference server listens, and nothing is at its usual place.
  @Test(arguments: [LabFault.factoryNotListed, .conferenceServerOff]) func aGuessIsNoEvidence(fault: LabFault)
    async throws
  {
    try await Self.withLab {
      $0.fault = fault
    } _: { lab in
      let first = try #require(await Self.firstFailure(Self.account("alice", lab)))
      #expect(first.step == .factory)
      #expect(first.causes.first?.key == "conference-factory-uris", "\(first)")
      #expect(!first.seen.contains("no conference server at") || first.seen.contains("a guess"), "\(first.seen)")
    }
  }

  /// Newer Flexisips answer OPTIONS for themselves before they authenticate anybody.
  @Test func theFocusIsChallengedAlsoWhereTheProxyAnswersForItselfAtOnce() async throws {
    try await Self.withLab {
      $0.fault = .focusChallenged
      $0.roomAddresses = .confID
    } _: { lab in
      let first = try #require(
        await Self.firstFailure(Self.account("alice", lab), with: Self.account("bob", lab), answer: 4))
      #expect(first.step == .notify)
      #expect(first.causes.first?.key == "trusted-hosts" && first.seen.contains("challenged"), "\(first)")
    }
  }
}
