// LocatorTests.swift: RFC 3263 against dnsmasq
import Foundation
import TestSupport
import Testing

@testable import ServerConnection

private let zone = TestDomain.name

@Suite(.timeLimit(.minutes(1)))
struct LocatorTests {
  private static let records = [
    "host-record=a.example.\(zone),127.0.0.1", "host-record=b.example.\(zone),127.0.0.2",
    "host-record=six.example.\(zone),::1", "host-record=example.\(zone),127.0.0.9",
    // NAPTR: TLS before TCP before something unknown, whatever the order of the records.
    "naptr-record=example.\(zone),30,50,s,SIP+D2T,,_sip._tcp.example.\(zone)",
    "naptr-record=example.\(zone),20,50,s,SIPS+D2T,,_secure.example.\(zone)",
    "naptr-record=example.\(zone),10,50,s,SIP+D2S,,_sip._sctp.example.\(zone)",
    "naptr-record=example.\(zone),1,50,u,E2U+sip,!^.*$!sip:x@example.\(zone)!",
    "srv-host=_secure.example.\(zone),a.example.\(zone),5071,20,0",
    "srv-host=_secure.example.\(zone),b.example.\(zone),5072,10,0",
    "srv-host=_sips._tcp.example.\(zone),six.example.\(zone),5073,10,0",
    "srv-host=_sip._tcp.example.\(zone),gone.example.\(zone),5074,10,0",
    "srv-host=_sip._tcp.example.\(zone),b.example.\(zone),5075,20,0",
    // No NAPTR, SRV of TCP only.
    "srv-host=_sip._tcp.plain.\(zone),a.example.\(zone),5076,0,0", "host-record=plain.\(zone),127.0.0.8",
    // Nothing but an address.
    "host-record=bare.\(zone),127.0.0.7",
    // The service is decidedly not there.
    "srv-host=_sip._tcp.none.\(zone)", "host-record=none.\(zone),127.0.0.6",
  ]

  private func withNames(_ body: (ServerLocator) throws -> Void) async throws {
    let server = try await Dnsmasq(zone: zone, Self.records)
    defer { server.stop() }
    try body(ServerLocator(nameServer: NameServer("127.0.0.1:\(server.port)")))
  }

  @Test func aNameServerMayHaveAnIPv6Address() async throws {
    let server = try await Dnsmasq(zone: zone, on: "::1", Self.records)
    defer { server.stop() }
    let locator = ServerLocator(nameServer: NameServer("[::1]:\(server.port)"))
    let target = ServerTarget(host: "example.\(zone)")
    #expect(locator.transport(of: target) == .tls)
    try expect(["127.0.0.2:5072", "127.0.0.1:5071"], for: target, over: .tls, locator)
  }

