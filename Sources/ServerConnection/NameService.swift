// NameService.swift: questions to DNS; names of this machine (/etc/hosts) are never asked for there
import CResolver
import Foundation

/// Where DNS questions go.
public struct NameServer: Hashable, Sendable, CustomStringConvertible {
  /// Numeric, IPv6 without brackets.
  public var address: String
  /// 53 when none is written.
  public var port: Int

  /// Reads `192.0.2.53`, `192.0.2.53:5353`, `2001:db8::53` and `[2001:db8::53]:5353`. nil when it is no such text.
  public init?(_ text: String) {
    var (host, rest) = (text[...], Substring())
    if text.hasPrefix("[") {
      guard let end = text.firstIndex(of: "]") else { return nil }
      (host, rest) = (text[text.index(after: text.startIndex)..<end], text[text.index(after: end)...])
      guard host.contains(":") else { return nil }
    } else if text.count(where: { $0 == ":" }) == 1, let colon = text.firstIndex(of: ":") {
      (host, rest) = (text[..<colon], text[colon...])
    }
    guard rest.isEmpty || rest.hasPrefix(":"), let port = rest.isEmpty ? 53 : UInt16(rest.dropFirst()), port > 0 else {
      return nil
    }
    var buffer = in6_addr()
    let family = host.contains(":") ? AF_INET6 : AF_INET
    guard inet_pton(family, String(host), &buffer) == 1 else { return nil }
    (address, self.port) = (String(host), Int(port))
  }

  public var description: String { address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)" }
}

/// Blocks in every call.
struct NameService: Sendable {
  /// nil for the system's.
  var server: NameServer?

  /// Of /etc/hosts; a longer file is not read.
  private static let maximumHostsFile = 1 << 20
  private static let maximumAnswer = 65_535

  func services(of name: String) throws(ConnectionFailure) -> [SRVRecord] { try ask(name, .srv)?.services ?? [] }

  func authorityPointers(of name: String) throws(ConnectionFailure) -> [NAPTRRecord] {
    try ask(name, .naptr)?.authorityPointers ?? []
  }

  func addresses(of host: String, port: Int) throws(ConnectionFailure) -> [SocketAddress] {
    guard server != nil, !host.isNumericAddress, !Self.isLocal(host) else {
      return try SocketAddress.all(of: host, port: port)
    }
    let texts = try (ask(host, .aaaa)?.addresses(.aaaa) ?? []) + (ask(host, .a)?.addresses(.a) ?? [])
    let found = texts.flatMap { (try? SocketAddress.all(of: $0, port: port)) ?? [] }
    guard !found.isEmpty else { throw .unresolvable(host: host, reason: "the name server knows no address of it") }
    return Array(found.prefix(SocketAddress.maximumAddresses))
  }

  private func ask(_ name: String, _ type: DNSType) throws(ConnectionFailure) -> DNSMessage? {
    var answer = [UInt8](repeating: 0, count: Self.maximumAnswer)
    let length = answer.withUnsafeMutableBufferPointer {
      resolver_query(
        name, Int32(type.rawValue), server?.address, UInt16(server?.port ?? 53), $0.baseAddress, $0.count)
    }
    guard length >= 0 else { throw .unresolvable(host: name, reason: "no name server answers") }
    return length == 0 ? nil : DNSMessage(Array(answer.prefix(Int(length))))
  }

  // MARK: Names of this machine

  /// `localhost` and the names of /etc/hosts.
  static func isLocal(_ host: String) -> Bool {
    let name = host.lowercased()
    return name == "localhost" || name.hasSuffix(".localhost") || namesOfHostsFile().contains(name)
  }

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
}
