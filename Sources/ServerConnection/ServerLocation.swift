// ServerLocation.swift: what DNS says of a SIP server, with what each address comes from (RFC 3263, RFC 2782)

/// The way from a name to addresses, with each record on it.
public struct ServerLocation: Sendable {
  /// By what a transport was chosen.
  public enum Reason: Sendable, Hashable {
    /// The caller names it.
    case named
    /// A NAPTR record.
    case authorityPointer
    /// There are SRV records of this transport.
    case services
    /// Nothing tells.
    case usual
  }

  /// Where an SRV record leads.
  public struct Service: Sendable {
    /// The target of the record.
    public var host: String
    /// The record's.
    public var port: Int
    /// The lowest first.
    public var priority: Int
    /// Share among those of the same priority.
    public var weight: Int
    /// Of the host, at the port.
    public var addresses: Result<[SocketAddress], ConnectionFailure>
  }

  /// As asked for.
  public let host: String
  /// What the addresses are for.
  public let transport: SIPTransport
  /// The name that was asked for SRV records; nil for numeric addresses, names of this machine, and with a port.
  public let serviceName: String?
  /// In the order in which they are to be tried. Empty when there are none: then the host's own addresses count.
  public internal(set) var services: [Service] = []
  /// Whether an SRV record says that the service is not there.
  public internal(set) var isDenied = false
  /// In the order in which they are to be tried.
  public internal(set) var addresses: Result<[SocketAddress], ConnectionFailure> = .success([])

  /// The name that an address was found by.
  public func name(of address: SocketAddress) -> String {
    services.first { ((try? $0.addresses.get()) ?? []).contains(address) }?.host ?? host
  }

  init(host: String, transport: SIPTransport, serviceName: String?) {
    self.host = host
    self.transport = transport
    self.serviceName = serviceName
  }
}
