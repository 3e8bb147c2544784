// ServerLocator.swift: which addresses a SIP server has, and over what it is spoken to (RFC 3263)
import Foundation

public enum SIPTransport: String, Sendable, CaseIterable {
  case udp, tcp, tls

  public var defaultPort: Int { self == .tls ? 5061 : 5060 }

  /// The name of its SRV records, before the domain.
  var servicePrefix: String {
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
  public func transport(of target: ServerTarget) -> SIPTransport {
    if let transport = target.transport { return transport }
    guard asksForServices(target) else { return .tcp }
    // Without any answer, such as offline, more questions would only take time.
    guard let pointers = try? pointers(target.host) else { return .tcp }
    if let pointer = pointers.first { return pointer.transport }
    for transport in [SIPTransport.tls, .tcp, .udp] {
      if !services(named: transport.servicePrefix + target.host).isEmpty { return transport }
    }
    return .tcp
  }

  /// The addresses in the order in which they are to be tried.
  /// - Throws: `.unresolvable`.
  public func addresses(
    of target: ServerTarget, over transport: SIPTransport
  ) throws(ConnectionFailure) -> [SocketAddress] {
    let services = asksForServices(target) ? services(target, transport) : []
    guard !services.isEmpty else {
      return try names.addresses(of: target.host, port: target.port ?? transport.defaultPort)
    }
    if services.allSatisfy(\.target.isEmpty) {
      let reason = "its DNS records say that it has no SIP over \(transport.rawValue)"
      throw .unresolvable(host: target.host, reason: reason)
    }
    var found: [SocketAddress] = []
    var last: ConnectionFailure?
    for service in ordered(services).prefix(Self.maximumTargets) {
      do throws(ConnectionFailure) { found += try names.addresses(of: service.target, port: service.port) } catch {
        last = error
      }
    }
    if found.isEmpty, let last { throw last }
    return found
  }

  /// Whether a name is this machine's own business (`localhost`, /etc/hosts) and DNS is not asked about it.
  public static func isLocal(_ host: String) -> Bool { NameService.isLocal(host) }

  // MARK: Services

  /// RFC 3263 §4.1, §4.2: not for addresses, and not when a port is named.
  private func asksForServices(_ target: ServerTarget) -> Bool {
    target.port == nil && !target.host.isNumericAddress && !NameService.isLocal(target.host)
  }

  private func services(_ target: ServerTarget, _ transport: SIPTransport) -> [SRVRecord] {
    var name = transport.servicePrefix + target.host
    if target.transport == nil {
      guard let pointers = try? pointers(target.host) else { return [] }
      if let pointer = pointers.first(where: { $0.transport == transport }) { name = pointer.name }
    }
    return services(named: name)
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
