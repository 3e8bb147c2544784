// NameCheckTests.swift: what is said of NAPTR and SRV records, with dnsmasq, the lab and `openssl s_server`
import ChatCore
import FlexisipCheck
import Foundation
import Lab
import Logging
import MessageFormats
import ServerConnection
import TestSupport
import Testing

private let zone = TestDomain.name
private let domain = "sip.\(zone)"

@Suite struct RecordsOfServers {
  /// A check with these records only.
  private static func check(
    _ records: [String], proxy: String? = nil, withBob: Bool = false
  ) async throws -> Results {
    let names = try await Dnsmasq(zone: zone, records)
    defer { names.stop() }
    let accounts = try ["alice", "bob"].map { user in
      var account = AccountConfiguration(
        name: user, address: SIPURI(user: user, host: domain), password: Password(user),
        outboundProxy: try proxy.map { try #require(SIPURI($0)) },
        conferenceFactory: SIPURI(user: "conference-factory", host: domain))
      account.nameServer = NameServer("127.0.0.1:\(names.port)")
      return account
    }
    var timeouts = LiveCheck.Timeouts()
    // What passes may take its time on a busy machine; for a failure that long is waited.
    timeouts.answer = withBob ? 30 : 3
    let results = Results()
    _ = await LiveCheck(
      account: accounts[0], other: withBob ? accounts[1] : nil, timeouts: timeouts,
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
    ) { results.add($0) }.run()
    return results
  }

  private static func withLab(_ body: (Int) async throws -> Void) async throws {
    var configuration = LabConfiguration.example
    configuration.domain = domain
    let lab = Lab(configuration)
    let addresses = try await lab.start()
    do { try await body(try #require(SIPURI(addresses.sip)?.port)) } catch {
      await lab.stop()
      throw error
    }
    await lab.stop()
  }

  private func expect(
    _ results: Results, fails step: CheckStep, words: String, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    #expect(results.failed.first?.step == step, "\(results.failed)", sourceLocation: sourceLocation)
    #expect(
      results.failed.first?.causes.first?.text.contains(words) == true, "\(results.failed)",
      sourceLocation: sourceLocation)
  }

  @Test func recordsAreFollowedAndShown() async throws {
    try await Self.withLab { port in
      let nobody = try LoopbackSocket.refusing()
      defer { withExtendedLifetime(nobody) {} }
      let results = try await Self.check(
        [
          "naptr-record=\(domain),10,0,s,SIP+D2T,,_chat._tcp.\(domain)",
          "srv-host=_chat._tcp.\(domain),gone.\(zone),5060,10,0",
          "srv-host=_chat._tcp.\(domain),old.\(zone),\(nobody.port),20,0",
          "srv-host=_chat._tcp.\(domain),new.\(zone),\(port),30,5",
          "host-record=old.\(zone),127.0.0.1", "host-record=new.\(zone),127.0.0.1",
        ], withBob: true)
      #expect(results.failed.isEmpty, "\(results.failed)")
      let name = try #require(results.list.first { $0.step == .name })
      for part in [
        "SRV _chat._tcp.\(domain): 10 0 gone.\(zone):5060 (no address), 20 0 old.\(zone):",
        "30 5 new.\(zone):\(port) (127.0.0.1); TCP by the NAPTR record",
      ] {
        #expect(name.seen.contains(part), "\(name.seen)")
      }
      let connection = try #require(results.list.first { $0.step == .reachability })
      #expect(connection.seen.contains("port \(port)"))
      #expect(connection.seen.contains("; not 127.0.0.1:\(nobody.port)"), "\(connection.seen)")
      #expect(results.list.first { $0.step == .factory }?.outcome == .passed)
      #expect(results.list.first { $0.step == .message }?.outcome == .passed, "devices go the same way")
    }
  }

  @Test func aTargetWithoutAddressIsNamed() async throws {
    let results = try await Self.check(["srv-host=_sip._tcp.\(domain),gone.\(zone),5060,10,0"])
    expect(results, fails: .name, words: "_sip._tcp.\(domain) leads to gone.\(zone), which has no address")
  }

  @Test func aServiceThatIsNotThereIsNamed() async throws {
    let results = try await Self.check(
      ["srv-host=_sip._tcp.\(domain)", "host-record=\(domain),127.0.0.1"],
      proxy: "sip:\(domain);transport=tcp")
    expect(results, fails: .name, words: "there is no such service")
  }

  @Test func recordsOfAnotherTransportAreNamed() async throws {
    let records = [
      "srv-host=_sips._tcp.\(domain),a.\(zone),5061,10,0", "host-record=a.\(zone),127.0.0.1",
    ]
    var results = try await Self.check(records, proxy: "sip:\(domain);transport=tcp")
    expect(results, fails: .name, words: "offer TLS only")
    results = try await Self.check(records, proxy: "sip:\(domain):5061")
    expect(results, fails: .name, words: "names port 5061")
  }

  @Test func aTargetThatDoesNotAnswerIsNamed() async throws {
    let nobody = try LoopbackSocket.refusing()
    defer { withExtendedLifetime(nobody) {} }
    let results = try await Self.check([
      "srv-host=_sip._tcp.\(domain),a.\(zone),\(nobody.port),10,0", "host-record=a.\(zone),127.0.0.1",
    ])
    expect(
      results, fails: .reachability,
      words: "_sip._tcp.\(domain) leads to a.\(zone) port \(nobody.port), ")
  }

  @Test func aTargetWithoutTLSIsNamed() async throws {
    try await Self.withLab { port in
      let results = try await Self.check([
        "srv-host=_sips._tcp.\(domain),a.\(zone),\(port),10,0", "host-record=a.\(zone),127.0.0.1",
      ])
      expect(results, fails: .tls, words: "leads to a.\(zone) port \(port), where no TLS is spoken")
    }
  }

  @Test func aTargetWithTLSIsNamed() async throws {
    let authority = try await TestAuthority()
    let server = try await TLSServer(try await authority.issue("DNS:\(domain)"))
    let results = try await Self.check([
      "srv-host=_sip._tcp.\(domain),a.\(zone),\(server.port),10,0", "host-record=a.\(zone),127.0.0.1",
    ])
    server.process.stop()
    expect(results, fails: .challenge, words: "leads to a.\(zone) port \(server.port), where TLS is spoken")
  }
}
