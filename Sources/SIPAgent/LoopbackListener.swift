// LoopbackListener.swift: the socket at which Sofia, and nobody else of this machine, reaches its server link
import Foundation
import ServerConnection

/// Closed when released. `accept` is for one thread.
final class LoopbackListener: Sendable {
  let descriptor: Int32
  let port: Int

  /// - Throws: `SIPError.unreachable` when the system has no socket left.
  init() throws {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_INET, type, 0)
    self.descriptor = descriptor
    guard descriptor >= 0 else { throw Self.failure() }
    do {
      let address = try SocketAddress.all(of: "127.0.0.1", port: 0)[0]
      guard address.withPointer({ bind(descriptor, $0, $1) }) == 0, listen(descriptor, 4) == 0 else {
        throw Self.failure()
      }
      port = try SocketAddress(localOf: descriptor).port
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

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
      if Self.isOwn(client) {
        _ = fcntl(client, F_SETFD, FD_CLOEXEC)
        _ = fcntl(client, F_SETFL, O_NONBLOCK)
        var one: Int32 = 1
        setsockopt(client, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        return client
      }
      close(client)
    }
  }

  /// Whether the other end of a connection is a descriptor of this process too.
  static func isOwn(_ client: Int32) -> Bool {
    guard let near = try? SocketAddress(localOf: client), let far = try? SocketAddress(peerOf: client) else {
      return false
    }
    let open = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
    return open.compactMap { Int32($0) }.contains { descriptor in
      guard let local = try? SocketAddress(localOf: descriptor), local.family == AF_INET, local == far else {
        return false
      }
      return (try? SocketAddress(peerOf: descriptor)) == near
    }
  }
}
