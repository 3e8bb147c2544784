// DatagramSocket.swift: a UDP socket toward one peer
import Foundation

/// Connected (connect(2)): the system drops what others send, and tells when nobody is there (ICMP). Never blocks.
/// Belongs to one thread at a time. Closed when released.
public final class DatagramSocket {
  /// What the socket has at the moment.
  public enum Received {
    case datagram([UInt8])
    case nothing
  }

  /// The longest that UDP has, in bytes.
  private static let maximumLength = 65_535

  /// For `poll`.
  public let descriptor: Int32
  /// Where datagrams come from for the peer.
  public let local: SocketAddress
  /// Whom datagrams go to; others are not heard.
  public let peer: SocketAddress

  /// - Parameters:
  ///   - host: the numeric address to come from, nil for the one that the route to the peer has.
  ///   - port: the port to come from, 0 for any that is free.
  /// - Throws: `.refused` when there is no way to the peer, or the port is taken.
  public init(to peer: SocketAddress, fromHost host: String? = nil, port: Int = 0) throws(ConnectionFailure) {
    self.peer = peer
    let type = Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(peer.family, type, 0)
    self.descriptor = descriptor
    guard descriptor >= 0 else { throw .refused(reason: ConnectionFailure.systemText(errno)) }
    do throws(ConnectionFailure) {
      let any = peer.family == AF_INET6 ? "::" : "0.0.0.0"
      let source = try SocketAddress.all(of: host ?? any, port: port, type: SOCK_DGRAM)[0]
      guard source.withPointer({ bind(descriptor, $0, $1) }) == 0,
        peer.withPointer({ connect(descriptor, $0, $1) }) == 0
      else { throw .refused(reason: ConnectionFailure.systemText(errno)) }
      local = try SocketAddress(localOf: descriptor)
    } catch {
      close(descriptor)
      throw error
    }
    // Between bind and connect anybody could send.
    var byte: UInt8 = 0
    while recv(descriptor, &byte, 1, 0) >= 0 {}
  }

  deinit { close(descriptor) }

  /// Sends a datagram, or drops it when the system has no room, as the network might.
  /// - Throws: `.refused` when the peer or the way to it is not there: it may be about an earlier datagram.
  public func send(_ bytes: [UInt8]) throws(ConnectionFailure) {
    while true {
      let count = bytes.withUnsafeBytes {
        Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count >= 0 { return }
      switch errno {
      case EINTR: continue
      case EAGAIN, ENOBUFS, EMSGSIZE: return
      default: throw .refused(reason: ConnectionFailure.systemText(errno))
      }
    }
  }

  /// The next datagram that waits.
  /// - Throws: `.refused` as `send` does.
  public func receive() throws(ConnectionFailure) -> Received {
    var count = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: Self.maximumLength) { buffer, length in
      repeat { count = recv(descriptor, buffer.baseAddress, buffer.count, 0) } while count < 0 && errno == EINTR
      length = max(0, count)
    }
    if count >= 0 { return .datagram(bytes) }
    if errno == EAGAIN || errno == EWOULDBLOCK { return .nothing }
    throw .refused(reason: ConnectionFailure.systemText(errno))
  }
}
