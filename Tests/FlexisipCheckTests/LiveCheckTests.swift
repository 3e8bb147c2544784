// LiveCheckTests.swift: the live check passes on a lab, and names the right cause first for each of its faults
import ChatCore
import FlexisipCheck
import Foundation
import Lab
import Logging
import MessageFormats
import TestSupport
import Testing

/// Collects the results of one run.
///
/// `@unchecked Sendable`: `all` is only touched under `lock`.
private final class Results: @unchecked Sendable {
  private let lock = NSLock()
  private var all: [CheckResult] = []

  func add(_ result: CheckResult) { lock.withLock { all.append(result) } }
  var list: [CheckResult] { lock.withLock { all } }
  var failed: [CheckResult] { list.filter { $0.outcome == .failed } }
}

/// A fault, the step that fails first, and the setting (or words of the cause) that must come first.
struct FaultCase: Sendable, CustomTestStringConvertible {
  var fault: LabFault
  var step: CheckStep
  var section: String?
  var key: String?
  var words: String?
  /// A line of the server's configuration that is wrong in the same way, for faults that look alike from outside.
  var broken: (line: String, becomes: String)?

  var testDescription: String { fault.rawValue }

  static let all: [FaultCase] = [
    FaultCase(
      fault: .conferenceServerOff, step: .factory, section: "conference-server", key: "enabled",
      broken: ("enabled=true", "enabled=false")),
    FaultCase(
      fault: .factoryNotListed, step: .factory, section: "conference-server", key: "conference-factory-uris"),
    FaultCase(
      fault: .factoryForCalls, step: .factory, section: "conference-server", key: "supported-media-types"),
    FaultCase(fault: .focusChallenged, step: .notify, section: "module::Authentication", key: "trusted-hosts"),
    FaultCase(
      fault: .outboundProxyUnreachable, step: .notify, section: "conference-server", key: "outbound-proxy",
      broken: ("outbound-proxy=", "outbound-proxy=sip:127.0.0.1:5070;transport=tcp")),
    FaultCase(fault: .clientsTrusted, step: .challenge, section: "module::Authentication", key: "trusted-hosts"),
    FaultCase(
      fault: .authenticationOff, step: .challenge, section: "module::Authentication", key: "enabled",
      broken: ("[module::Authentication]", "[module::Authentication]\nenabled=false\n#")),
    FaultCase(fault: .authDomainMissing, step: .challenge, section: "module::Authentication", key: "auth-domains"),
    FaultCase(fault: .regDomainMissing, step: .registration, section: "module::Registrar", key: "reg-domains"),
    FaultCase(fault: .gruuOff, step: .gruu, section: "module::Registrar", key: "enable-gruu"),
    FaultCase(
      fault: .registrationsNotShared, step: .roomInvite, section: "module::Registrar", key: "db-implementation"),
    FaultCase(fault: .specsLost, step: .roomInvite, section: "conference-server", key: "check-capabilities"),
    FaultCase(fault: .offlineMessagesLost, step: .offlineMessage, section: "module::Router", key: "message-fork-late"),
    FaultCase(fault: .keyServerRealm, step: .keyServerDigest, words: "realm"),
    FaultCase(fault: .keyServerDown, step: .keyServer, words: "does not run"),
    FaultCase(fault: .clockAhead, step: .clock, words: "clock"),
  ]
}

@Suite(.serialized) struct LiveCheckOnTheLab {
  private func account(
    _ user: String, _ addresses: LabAddresses, withKeys: Bool = true
  ) throws -> AccountConfiguration {
    let factory: SIPURI = try #require(SIPURI(addresses.factory))
    return AccountConfiguration(
      name: user, address: SIPURI(user: user, host: addresses.domain), password: Password(user),
      outboundProxy: SIPURI(addresses.sip), conferenceFactory: factory,
      keyServer: withKeys ? addresses.keyServer : nil)
  }

  private func run(
    fault: LabFault? = nil, two: Bool = true, conf: FlexisipConf? = nil, otherHasKeys: Bool = true,
    timeouts: (answer: Double, arrival: Double) = (2, 4)
  ) async throws -> (passed: Bool, results: Results) {
    var configuration = LabConfiguration.example
    configuration.fault = fault
    let lab = Lab(configuration)
    let addresses = try await lab.start()
    let results = Results()
    let alice = try account("alice", addresses)
    var limits = LiveCheck.Timeouts()
    limits.answer = timeouts.answer
    limits.arrival = timeouts.arrival
    let findings = conf.map {
      ConfCheck.findings(
        in: $0, client: ConfClient(address: alice.address, conferenceFactory: alice.conferenceFactory),
        isServersMachine: false)
    }
    let check = LiveCheck(
      account: alice, other: two ? try account("bob", addresses, withKeys: otherHasKeys) : nil, conf: conf,
      findings: findings ?? [], timeouts: limits,
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
    ) { results.add($0) }
    let passed = await check.run()
    await lab.stop()
    return (passed, results)
  }

  @Test func everyStepPassesWithTwoAccounts() async throws {
    let (passed, results) = try await run(timeouts: (10, 20))
    #expect(passed, "\(results.failed)")
    let left = results.list.filter { $0.outcome == .notTried }.map(\.step)
    #expect(left == [.tls, .clock])
    #expect(Set(results.list.map(\.step)) == Set(CheckStep.allCases), "a result for every step")
  }

  @Test func withOneAccountWhatNeedsTwoIsNotTried() async throws {
    let (passed, results) = try await run(two: false)
    #expect(passed, "\(results.failed)")
    #expect(results.list.first { $0.step == .factory }?.outcome == .passed)
    #expect(results.list.first { $0.step == .message }?.outcome == .notTried)
  }

  @Test(arguments: FaultCase.all) func theRightCauseComesFirst(_ fault: FaultCase) async throws {
    var conf: FlexisipConf?
    if let broken = fault.broken {
      var lines = ConfTemplate(domain: "sip.example.org", users: [("alice", "alice")]).conf.components(
        separatedBy: "\n")
      let place = try #require(lines.firstIndex { $0.hasPrefix(broken.line) })
      lines[place] = broken.becomes
      conf = FlexisipConf(path: "flexisip.conf", text: lines.joined(separator: "\n"))
    }
    let (passed, results) = try await run(fault: fault.fault, conf: conf)
    #expect(!passed)
    let first = try #require(results.failed.first, "no step failed")
    #expect(first.step == fault.step, "\(first)")
    let cause = try #require(first.causes.first)
    if let key = fault.key {
      #expect(cause.section == fault.section && cause.key == key, "\(first.causes.map { $0.setting ?? $0.text })")
    }
    if let words = fault.words { #expect(cause.text.contains(words), "\(cause.text)") }
    if conf != nil { #expect(cause.place?.hasPrefix("flexisip.conf:") == true) }
  }

  @Test func anInvitedAccountWithoutAKeyServerIsNamed() async throws {
    let (_, results) = try await run(otherHasKeys: false)
    let reason = results.list.first { $0.step == .keysPublished }
    #expect(reason?.outcome == .notTried)
    #expect(reason?.seen.contains("sip:bob@sip.example.org") == true)
    #expect(results.list.first { $0.step == .reply }?.outcome == .passed)
  }

  @Test func everyFaultHasACase() { #expect(Set(FaultCase.all.map(\.fault)) == Set(LabFault.allCases)) }
}