  @Test func nameServersAreReadWithAndWithoutPort() {
    for (text, description) in [
      ("192.0.2.53", "192.0.2.53:53"), ("192.0.2.53:5353", "192.0.2.53:5353"), ("2001:db8::53", "[2001:db8::53]:53"),
      ("[2001:db8::53]", "[2001:db8::53]:53"), ("[::1]:5353", "[::1]:5353"),
    ] { #expect(NameServer(text)?.description == description) }
    for text in [
      "", ":53", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:70000", "1.2.3", "[192.0.2.53]", "[::1", "[::1]x",
      "name.test",
    ] {
      #expect(NameServer(text) == nil, "\(text)")
    }
  }

  private func expect(
    _ addresses: [String], for target: ServerTarget, over transport: SIPTransport, _ locator: ServerLocator
  ) throws {
    let found = try locator.addresses(of: target, over: transport).map(\.text)
    #expect(found == addresses)
  }

  @Test func theFirstUsableNAPTRRecordDecides() async throws {
    try await withNames { locator in
      let target = ServerTarget(host: "example.\(zone)")
      #expect(locator.transport(of: target) == .tls)
      try expect(["127.0.0.2:5072", "127.0.0.1:5071"], for: target, over: .tls, locator)
    }
  }

  @Test func aNamedTransportSkipsNAPTRAndANamedPortSkipsSRV() async throws {
    try await withNames { locator in
      var target = ServerTarget(host: "example.\(zone)", transport: .tls)
      #expect(locator.transport(of: target) == .tls)
      try expect(["[::1]:5073"], for: target, over: .tls, locator)
      target = ServerTarget(host: "example.\(zone)", transport: .tcp)
      // The target without an address is passed over.
      try expect(["127.0.0.2:5075"], for: target, over: .tcp, locator)
      target = ServerTarget(host: "example.\(zone)", port: 5080)
      #expect(locator.transport(of: target) == .tcp)
      try expect(["127.0.0.9:5080"], for: target, over: .tcp, locator)
    }
  }

  @Test func withoutNAPTRTheServicesDecide() async throws {
    try await withNames { locator in
      let target = ServerTarget(host: "plain.\(zone)")
      #expect(locator.transport(of: target) == .tcp)
      try expect(["127.0.0.1:5076"], for: target, over: .tcp, locator)
      let secure = ServerTarget(host: "plain.\(zone)", transport: .tls)
      try expect(["127.0.0.8:5061"], for: secure, over: .tls, locator)
    }
  }

  @Test func withoutAnyServiceTheAddressIsUsed() async throws {
    try await withNames { locator in
      let target = ServerTarget(host: "bare.\(zone)")
      #expect(locator.transport(of: target) == .tcp)
      try expect(["127.0.0.7:5060"], for: target, over: .tcp, locator)
      for host in ["none.\(zone)", "unknown.\(zone)"] {
        #expect {
          try locator.addresses(of: ServerTarget(host: host, transport: .tcp), over: .tcp)
        } throws: { error in
          if case ConnectionFailure.unresolvable(host: host, _) = error { true } else { false }
        }
      }
    }
  }

  @Test func addressesAndLocalNamesNeedNoNameServer() throws {
    let silent = try LoopbackSocket.refusing()
    let locator = ServerLocator(nameServer: NameServer("127.0.0.1:\(silent.port)"))
    for (host, expected) in [("192.0.2.1", "192.0.2.1:5061"), ("[2001:db8::1]", "[2001:db8::1]:5061")] {
      try expect([expected], for: ServerTarget(host: host), over: .tls, locator)
    }
    #expect(locator.transport(of: ServerTarget(host: "localhost")) == .tcp)
    let local = try locator.addresses(of: ServerTarget(host: "localhost"), over: .tcp)
    #expect(!local.isEmpty)
  }

  @Test func equalPrioritiesAreChosenByWeight() async throws {
    let server = try await Dnsmasq(
      zone: zone,
      (1...3).map { "srv-host=_sip._tcp.w.\(zone),h\($0).\(zone),506\($0),5,\($0 * 10)" }
        + (1...3).map { "host-record=h\($0).\(zone),127.0.0.\($0)" })
    defer { server.stop() }
    let target = ServerTarget(host: "w.\(zone)", transport: .tcp)
    func expect(_ ports: [Int], _ random: @escaping @Sendable (ClosedRange<Int>) -> Int) throws {
      let locator = ServerLocator(nameServer: NameServer("127.0.0.1:\(server.port)"), random: random)
      let found = try locator.addresses(of: target, over: .tcp).map(\.port)
      #expect(found == ports)
    }
    // Weights 10, 20 and 30 in ascending order; the number falls on the running sum.
    try expect([5061, 5062, 5063]) { $0.lowerBound }
    try expect([5063, 5062, 5061]) { $0.upperBound }
    try expect([5062, 5063, 5061]) { min(11, $0.upperBound) }
  }

  /// Answers cut, changed and made up: whatever comes of them, the parser ends and stays within its limits.
  @Test func damagedAnswersDoNoHarm() {
    var generator = SeededGenerator(seed: 3263)
    // A real answer: one question, one SRV record with a pointer back to the question's name.
    let name: [UInt8] = [4] + Array("_sip".utf8) + [4] + Array("_tcp".utf8) + [4] + Array("test".utf8) + [0]
    let answer: [UInt8] =
      [0, 1, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0] + name + [0, 33, 0, 1] + [0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 60, 0, 10]
      + [0, 10, 0, 60, 0x13, 0xC4, 1, UInt8(ascii: "a"), 0xC0, 22]
    #expect(
      DNSMessage(answer).services == [SRVRecord(priority: 10, weight: 60, port: 5060, target: "a.test")])
    // A pointer to itself.
    var loop = answer
    loop[loop.count - 1] = UInt8(loop.count - 2)
    #expect(DNSMessage(loop).services.isEmpty)
    for _ in 0..<20_000 {
      var damaged = answer
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        damaged[Int.random(in: 0..<damaged.count, using: &generator)] = .random(in: 0...255, using: &generator)
      }
      damaged = Array(damaged.prefix(Int.random(in: 0...damaged.count, using: &generator)))
      let message = DNSMessage(damaged)
      #expect(message.services.allSatisfy { $0.target.utf8.count < 256 })
      _ = (message.authorityPointers, message.addresses(.a), message.addresses(.aaaa))
    }
  }
}
