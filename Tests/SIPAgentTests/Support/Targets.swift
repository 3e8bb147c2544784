// Targets.swift: accounts whose servers are named by DNS
import ServerConnection
import TestSupport

@testable import SIPAgent

extension Dnsmasq {
  /// The domain's NAPTR record for a transport, and its SRV records for these ports of loopback, to be tried in this
  /// order.
  static func targets(_ ports: [Int], over transport: SIPTransport = .udp) async throws -> Dnsmasq {
    let name = transport.servicePrefix + Kamailio.domain
    let service = transport == .udp ? "SIP+D2U" : transport == .tcp ? "SIP+D2T" : "SIPS+D2T"
    return try await Dnsmasq(
      zone: TestDomain.name,
      ["naptr-record=\(Kamailio.domain),10,50,s,\(service),,\(name)", "host-record=host.\(TestDomain.name),127.0.0.1"]
        + ports.enumerated().map { "srv-host=\(name),host.\(TestDomain.name),\($0.element),\(10 + $0.offset),0" })
  }
}

extension Client {
  /// Without an outbound proxy: DNS decides.
  init(
    _ user: String, names: Dnsmasq, expires: Int = 600, configure: (inout SIPAgentConfiguration) -> Void = { _ in }
  ) throws {
    try self.init(user, server: 0, expires: expires) { configuration in
      configuration.outboundProxy = nil
      configuration.nameServer = NameServer("127.0.0.1:\(names.port)")
      configure(&configuration)
    }
  }
}
