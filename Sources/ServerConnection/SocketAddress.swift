// SocketAddress.swift: the address of a socket, of any family
import Foundation

/// An address as the socket API has it: IPv4, IPv6 or a local path.
public struct SocketAddress: Sendable {
  private var storage: sockaddr_storage
  private var length: socklen_t

  /// `AF_INET`, `AF_INET6` or `AF_UNIX`.
  public var family: Int32 { Int32(storage.ss_family) }

  /// Copies what the socket API or the resolver gave; nil when it is longer than any address.
  init?(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
    guard Int(length) <= MemoryLayout<sockaddr_storage>.size else { return nil }
    storage = sockaddr_storage()
    self.length = length
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
    }
  }

  /// A local socket; nil when the path is too long for one.
  public init?(path: String) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    // A zero ends it.
    guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return nil }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let made: SocketAddress? = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        SocketAddress($0, length: socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard let made else { return nil }
    self = made
  }

  /// Whether a socket here could have the address.
  public var isOfThisMachine: Bool {
    let descriptor = socket(family, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let any = try? Self.all(of: numericHost, port: 0, type: SOCK_DGRAM).first
    return any?.withPointer { bind(descriptor, $0, $1) == 0 } ?? false
  }

  /// Our own end of a socket.
  public init(localOf descriptor: Int32) throws(ConnectionFailure) {
    self = try Self.name(of: descriptor, getsockname)
  }

  /// The other end of a connected socket.
  public init(peerOf descriptor: Int32) throws(ConnectionFailure) {
    self = try Self.name(of: descriptor, getpeername)
  }

  private static func name(
    of descriptor: Int32, _ call: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
  ) throws(ConnectionFailure) -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let address: SocketAddress? = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        call(descriptor, pointer, &length) == 0 ? SocketAddress(pointer, length: length) : nil
      }
    }
    guard let address else { throw ConnectionFailure.lost(reason: ConnectionFailure.systemText(errno)) }
    return address
  }

  /// All addresses of a name (/etc/hosts and DNS, as the system is set up) or a numeric address, in the system's order.
  /// Blocks.
  public static func all(of host: String, port: Int, type: __socket_type = SOCK_STREAM, family: Int32 = AF_UNSPEC)
    throws(ConnectionFailure) -> [SocketAddress]
  {
    var hints = addrinfo()
    hints.ai_family = family
    hints.ai_socktype = Int32(type.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host.withoutBrackets, "\(port)", &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    var found: [SocketAddress] = []
    var next = result == 0 ? list : nil
    while let entry = next?.pointee, found.count < maximumAddresses {
      if let pointer = entry.ai_addr, let address = SocketAddress(pointer, length: entry.ai_addrlen) {
        found.append(address)
      }
      next = entry.ai_next
    }
    guard !found.isEmpty else {
      throw ConnectionFailure.unresolvable(host: host, reason: String(cString: gai_strerror(result)))
    }
    return found
  }

  /// More addresses of one name are not looked at.
  static let maximumAddresses = 16

  /// For calls such as connect(2); the pointer is valid within `body` only.
  public func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  /// Without brackets, also for IPv6.
  public var numericHost: String { names().host }

  /// 0 where the family has no ports.
  public var port: Int { Int(names().service) ?? 0 }

  /// `192.0.2.1:5060`, `[2001:db8::1]:5060`
  public var text: String {
    let (host, service) = names()
    return host.contains(":") ? "[\(host)]:\(service)" : "\(host):\(service)"
  }

  private func names() -> (host: String, service: String) {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
    let result = withPointer {
      getnameinfo(
        $0, $1, &host, socklen_t(host.count), &service, socklen_t(service.count), NI_NUMERICHOST | NI_NUMERICSERV)
    }
    return result == 0 ? (Self.text(host), Self.text(service)) : ("", "")
  }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension SocketAddress: Equatable {
  public static func == (left: SocketAddress, right: SocketAddress) -> Bool { left.text == right.text }
}

extension String {
  /// The host of a URI as the socket API takes it: IPv6 addresses without brackets.
  public var withoutBrackets: String {
    hasPrefix("[") && hasSuffix("]") ? String(dropFirst().dropLast()) : self
  }

  /// Whether this is an IPv4 or IPv6 address, with or without brackets.
  public var isNumericAddress: Bool {
    var buffer = in6_addr()
    return inet_pton(AF_INET, self, &buffer) == 1 || inet_pton(AF_INET6, withoutBrackets, &buffer) == 1
  }
}
