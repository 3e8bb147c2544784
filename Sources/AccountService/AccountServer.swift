// AccountServer.swift: serves the account that this process holds to the user's other programs, over its Unix socket.
import ChatCore
import Foundation

/// Listens from `init` to `close()`. Operations that need the connection wait until it is there, or has failed.
///
/// `@unchecked Sendable`: everything mutable is only touched under `lock`.
final class AccountServer: @unchecked Sendable {
  static let connectionLimit = 32
  /// How long the end waits for operations that have begun.
  private static let drainTime: Duration = .seconds(10)

  private let client: ChatClient
  private let folder: URL
  private let listener: Int32
  private let lock = NSLock()
  private var connections: [ObjectIdentifier: AccountConnection] = [:]
  private var isClosed = false

  /// - Parameter client: has the account's lock; it may not have been started yet.
  /// - Throws: `ServiceError.noSocket`.
  init(client: ChatClient) throws {
    self.client = client
    folder = client.store.directory
    listener = try AccountSocket.listen(in: folder)
    let thread = Thread { [self] in acceptConnections() }
    thread.name = "account socket"
    thread.start()
  }

  /// Ends what is being served: answers what was begun, tells the clients, and removes the socket.
  func close() async {
    let open = lock.withLock { () -> [AccountConnection] in
      guard !isClosed else { return [] }
      isClosed = true
      return Array(connections.values)
    }
    AccountSocket.remove(from: folder)
    shutdown(listener, Int32(SHUT_RDWR))
    await withTaskGroup(of: Void.self) { group in
      for connection in open { group.addTask { await connection.close(within: Self.drainTime) } }
    }
  }

  private func acceptConnections() {
    while true {
      let descriptor = accept(listener, nil, nil)
      if descriptor < 0 {
        if lock.withLock({ isClosed }) { break }
        // Out of descriptors, or the client is gone again.
        if errno != EINTR { usleep(10_000) }
        continue
      }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      guard AccountSocket.peer(of: descriptor) != nil else {
        Foundation.close(descriptor)
        continue
      }
      take(descriptor)
    }
    Foundation.close(listener)
  }

  private func take(_ descriptor: Int32) {
    let connection = AccountConnection(descriptor, client: client) { [weak self] connection in
      guard let self else { return }
      _ = lock.withLock { connections.removeValue(forKey: ObjectIdentifier(connection)) }
    }
    let isTaken = lock.withLock {
      guard !isClosed, connections.count < Self.connectionLimit else { return false }
      connections[ObjectIdentifier(connection)] = connection
      return true
    }
    if isTaken { connection.start() } else { connection.refuse() }
  }
}
