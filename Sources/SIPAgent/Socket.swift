// Socket.swift: just enough of the socket API to find free ports and our own address
import Foundation

/// A socket address of any family.
struct SocketAddress {
  private var storage: sockaddr_storage
  private var length: socklen_t

  var family: Int32 { Int32(storage.ss_family) }

  init(resolving host: String, port: Int, type: __socket_type, family: Int32) throws {
    var hints = addrinfo()
    hints.ai_family = family
    hints.ai_socktype = Int32(type.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(host, "\(port)", &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard result == 0, let first = list?.pointee, let address = first.ai_addr else {
      throw SIPError.unresolvable(host: host, reason: String(cString: gai_strerror(result)))
    }
    storage = sockaddr_storage()
    length = min(first.ai_addrlen, socklen_t(MemoryLayout<sockaddr_storage>.size))
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
    }
  }

  init(localOf descriptor: Int32) throws {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
    }
    guard result == 0 else { throw Socket.lastError() }
    self.storage = storage
    self.length = length
  }

  func withPointer<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    withUnsafePointer(to: storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
    }
  }

  func numericHost() throws -> String { try name(flags: NI_NUMERICHOST).host }

  func port() throws -> Int { Int(try name(flags: NI_NUMERICSERV | NI_NUMERICHOST).service) ?? 0 }

  private func name(flags: Int32) throws -> (host: String, service: String) {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
    let result = withPointer {
      getnameinfo($0, $1, &host, socklen_t(host.count), &service, socklen_t(service.count), flags)
    }
    guard result == 0 else { throw SIPError.unresolvable(host: "", reason: String(cString: gai_strerror(result))) }
    return (Self.text(host), Self.text(service))
  }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Closed when it is released.
final class Socket {
  private let descriptor: Int32

  init(family: Int32, type: __socket_type) throws {
    descriptor = socket(family, Int32(type.rawValue), 0)
    if descriptor < 0 { throw Self.lastError() }
  }

  convenience init(address: String, port: Int, type: __socket_type) throws {
    let bare = address.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    let local = try SocketAddress(resolving: bare, port: port, type: type, family: AF_UNSPEC)
    try self.init(family: local.family, type: type)
    let result = local.withPointer { bind(descriptor, $0, $1) }
    if result < 0 { throw Self.lastError() }
  }

  deinit { close(descriptor) }

  func connect(_ address: SocketAddress) throws {
    let result = address.withPointer { Foundation.connect(descriptor, $0, $1) }
    if result < 0 { throw Self.lastError() }
  }

  /// - Parameter seconds: after them it is given up, as timed out.
  func connect(_ address: SocketAddress, within seconds: Int) throws {
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    let result = address.withPointer { Foundation.connect(descriptor, $0, $1) }
    if result < 0, errno == EINPROGRESS { errno = ETIMEDOUT }
    if result < 0 { throw Self.lastError() }
  }

  func localAddress() throws -> SocketAddress { try SocketAddress(localOf: descriptor) }

  func localPort() throws -> Int { try localAddress().port() }

  fileprivate static func lastError() -> SIPError {
    SIPError.unreachable(server: "local socket", reason: String(cString: strerror(errno)))
  }
}
