// SIPAgentConfiguration.swift: one SIP account on one device
import Foundation
import MessageFormats
import ServerConnection

/// The account, its server and the timers of the agent.
public struct SIPAgentConfiguration: Sendable {
  /// The address-of-record, such as `sip:alice@sip.example.org`.
  public var address: SIPURI
  /// The name for authentication, nil for the user part of the address.
  public var username: String?
  /// The realm of the account's password, nil for the domain of the address. No other gets an answer: a server, or
  /// whoever speaks in its place, could have the password's digest for any realm that it names.
  public var realm: String?
  /// Called for each new challenge; the result is not kept.
  public var password: @Sendable () -> String
  /// Where every request goes, nil for the domain of the address. Its `transport` parameter is `tcp`, `udp` or `tls`; a
  /// `sips` URI means TLS. Without either DNS decides (RFC 3263), and where it does not, TCP.
  public var outboundProxy: SIPURI?
  /// `urn:uuid:…`, the value of `+sip.instance` (RFC 5626 §4.1). It must survive restarts: it is part of the GRUU.
  public var instanceID: String
  /// Value of the feature parameter `+org.linphone.specs`, empty for none.
  public var specs: String
  /// Value of User-Agent.
  public var userAgent: String
  /// Asked for in REGISTER and SUBSCRIBE, seconds.
  public var expires: Int
  /// PEM file of the certificate authorities for TLS, nil for the system's.
  public var caFile: String?
  /// Asked for the proxy's addresses, nil for the system's.
  public var nameServer: NameServer?
  /// Between two CRLF pings (RFC 5626 §3.5.1), or over UDP two OPTIONS, seconds; 0 for none.
  public var keepaliveInterval: Double
  /// A server that answered a ping before, and does not answer one within so many seconds, is lost. Not all answer:
  /// Flexisip leaves that off.
  public var pongTimeout: Double
  /// Tries of one address, in seconds, for TCP and again for TLS; over UDP, if there is another address.
  public var connectTimeout = 10.0
  /// A request that got no response for so many seconds has failed (RFC 3261 §17.1, timers B and F).
  public var transactionTimeout = 32.0
  /// A connection on which nothing sent was acknowledged for so many seconds is lost. With the interval of the pings it
  /// is noticed within a minute.
  public var acknowledgementTimeout = 20.0
  /// A message of the server's over TCP or TLS that has begun must go on within so many seconds.
  public var messageTimeout = 10.0
  /// Hears of every SIP message.
  public var trace: WireTrace?

  public init(
    address: SIPURI, username: String? = nil, password: @escaping @Sendable () -> String,
    outboundProxy: SIPURI? = nil, instanceID: String, specs: String = "groupchat/1.1,lime,ephemeral/1.1",
    userAgent: String = "limeade", expires: Int = 600, caFile: String? = nil, keepaliveInterval: Double = 30,
    pongTimeout: Double = 10
  ) {
    self.address = address
    self.username = username
    self.password = password
    self.outboundProxy = outboundProxy
    self.instanceID = instanceID
    self.specs = specs
    self.userAgent = userAgent
    self.expires = expires
    self.caFile = caFile
    self.keepaliveInterval = keepaliveInterval
    self.pongTimeout = pongTimeout
  }
}

extension SIPAgentConfiguration {
  var proxy: SIPURI {
    var proxy = outboundProxy ?? address
    proxy.user = nil
    return proxy
  }

  /// For error texts.
  var serverName: String { proxy.port.map { "\(proxy.host):\($0)" } ?? proxy.host }

  var user: String { username ?? address.user ?? "" }

  var digestRealm: String { realm ?? address.host }

  var timeouts: ServerStream.Timeouts {
    ServerStream.Timeouts(connect: connectTimeout, acknowledgement: acknowledgementTimeout)
  }

  /// Asks for them when it is called; blocks.
  func addresses(
    of target: ServerTarget, _ transport: SIPTransport
  ) -> @Sendable () throws(ConnectionFailure) -> [SocketAddress] {
    let locator = ServerLocator(nameServer: nameServer)
    return { () throws(ConnectionFailure) in try locator.addresses(of: target, over: transport) }
  }

  /// - Throws: `SIPError.invalidConfiguration`.
  func target() throws -> ServerTarget { try ServerTarget(of: proxy) }

  func check() throws {
    guard address.user?.isEmpty == false else {
      throw SIPError.invalidConfiguration("the address \(address) has no user part")
    }
    guard instanceID.hasPrefix("urn:"), SIPHeader("x", instanceID).isWellFormed,
      !instanceID.contains(where: { "<>\"".contains($0) })
    else { throw SIPError.invalidConfiguration("the instance id \(instanceID) is no urn:uuid: URN") }
    guard SIPHeader("x", specs).isWellFormed, !specs.contains("\""), !specs.contains("\\") else {
      throw SIPError.invalidConfiguration("the specs \(specs) cannot stand in a quoted string")
    }
    guard SIPHeader("User-Agent", userAgent).isWellFormed else {
      throw SIPError.invalidConfiguration("the user agent's name has control characters")
    }
    guard expires > 0, expires <= 86_400 * 365 else {
      throw SIPError.invalidConfiguration("expires must be between 1 second and a year")
    }
    _ = try target()
  }
}

extension ServerTarget {
  /// What a URI names as next hop: its host and port, and the transport of `transport=` or `sips:`.
  /// - Throws: `SIPError.invalidConfiguration` for a transport that is not known.
  public init(of proxy: SIPURI) throws {
    self.init(host: proxy.host, port: proxy.port)
    if proxy.isSecure {
      transport = .tls
    } else if let name = proxy[parameter: "transport"] {
      guard let known = SIPTransport(rawValue: name.lowercased()) else {
        throw SIPError.invalidConfiguration("the outbound proxy's transport \(name) is none of tcp, udp and tls")
      }
      transport = known
    }
  }
}
