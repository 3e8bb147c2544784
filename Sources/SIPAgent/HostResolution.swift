// HostResolution.swift: names that Sofia's DNS resolver does not know, and the local address to bind
import Foundation

/// Sofia resolves names by DNS alone (NAPTR, SRV, A, AAAA): `localhost` and the names of /etc/hosts are looked up here.
enum HostResolution {
  /// Of /etc/hosts; a longer file is not read.
  private static let maximumHostsFile = 1 << 20

  struct Route: Sendable {
    /// The name for Sofia: an address when the name is local, else the name itself.
    var host: String
    /// Our address toward the host, in brackets for IPv6.
    var localAddress: String
  }

  /// Blocking calls inside, so it runs on a thread of its own.
  static func route(to host: String) async throws -> Route {
    try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(with: Result { try findRoute(to: host) }) }
    }
  }

  /// A port that is free for TCP and, if asked for, UDP at `address` right now.
  static func freePort(at address: String, udp: Bool) throws -> Int {
    for _ in 0..<16 {
      let tcp = try Socket(address: address, port: 0, type: SOCK_STREAM)
      let port = try tcp.localPort()
      if !udp || (try? Socket(address: address, port: port, type: SOCK_DGRAM)) != nil { return port }
    }
    throw SIPError.unreachable(server: address, reason: "no free port")
  }

  private static func findRoute(to host: String) throws -> Route {
    let bare = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    let isLocal = isLocalhost(bare) || namesOfHostsFile().contains(bare.lowercased())
    let address = try? firstAddress(of: bare)
    if isLocal {
      guard let address = address ?? (isLocalhost(bare) ? "127.0.0.1" : nil) else {
        throw SIPError.unresolvable(host: host, reason: "the entry in /etc/hosts is no address")
      }
      return Route(host: bracketed(address), localAddress: bracketed(try localAddress(toward: address)))
    }
    // A domain may have SRV records only; then any address outside tells our usual one. Nothing is sent to it.
    let local = try localAddress(toward: address ?? "192.0.2.1")
    return Route(host: host, localAddress: bracketed(local))
  }

  private static func isLocalhost(_ name: String) -> Bool {
    name.lowercased() == "localhost" || name.lowercased().hasSuffix(".localhost")
  }

  private static func bracketed(_ address: String) -> String { address.contains(":") ? "[\(address)]" : address }

  private static func namesOfHostsFile() -> Set<String> {
    guard let data = FileManager.default.contents(atPath: "/etc/hosts"), data.count <= maximumHostsFile else {
      return []
    }
    var names: Set<String> = []
    for line in String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline) {
      let fields = line.prefix { $0 != "#" }.split(whereSeparator: \.isWhitespace)
      names.formUnion(fields.dropFirst().map { $0.lowercased() })
    }
    return names
  }

  /// IPv4 first: servers on `localhost` often listen there only.
  private static func firstAddress(of name: String) throws -> String {
    for family in [AF_INET, AF_INET6] {
      if let address = try? SocketAddress(resolving: name, port: 0, type: SOCK_DGRAM, family: family) {
        return try address.numericHost()
      }
    }
    throw SIPError.unresolvable(host: name, reason: "not found")
  }

  private static func localAddress(toward address: String) throws -> String {
    let destination = try SocketAddress(resolving: address, port: 9, type: SOCK_DGRAM, family: AF_UNSPEC)
    let socket = try Socket(family: destination.family, type: SOCK_DGRAM)
    try socket.connect(destination)
    return try socket.localAddress().numericHost()
  }
}
