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
  /// over the connection that we opened. It stays the same when our address changes, so that the new registration
  /// replaces the old one; then, as behind NAT, servers go by the address that they see.
  var localHost: String
  var localPort: Int
  /// Numeric hosts from which requests are taken.
  var trustedHosts: Set<String>
  /// And their port, nil for any.
  var trustedPort: Int?

  /// UDP comes with TCP on the same port, for requests that are too large (RFC 3261 §18.1.1).
  static func udp(_ route: ServerRoute, port: Int?) throws -> AgentEndpoint {
    let local = try freePort(at: route.localHost)
    // Without a named transport Sofia takes UDP, and TCP for what is too large for it.
    let proxy = SIPURI(user: nil, host: route.sofiaHost, port: port)
    return AgentEndpoint(
      transport: .udp, proxy: proxy.description, bindURL: "sip:\(route.localHost):\(local)", listens: true,
      localHost: route.localHost, localPort: local, trustedHosts: Set(route.addresses.map(\.numericHost)))
  }

  /// TCP and TLS go through the link, and nua opens no port at all.
  static func link(_ link: ServerLink, _ route: ServerRoute) -> AgentEndpoint {
    AgentEndpoint(
      transport: route.transport, proxy: "sip:127.0.0.1:\(link.port);transport=tcp", bindURL: "sip:*:*;transport=tcp",
      listens: false, localHost: route.localHost, localPort: link.port, trustedHosts: ["127.0.0.1"],
      trustedPort: link.port)
  }

  /// The URI of our Contact outside GRUU dialogs.
  func contact(user: String?) -> SIPURI {
    // Never sips: Flexisip and Linphone do not expect it.
    SIPURI(
      user: user, host: localHost, port: localPort,
      parameters: transport == .udp ? [] : [Parameter("transport", transport.rawValue)])
  }

  /// Whether requests from there are the proxy's.
  func trusts(host: String, port: Int) -> Bool {
    trustedHosts.contains(host) && (trustedPort == nil || trustedPort == port)
  }

  /// A port that is free for TCP and UDP right now.
  private static func freePort(at host: String) throws -> Int {
    for _ in 0..<16 {
      let tcp = try BoundSocket(host: host, port: 0, type: SOCK_STREAM)
      let port = try SocketAddress(localOf: tcp.descriptor).port
      if (try? BoundSocket(host: host, port: port, type: SOCK_DGRAM)) != nil { return port }
    }
    throw SIPError.unreachable(server: host, reason: "no free port")
  }
}

/// Closed when released.
private final class BoundSocket {
  let descriptor: Int32

  init(host: String, port: Int, type: __socket_type) throws {
    let address = try SocketAddress.all(of: host, port: port, type: type)[0]
    descriptor = socket(address.family, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    if descriptor < 0 || address.withPointer({ bind(descriptor, $0, $1) }) != 0 {
      let reason = String(cString: strerror(errno))
      if descriptor >= 0 { close(descriptor) }
      throw SIPError.unreachable(server: host, reason: reason)
    }
  }

  deinit { close(descriptor) }
}

/// What is known of the way to a server before anything is opened.
struct ServerRoute: Sendable {
  var transport: SIPTransport
  /// In the order in which they are to be tried.
  var addresses: [SocketAddress]
  /// Our address toward the first one, in brackets for IPv6.
  var localHost: String
  /// The name for Sofia's resolver, which knows DNS only; an address where DNS does not help.
  var sofiaHost: String

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
      let local = try AddressMonitor.localAddress(toward: addresses[0])
      let asksDNS = configuration.nameServer == nil && !ServerLocator.isLocal(target.host)
      return ServerRoute(
        transport: transport, addresses: addresses, localHost: local.inBrackets,
        sofiaHost: asksDNS ? target.host.inBrackets : addresses[0].numericHost.inBrackets)
    } catch let failure as ConnectionFailure {
      throw SIPError(failure, server: configuration.serverName)
    }
  }
}

extension String {
  /// An IPv6 address as URIs have it.
  fileprivate var inBrackets: String { contains(":") && !hasPrefix("[") ? "[\(self)]" : self }
}
