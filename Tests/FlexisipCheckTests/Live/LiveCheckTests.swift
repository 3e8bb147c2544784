// LiveCheckTests.swift: the live check passes on a lab, and names the right cause first for each of its faults
import ChatCore
import FlexisipCheck
import Foundation
import Lab
import Logging
import MessageFormats
import ServerConnection
import TestSupport
import Testing

/// A fault, the step that fails first, and the setting (or words of the cause) that must come first.
struct FaultCase: Sendable, CustomTestStringConvertible {
  var fault: LabFault
  var step: CheckStep
  var section: String?
  var key: String?
  var words: String?

  var testDescription: String { fault.rawValue }

  static let all: [FaultCase] = [
    FaultCase(fault: .serverDown, step: .reachability),
    FaultCase(fault: .conferenceServerOff, step: .factory, section: "global", key: "default-servers"),
    FaultCase(fault: .conferenceServerDisabled, step: .factory, section: "conference-server", key: "enabled"),
    FaultCase(
      fault: .factoryNotListed, step: .factory, section: "conference-server", key: "conference-factory-uris"),
    FaultCase(
      fault: .factoryElsewhere, step: .factory, section: "conference-server", key: "conference-factory-uris"),
    FaultCase(
      fault: .registrationsNotShared, step: .factory, section: "module::Registrar", key: "db-implementation"),
    FaultCase(
      fault: .factoryForCalls, step: .factory, section: "conference-server", key: "supported-media-types"),
    FaultCase(fault: .focusChallenged, step: .notify, section: "module::Authentication", key: "trusted-hosts"),
    FaultCase(fault: .outboundProxyUnreachable, step: .notify, section: "conference-server", key: "outbound-proxy"),
    FaultCase(fault: .invitationsLost, step: .invitation, section: "conference-server", key: "outbound-proxy"),
    FaultCase(fault: .clientsTrusted, step: .challenge, section: "module::Authentication", key: "trusted-hosts"),
    FaultCase(fault: .authenticationOff, step: .challenge, section: "module::Authentication", key: "enabled"),
    FaultCase(fault: .authDomainMissing, step: .challenge, section: "module::Authentication", key: "auth-domains"),
    FaultCase(
      fault: .unknownAlgorithm, step: .challenge, section: "module::Authentication", key: "available-algorithms"),
    FaultCase(fault: .usersDown, step: .challenge, section: "module::Authentication", key: "soci-connection-string"),
    FaultCase(fault: .regDomainMissing, step: .registration, section: "module::Registrar", key: "reg-domains"),
    FaultCase(fault: .registrarOff, step: .registration, section: "module::Registrar", key: "enabled"),
    FaultCase(fault: .routerOff, step: .factory, section: "module::Router", key: "enabled"),
    FaultCase(fault: .focusPortTaken, step: .factory, section: "conference-server", key: "transport"),
    FaultCase(fault: .filterReversed, step: .challenge, section: "module::Authentication", key: "filter"),
    FaultCase(fault: .realmExpression, step: .challenge, section: "module::Authentication", key: "realm-regex"),
    FaultCase(fault: .redirected, step: .registration, section: "module::Redirect", key: "enabled"),
    FaultCase(
      fault: .noContactsTaken, step: .registration, section: "module::Registrar", key: "max-contacts-by-aor"),
    FaultCase(fault: .invitesCaught, step: .factory, section: "module::B2bua", key: "enabled"),
    FaultCase(fault: .invitesFiltered, step: .factory, section: "module::Router", key: "filter"),
    FaultCase(fault: .subscribesFiltered, step: .notify, section: "module::Router", key: "filter"),
    FaultCase(fault: .serverEnds, step: .factory, words: "Flexisip ended"),
    FaultCase(fault: .storeDown, step: .registration, section: "module::Registrar", key: "redis-server-domain"),
    FaultCase(fault: .otherRealm, step: .registration, section: "module::Authentication", key: "realm"),
    FaultCase(fault: .gruuOff, step: .gruu, section: "module::Registrar", key: "enable-gruu"),
    FaultCase(
      fault: .doubledBindings, step: .secondRegistration, section: "module::Registrar", key: "unique-id-parameters"),
    FaultCase(
      fault: .roomsNotFound, step: .roomInvite, section: "module::Registrar", key: "unique-id-parameters"),
    FaultCase(fault: .nobodyRegistered, step: .roomInvite, section: "module::Registrar", key: "db-implementation"),
    FaultCase(fault: .oneMissing, step: .invitation, section: "module::Registrar", key: "db-implementation"),
    FaultCase(fault: .specsLost, step: .roomInvite, section: "conference-server", key: "check-capabilities"),
    FaultCase(
      fault: .groupchatSpecMissing, step: .capabilities, section: "conference-server", key: "check-capabilities"),
    FaultCase(fault: .limeSpecMissing, step: .capabilities, section: "conference-server", key: "check-capabilities"),
    FaultCase(fault: .messagesLost, step: .message, section: "module::Router", key: "filter"),
    FaultCase(fault: .offlineMessagesLost, step: .offlineMessage, section: "module::Router", key: "message-fork-late"),
    FaultCase(fault: .keyServerRealm, step: .keyServerDigest, words: "realm"),
    FaultCase(fault: .keyServerSHA256, step: .keyServerAccount, words: "SHA-256"),
    FaultCase(fault: .keyServerLimit, step: .keysPublished, words: "limit"),
    FaultCase(fault: .keyServerDown, step: .keyServer, words: "does not run"),
    FaultCase(fault: .clockAhead, step: .clock, words: "clock"),
    FaultCase(fault: .fileServerDown, step: .fileServer, words: "does not run"),
    FaultCase(fault: .fileServerBodyLimit, step: .largeFile, words: "client_max_body_size"),
    FaultCase(fault: .fileServerPostLimit, step: .largeFile, words: "post_max_size"),
    FaultCase(fault: .fileServerChunked, step: .fileUpload, words: "chunks"),
    FaultCase(fault: .fileServerLinkGone, step: .fileDownload, words: "does not lead to the file"),
    FaultCase(fault: .fileServerLinkForbidden, step: .fileDownload, words: "must work for everybody"),
    FaultCase(
      fault: .certificateExpired, step: .tls, section: "global", key: "tls-certificates-file", words: "expired"),
    FaultCase(
      fault: .certificateForAnotherName, step: .tls, section: "global", key: "tls-certificates-file",
      words: "old.example.com"),
    FaultCase(fault: .certificateOfUnknownAuthority, step: .tls, words: "ca-file"),
    FaultCase(fault: .tlsTooOld, step: .tls, words: "TLS 1.2"),
  ]
}

