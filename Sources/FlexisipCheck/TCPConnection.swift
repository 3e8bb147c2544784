// TCPConnection.swift: one plain connection, TCP or to a local socket, with time limits
import Foundation

/// Blocking; for threads of their own. Closed when released.
final class TCPConnection {
  enum Failure: Error, Equatable, CustomStringConvertible {
    case unresolvable(String)
    case refused(String)
    case timedOut

    var description: String {
      switch self {
      case .unresolvable(let cause): "the name has no address (\(cause))"
      case .refused(let cause): cause
      case .timedOut: "no answer to the connection"
      }
    }
  }

  private let descriptor: Int32
  /// Numeric, of the other end.
  let peer: String
  /// Numeric, with brackets for IPv6, and port.
  let local: String

  /// Tries the host's addresses one after the other, each for `timeout` seconds.
  /// - Parameter source: numeric address of this machine to come from; nil: the one that the route has.
  init(host: String, port: UInt16, timeout: Double, from source: String? = nil) throws(Failure) {
    var last = Failure.unresolvable("none")
    for address in try Self.addresses(of: host, port: port) {
      do throws(Failure) {
        let descriptor = try Self.connect(address, timeout: timeout, from: source)
        self.descriptor = descriptor
        peer = address.name
        local = Self.localName(descriptor)
        return
      } catch { last = error }
    }
    throw last
  }

  /// Connects to a local socket.
  init(path: String) throws(Failure) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    let size = MemoryLayout.size(ofValue: address.sun_path)
    guard bytes.count < size else { throw .unresolvable("the path is too long") }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .refused(String(cString: strerror(errno))) }
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Foundation.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
    guard connected else {
      let cause = String(cString: strerror(errno))
      close(descriptor)
      throw .refused("\(path): \(cause)")
    }
    self.descriptor = descriptor
    peer = path
    local = path
  }

  deinit { close(descriptor) }

  /// Why no connection can be made; nil when it can. It is closed at once.
  static func failure(host: String, port: UInt16, timeout: Double) -> Failure? {
    do throws(Failure) {
      _ = try TCPConnection(host: host, port: port, timeout: timeout)
      return nil
    } catch { return error }
  }

  func send(_ data: Data) -> Bool {
    data.withUnsafeBytes { bytes in
      var sent = 0
      while sent < bytes.count {
        let count = Foundation.send(
          descriptor, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, Int32(MSG_NOSIGNAL))
        if count <= 0 { return false }
        sent += count
      }
      return true
    }
  }

  /// What has arrived, waiting at most `seconds`. nil when nothing came, empty when the other end has closed.
  func receive(within seconds: Double) -> Data? {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&entry, 1, Int32(max(0, seconds) * 1000)) > 0 else { return nil }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count > 0 ? Data(buffer[..<count]) : Data()
  }

  // MARK: Addresses

  struct Address {
    var storage: sockaddr_storage
    var length: socklen_t
    var name: String
  }

  static func addresses(of host: String, port: UInt16) throws(Failure) -> [Address] {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let bare = host.trimmingCharacters(in: CharacterSet(charactersIn: "[]"))
    let result = getaddrinfo(bare, "\(port)", &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard result == 0 else { throw .unresolvable(String(cString: gai_strerror(result))) }
    var found: [Address] = []
    var next = list
    while let entry = next?.pointee, found.count < 8 {
      if let address = entry.ai_addr, entry.ai_addrlen <= MemoryLayout<sockaddr_storage>.size {
        var storage = sockaddr_storage()
        withUnsafeMutableBytes(of: &storage) {
          $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen)))
        }
        found.append(Address(storage: storage, length: entry.ai_addrlen, name: Self.name(address, entry.ai_addrlen)))
      }
      next = entry.ai_next
    }
    return found
  }

  private static func name(_ address: UnsafePointer<sockaddr>, _ length: socklen_t) -> String {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    guard getnameinfo(address, length, &host, socklen_t(host.count), nil, 0, NI_NUMERICHOST) == 0 else { return "?" }
    return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func connect(_ address: Address, timeout: Double, from source: String?) throws(Failure) -> Int32 {
    var storage = address.storage
    let descriptor = socket(Int32(storage.ss_family), Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw .refused(String(cString: strerror(errno))) }
    if let source, let own = try addresses(of: source, port: 0).first, !bind(descriptor, to: own) {
      let cause = String(cString: strerror(errno))
      close(descriptor)
      throw .refused("cannot come from \(source): \(cause)")
    }
    let flags = fcntl(descriptor, F_GETFL)
    _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    let length = address.length
    let started = withUnsafePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Foundation.connect(descriptor, $0, length) }
    }
    var cause = started == 0 ? 0 : errno
    if cause == EINPROGRESS {
      var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      guard poll(&entry, 1, Int32(timeout * 1000)) > 0 else {
        close(descriptor)
        throw .timedOut
      }
      var size = socklen_t(MemoryLayout<Int32>.size)
      getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &cause, &size)
    }
    guard cause == 0 else {
      close(descriptor)
      throw .refused(String(cString: strerror(cause)))
    }
    _ = fcntl(descriptor, F_SETFL, flags)
    return descriptor
  }

  private static func bind(_ descriptor: Int32, to address: Address) -> Bool {
    var storage = address.storage
    return withUnsafePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Foundation.bind(descriptor, $0, address.length) == 0 }
    }
  }

  private static func localName(_ descriptor: Int32) -> String {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    var service = [CChar](repeating: 0, count: Int(NI_MAXSERV))
    let result = withUnsafeMutablePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        getsockname(descriptor, address, &length) == 0
          && getnameinfo(
            address, length, &host, socklen_t(host.count), &service, socklen_t(service.count),
            NI_NUMERICHOST | NI_NUMERICSERV) == 0
      }
    }
    guard result else { return "127.0.0.1:9" }
    func text(_ characters: [CChar]) -> String {
      String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    let name = text(host)
    return "\(name.contains(":") ? "[\(name)]" : name):\(text(service))"
  }
}
