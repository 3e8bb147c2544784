// AgentEndpoint.swift: where an agent's requests go, and from where it takes requests
import Foundation
import MessageFormats
import ServerConnection

struct AgentEndpoint: Sendable {
  var transport: SIPTransport
  /// Next hop of every request, in Sofia's form.
  var proxy: String
  /// What nua binds.
  var bindURL: String
  /// Whether others may connect to what nua binds.
  var listens: Bool
  /// Our host and port in Contact and Via. With TCP and TLS nothing can be reached there: servers send their requests
  /// over the connection that we opened; with UDP it is the link's socket. It stays the same when our address changes,
  /// so that the new registration replaces the old one; then, as behind NAT, servers go by the address that they see.
  var localHost: String
  var localPort: Int

  /// UDP: what Sofia binds on loopback takes TCP too, for messages that are too large (RFC 3261 §18.1.1).
  static func datagrams(_ link: DatagramLink, _ route: ServerRoute, sofiaPort: Int) -> AgentEndpoint {
    // Without a named transport Sofia takes UDP, and TCP for what is too large for it.
    AgentEndpoint(
      transport: .udp, proxy: "sip:127.0.0.1:\(link.port)", bindURL: "sip:127.0.0.1:\(sofiaPort)", listens: true,
      localHost: route.localHost, localPort: link.outsidePort)
  }

  /// TCP and TLS: nua opens no port at all.
  static func stream(_ link: ServerLink, _ route: ServerRoute) -> AgentEndpoint {
    AgentEndpoint(
      transport: route.transport, proxy: "sip:127.0.0.1:\(link.port);transport=tcp", bindURL: "sip:*:*;transport=tcp",
      listens: false, localHost: route.localHost, localPort: link.port)
  }

  /// The URI of our Contact outside GRUU dialogs.
  func contact(user: String?) -> SIPURI {
    // Never sips: Flexisip and Linphone do not expect it.
    SIPURI(
      user: user, host: localHost, port: localPort,
      parameters: transport == .udp ? [] : [Parameter("transport", transport.rawValue)])
  }

  /// A port of loopback that is free for TCP and UDP right now.
  static func freePort() throws -> Int {
    // Where the socket would send to does not matter.
    let (_, listener) = try DatagramLink.loopback(SocketAddress.all(of: "127.0.0.1", port: 9)[0])
    return listener.port
  }
}

/// What is known of the way to a server before anything is opened.
struct ServerRoute: Sendable {
  var transport: SIPTransport
  /// In the order in which they are to be tried.
  var addresses: [SocketAddress]
  /// Our address toward the first one, in brackets for IPv6.
  var localHost: String

  /// - Throws: `SIPError.unresolvable`, `.unreachable`.
  static func find(_ configuration: SIPAgentConfiguration) async throws -> ServerRoute {
    // Name lookups block.
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(with: Result { try findNow(configuration) }) }
    }
  }

  private static func findNow(_ configuration: SIPAgentConfiguration) throws -> ServerRoute {
    let target = try configuration.target()
    let locator = ServerLocator(nameServer: configuration.nameServer)
    let transport = locator.transport(of: target)
    do {
      let addresses = try locator.addresses(of: target, over: transport)
      // A name may have an IPv6 address where this machine has no IPv6.
      let local =
        try addresses.lazy.compactMap { try? AddressMonitor.localAddress(toward: $0) }.first
        ?? AddressMonitor.localAddress(toward: addresses[0])
      return ServerRoute(transport: transport, addresses: addresses, localHost: local.inBrackets)
    } catch let failure as ConnectionFailure {
      throw SIPError(failure, server: configuration.serverName)
    }
  }
}

extension String {
  /// An IPv6 address as URIs have it.
  fileprivate var inBrackets: String { contains(":") && !hasPrefix("[") ? "[\(self)]" : self }
}