@Suite(.serialized) struct LiveCheckOnTheLab {
  /// Where nothing listens.
  private static let nobody = "sip:127.0.0.1:1;transport=tcp"

  private func account(
    _ user: String, _ addresses: LabAddresses, withKeys: Bool = true
  ) throws -> AccountConfiguration {
    let factory: SIPURI = try #require(SIPURI(addresses.factory))
    return AccountConfiguration(
      name: user, address: SIPURI(user: user, host: addresses.domain), password: Password(user),
      outboundProxy: SIPURI(addresses.sip), conferenceFactory: factory,
      keyServer: withKeys ? addresses.keyServer : nil, fileServer: addresses.fileServer, caFile: addresses.caFile)
  }

  private func run(
    fault: LabFault? = nil, two: Bool = true, conf: FlexisipConf? = nil, otherHasKeys: Bool = true,
    timeouts: (answer: Double, arrival: Double) = (2, 4), trace: WireTrace? = nil, overTLS: Bool = false
  ) async throws -> (passed: Bool, results: Results) {
    var configuration = LabConfiguration.example
    configuration.usesTLS = overTLS
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
      findings: findings ?? [],
      conferenceServer: addresses.conferenceServer ?? Self.nobody, timeouts: limits, trace: trace,
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
    ) { results.add($0) }
    let passed = await check.run()
    await lab.stop()
    return (passed, results)
  }

  @Test func everyStepPassesWithTwoAccounts() async throws {
    let (passed, results) = try await run(timeouts: (10, 20))
    #expect(passed, "\(results.failed)")
    let left = Set(results.list.filter { $0.outcome == .notTried }.map(\.step))
    #expect(left == [.tls, .clock, .keyServerTLS, .fileServerTLS])
    #expect(Set(results.list.map(\.step)) == Set(CheckStep.allCases), "a result for every step")
  }

  @Test func withOneAccountWhatNeedsTwoIsNotTried() async throws {
    let (passed, results) = try await run(two: false)
    #expect(passed, "\(results.failed)")
    #expect(results.list.first { $0.step == .factory }?.outcome == .passed)
    #expect(results.list.first { $0.step == .message }?.outcome == .notTried)
  }

  /// All at once: most of the time is spent waiting for what a fault keeps away.
  @Test func theRightCauseComesFirstForEveryFault() async {
    await withTaskGroup(of: Void.self) { group in
      for (index, fault) in FaultCase.all.enumerated() {
        if index >= Self.labsAtOnce { await group.next() }
        group.addTask {
          do { try await self.expectFirstCause(of: fault) } catch { Issue.record("\(fault.fault.rawValue): \(error)") }
        }
      }
    }
  }

  private static let labsAtOnce = 10

  private func expectFirstCause(of fault: FaultCase) async throws {
    let (passed, results) = try await run(fault: fault.fault, timeouts: (4, 6))
    let name = fault.fault.rawValue
    #expect(!passed, "\(name)")
    let first = try #require(results.failed.first, "\(name): no step failed")
    #expect(first.step == fault.step, "\(name): \(first)")
    let cause = try #require(first.causes.first)
    if let key = fault.key {
      #expect(
        cause.section == fault.section && cause.key == key,
        "\(name): \(first.seen) \(first.causes.map { $0.setting ?? $0.text })")
    }
    if let words = fault.words { #expect(cause.text.contains(words), "\(name): \(cause.text)") }
    let failed = Set(results.failed.map(\.step))
    for later in results.failed where later.step != .cleanup && !failed.isDisjoint(with: later.step.foundations) {
      #expect(later.causes.map(\.text).allSatisfy { $0.contains("has failed before") }, "\(name): \(later)")
    }
  }

  @Test func aFileThatIsWrongInTheSameWayPointsAtItsLine() async throws {
    var lines = ConfTemplate(domain: "sip.example.org", users: [("alice", "alice")]).conf.components(separatedBy: "\n")
    let place = try #require(lines.firstIndex { $0.hasPrefix("outbound-proxy=") })
    lines[place] = "outbound-proxy=sip:127.0.0.1:5070;transport=tcp"
    let conf = FlexisipConf(path: "flexisip.conf", text: lines.joined(separator: "\n"))
    let (_, results) = try await run(fault: .focusChallenged, conf: conf)
    let cause = try #require(results.failed.first?.causes.first)
    #expect(cause.key == "outbound-proxy", "what the file has wrong comes before what only looks like it")
    #expect(cause.place == "flexisip.conf:\(place + 1)")
  }

  /// One process for all is what `internal` needs, but here it is the conference server that was not asked for.
  @Test func whatIsSeenDirectlyComesBeforeWhatTheFileHasWrong() async throws {
    let conf = FlexisipConf(
      path: "flexisip.conf",
      text: ConfTemplate(domain: "sip.example.org", users: [("alice", "alice")]).conf
        .replacing("default-servers=proxy conference", with: "default-servers=proxy"))
    let (_, results) = try await run(fault: .conferenceServerOff, two: false, conf: conf)
    let first = try #require(results.failed.first)
    #expect(first.step == .factory)
    #expect(first.causes.map(\.key).prefix(2) == ["default-servers", "db-implementation"])
    #expect(first.causes.first?.place?.hasPrefix("flexisip.conf:") == true)
  }

  @Test func theTraceShowsTheWireWithoutCredentials() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("trace").path
    let (passed, results) = try await run(two: false, timeouts: (10, 20), trace: WireTrace(path: path))
    #expect(passed, "\(results.failed)")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for part in [
      "REGISTER sip:sip.example.org SIP/2.0", "+org.linphone.specs=\"none\"", "SIP/2.0 401", "pub-gruu", "INVITE sip:",
      "SIP/2.0 302", "POST ",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    #expect(text.contains("Authorization: (removed)"))
    #expect(!text.contains("response="))
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
  }

  @Test func everyStepPassesOverTLSAndTheTraceShowsTheDevicesToo() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("trace").path
    let (passed, results) = try await run(timeouts: (30, 60), trace: WireTrace(path: path), overTLS: true)
    #expect(passed, "\(results.failed)")
    let left = Set(results.list.filter { $0.outcome == .notTried }.map(\.step))
    #expect(left == [.clock, .keyServerTLS, .fileServerTLS])
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for part in [
      "Via: SIP/2.0/TLS ", ";transport=tls;lr>", "SUBSCRIBE sip:chatroom-", "NOTIFY sip:", "MESSAGE sip:chatroom-",
      "<conference-info ", "a file",
    ] {
      #expect(text.contains(part), "\(part)")
    }
    for part in ["SIP/2.0/TCP", "transport=tcp", "response="] { #expect(!text.contains(part), "\(part)") }
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
