// LoopbackListener.swift: the socket at which Sofia, and nobody else of this machine, reaches its server link
import Foundation
import ServerConnection

/// Closed when released. `accept` is for one thread.
///
/// `@unchecked Sendable`: `paused` is only touched under `lock`; all else is constant.
final class LoopbackListener: @unchecked Sendable {
  let port: Int
  private let descriptor: Int32
  private let lock = NSLock()
  private var paused = false

  /// - Parameter port: 0 for any that is free.
  /// - Throws: `SIPError.unreachable` when the system has no socket left, or the port is taken.
  init(port wanted: Int = 0) throws {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_INET, type, 0)
    self.descriptor = descriptor
    guard descriptor >= 0 else { throw Self.failure() }
    do {
      let address = try SocketAddress.all(of: "127.0.0.1", port: wanted)[0]
      guard address.withPointer({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, Self.backlog) == 0 else {
        throw Self.failure()
      }
      port = try SocketAddress(localOf: descriptor).port
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  private static let backlog: Int32 = 4

  /// For `poll`: -1 while connections are refused.
  var pollDescriptor: Int32 { lock.withLock { paused ? -1 : descriptor } }

  /// Connections are refused from now on; the port stays ours, if it was asked for.
  func pause() {
    lock.withLock {
      guard !paused else { return }
      paused = true
      shutdown(descriptor, Int32(SHUT_RD))
    }
  }

  /// Connections are taken again.
  /// - Returns: whether they were refused before; then who polls must be woken.
  @discardableResult
  func resume() -> Bool {
    lock.withLock {
      guard paused else { return false }
      paused = listen(descriptor, Self.backlog) != 0
      return true
    }
  }

  private static func failure() -> SIPError {
    .unreachable(server: "loopback", reason: String(cString: strerror(errno)))
  }

  /// The next connection of this process; those of others are closed. nil when none waits.
  func accept() -> Int32? {
    while true {
      let client = Foundation.accept(descriptor, nil, nil)
      if client < 0 {
        if errno == EINTR || errno == ECONNABORTED { continue }
        return nil
      }
      if let other = Self.otherEnd(of: client) {
        var size = Self.receiveBuffer
        setsockopt(other, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        _ = fcntl(client, F_SETFL, O_NONBLOCK)
        var one: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        return client
      }
      close(client)
    }
  }

  /// Sofia reads all that waits at once, and each message that is in it keeps a copy of the rest.
  private static let receiveBuffer: Int32 = 32 << 10

  /// The other end of a connection, if it is a descriptor of this process too.
  static func otherEnd(of client: Int32) -> Int32? {
    guard let near = try? SocketAddress(localOf: client), let far = try? SocketAddress(peerOf: client) else {
      return nil
    }
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return open.compactMap { Int32($0) }.first { descriptor in
      guard let local = try? SocketAddress(localOf: descriptor), local.family == AF_INET, local == far else {
        return false
      }
      return (try? SocketAddress(peerOf: descriptor)) == near
    }
  }
}
