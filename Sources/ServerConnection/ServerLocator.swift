// ServerLocator.swift: which addresses a SIP server has, and over what it is spoken to (RFC 3263)
import Foundation

/// What SIP is spoken over (RFC 3261 §18, §26.2.1).
public enum SIPTransport: String, Sendable, CaseIterable {
  case udp, tcp, tls

  /// 5061 for TLS, else 5060 (RFC 3261 §19.1.2).
  public var defaultPort: Int { self == .tls ? 5061 : 5060 }

  /// The name of its SRV records, before the domain.
  public var servicePrefix: String {
    switch self {
    case .udp: "_sip._udp."
    case .tcp: "_sip._tcp."
    case .tls: "_sips._tcp."
    }
  }

  /// Of a NAPTR record's service.
  init?(naptr service: String) {
    switch service {
    case "SIPS+D2T": self = .tls
    case "SIP+D2T": self = .tcp
    case "SIP+D2U": self = .udp
    default: return nil
    }
  }
}

/// A server as a configuration or a URI names it.
public struct ServerTarget: Hashable, Sendable {
  /// Name or numeric address; IPv6 with or without brackets.
  public var host: String
  /// nil: what SRV records say, else the transport's default.
  public var port: Int?
  /// nil: what DNS says, else TCP.
  public var transport: SIPTransport?

  public init(host: String, port: Int? = nil, transport: SIPTransport? = nil) {
    self.host = host
    self.port = port
    self.transport = transport
  }
}

/// Blocks in every call.
public struct ServerLocator: Sendable {
  private let names: NameService
  private let random: @Sendable (ClosedRange<Int>) -> Int

  /// Targets of SRV records beyond this many are not tried.
  private static let maximumTargets = 8

  /// - Parameter nameServer: nil for the system's.
  public init(nameServer: NameServer? = nil) { self.init(nameServer: nameServer) { Int.random(in: $0) } }

  init(nameServer: NameServer?, random: @escaping @Sendable (ClosedRange<Int>) -> Int) {
    names = NameService(server: nameServer)
    self.random = random
  }

  /// The transport of the first NAPTR record that can be used; without one, the first of TLS, TCP and UDP that has SRV
  /// records; without those TCP (where RFC 3263 §4.1 says UDP: messages to rooms do not fit its packets).
  public func transport(of target: ServerTarget) -> SIPTransport { choice(of: target).transport }

  /// The same, with what it was chosen by.
  public func choice(of target: ServerTarget) -> (transport: SIPTransport, reason: ServerLocation.Reason) {
    if let transport = target.transport { return (transport, .named) }
    guard asksForServices(target) else { return (.tcp, .usual) }
    // Without any answer, such as offline, more questions would only take time.
    guard let pointers = try? pointers(target.host) else { return (.tcp, .usual) }
    if let pointer = pointers.first { return (pointer.transport, .authorityPointer) }
    return offeredServices(of: target.host).first.map { ($0, .services) } ?? (.tcp, .usual)
  }

  /// Transports for which a name has SRV records under their usual names; those that say that there is no such service
  /// do not count.
  public func offeredTransports(of host: String) -> [SIPTransport] {
    asksForServices(ServerTarget(host: host)) ? Array(offeredServices(of: host)) : []
  }

  private func offeredServices(of host: String) -> some Collection<SIPTransport> {
    [SIPTransport.tls, .tcp, .udp].lazy.filter {
      services(named: $0.servicePrefix + host).contains { !$0.target.isEmpty }
    }
  }

  /// The addresses in the order in which they are to be tried.
  /// - Throws: `.unresolvable`.
  public func addresses(
    of target: ServerTarget, over transport: SIPTransport
  ) throws(ConnectionFailure) -> [SocketAddress] {
    try location(of: target, over: transport).addresses.get()
  }

  /// The addresses with what they come from.
  public func location(of target: ServerTarget, over transport: SIPTransport) -> ServerLocation {
    let (name, records) = asksForServices(target) ? services(target, transport) : (nil, [])
    var location = ServerLocation(host: target.host, transport: transport, serviceName: name)
    guard !records.isEmpty else {
      location.addresses = found { () throws(ConnectionFailure) in
        try names.addresses(of: target.host, port: target.port ?? transport.defaultPort)
      }
      return location
    }
    location.services = ordered(records).prefix(Self.maximumTargets).map { record in
      ServerLocation.Service(
        host: record.target, port: record.port, priority: record.priority, weight: record.weight,
        addresses: found { () throws(ConnectionFailure) in
          try names.addresses(of: record.target, port: record.port)
        })
    }
    let all = location.services.flatMap { (try? $0.addresses.get()) ?? [] }
    if !all.isEmpty {
      location.addresses = .success(all)
    } else if case .failure(let last)? = location.services.last?.addresses {
      location.addresses = .failure(last)
    } else {
      location.isDenied = true
      let reason = "its DNS records say that it has no SIP over \(transport.rawValue)"
      location.addresses = .failure(.unresolvable(host: target.host, reason: reason))
    }
    return location
  }

  private func found(
    _ look: () throws(ConnectionFailure) -> [SocketAddress]
  ) -> Result<[SocketAddress], ConnectionFailure> {
    do throws(ConnectionFailure) { return .success(try look()) } catch { return .failure(error) }
  }

  /// Whether a name is this machine's own business (`localhost`, /etc/hosts) and DNS is not asked about it.
  public static func isLocal(_ host: String) -> Bool { NameService.isLocal(host) }

  // MARK: Services

  /// RFC 3263 §4.1, §4.2: not for addresses, and not when a port is named.
  private func asksForServices(_ target: ServerTarget) -> Bool {
    target.port == nil && !target.host.isNumericAddress && !NameService.isLocal(target.host)
  }

  private func services(_ target: ServerTarget, _ transport: SIPTransport) -> (name: String, [SRVRecord]) {
    var name = transport.servicePrefix + target.host
    if target.transport == nil {
      guard let pointers = try? pointers(target.host) else { return (name, []) }
      if let pointer = pointers.first(where: { $0.transport == transport }) { name = pointer.name }
    }
    return (name, services(named: name))
  }

  /// None also when the name server does not answer: some routers drop questions for SRV and NAPTR. Whether names can
  /// be resolved at all shows with the address.
  private func services(named name: String) -> [SRVRecord] { (try? names.services(of: name)) ?? [] }

  private func pointers(_ host: String) throws(ConnectionFailure) -> [(transport: SIPTransport, name: String)] {
    try names.authorityPointers(of: host)
      .filter { $0.flags == "s" && !$0.replacement.isEmpty }
      .sorted { ($0.order, $0.preference) < ($1.order, $1.preference) }
      .compactMap { record in SIPTransport(naptr: record.service).map { ($0, record.replacement) } }
  }

  /// By priority; among equals at random, in proportion to their weights (RFC 2782).
  private func ordered(_ services: [SRVRecord]) -> [SRVRecord] {
    var result: [SRVRecord] = []
    for (_, group) in Dictionary(grouping: services.filter { !$0.target.isEmpty }, by: \.priority)
      .sorted(by: { $0.key < $1.key })
    {
      // Those of weight 0 first, so that they have a small chance.
      var rest = group.sorted { $0.weight < $1.weight }
      while !rest.isEmpty {
        let point = random(0...rest.reduce(0) { $0 + $1.weight })
        var sum = 0
        let index = rest.firstIndex { service in
          sum += service.weight
          return sum >= point
        }
        result.append(rest.remove(at: index ?? 0))
      }
    }
    return result
  }
}
