// LoopbackSocket.swift: sockets and free ports on 127.0.0.1
import Foundation
import Glibc

/// A socket that is closed when it is released.
public final class LoopbackSocket: Sendable {
  /// Its own port.
  public let port: Int
  public let descriptor: Int32

  /// A connection that was accepted; its port is not known here.
  init(owning descriptor: Int32) {
    self.descriptor = descriptor
    port = 0
  }

  private init(type: __socket_type, prepare: (Int32) -> Bool) throws {
    let descriptor = socket(AF_INET, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.descriptor = descriptor
    var address = Self.address(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isReady =
      prepare(descriptor)
      && withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) == 0 }
      }
    port = Int(UInt16(bigEndian: address.sin_port))
    guard isReady else { throw TestFailure("no socket on 127.0.0.1: \(String(cString: strerror(errno)))") }
  }

  /// Bound to a free TCP port; connections wait in its backlog until somebody accepts them.
  public static func listening() throws -> LoopbackSocket {
    try LoopbackSocket(type: SOCK_STREAM) { Self.call(bind, $0, port: 0) && listen($0, 8) == 0 }
  }

  /// Bound to a free TCP port and not listening: connections to it are refused.
  public static func refusing() throws -> LoopbackSocket {
    try LoopbackSocket(type: SOCK_STREAM) { Self.call(bind, $0, port: 0) }
  }

  /// Bound to a free UDP port; what is sent there is never answered.
  public static func silentDatagram() throws -> LoopbackSocket {
    try LoopbackSocket(type: SOCK_DGRAM) { Self.call(bind, $0, port: 0) }
  }

  /// Bound to a free UDP port, and the system answers with ICMP that nobody is there: it is connected to itself, and
  /// takes nothing from others.
  public static func refusingDatagram() throws -> LoopbackSocket {
    try LoopbackSocket(type: SOCK_DGRAM) { descriptor in
      guard Self.call(bind, descriptor, port: 0) else { return false }
      var address = Self.address(port: 0)
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      return withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          getsockname(descriptor, $0, &length) == 0 && connect(descriptor, $0, length) == 0
        }
      }
    }
  }

  /// A UDP socket that hears of one port of this machine only.
  public static func datagram(to port: Int) throws -> LoopbackSocket {
    try LoopbackSocket(type: SOCK_DGRAM) { Self.call(connect, $0, port: port) }
  }

  /// A TCP connection to a server on this machine.
  public static func connected(to port: Int) throws -> LoopbackSocket {
    try LoopbackSocket(type: SOCK_STREAM) { Self.call(connect, $0, port: port) }
  }

  /// A port that is free for TCP and UDP now. Another program may take it before it is used: prefer to listen on
  /// port 0, or to pass the descriptor of ``listening()`` on.
  public static func freePort() throws -> Int {
    for _ in 0..<16 {
      let tcp = try LoopbackSocket(type: SOCK_STREAM) { Self.call(bind, $0, port: 0) }
      if (try? LoopbackSocket(type: SOCK_DGRAM) { Self.call(bind, $0, port: tcp.port) }) != nil { return tcp.port }
    }
    throw TestFailure("no port is free for both TCP and UDP")
  }

  deinit { close(descriptor) }

  private static func call(
    _ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32, _ descriptor: Int32, port: Int
  ) -> Bool {
    var address = address(port: port)
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        function(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func address(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
