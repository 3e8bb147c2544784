// HTTPListener.swift: takes connections on one address and serves each within limits
import FlyingSocks
import Foundation

/// A small HTTP/1.1 server on FlyingSocks.
///
/// FlyingFox's own server (0.27) reads header lines of any length, in time that grows with their square, and ends at
/// the first connection that cannot be accepted. This one reads within limits and goes on.
public struct HTTPListener: Sendable {
  /// Most connections at a time; further ones wait until one ends.
  private static let connectionLimit = 256
  /// How long to wait after a failed accept, such as one for want of file descriptors.
  private static let pauseAfterFailure = Duration.milliseconds(50)

  public let port: Int
  private let socket: Socket
  private let task: Task<Void, Never>

  /// Listens, and serves until `stop`.
  ///
  /// - Parameters:
  ///   - port: 0 for any free port.
  ///   - timeout: for the head of a request, idle time before it included; for the body or a piece of it; and for
  ///     the answer or a piece of it.
  ///   - handler: reads as much of the body as it wants. `HTTPRequestError` ends the connection with that status.
  /// - Throws: `HTTPServerError`.
  public static func start(
    address: String, port: Int, timeout: Duration,
    handler: @escaping @Sendable (HTTPRequest) async throws -> HTTPAnswer
  ) async throws -> HTTPListener {
    guard let number = UInt16(exactly: port) else { throw HTTPServerError.badPort(port) }
    do {
      if let ip4 = try? sockaddr_in.inet(ip4: address, port: number) {
        return try await HTTPListener(on: ip4, timeout: timeout, handler: handler)
      }
      if let ip6 = try? sockaddr_in6.inet6(ip6: address, port: number) {
        return try await HTTPListener(on: ip6, timeout: timeout, handler: handler)
      }
    } catch SocketError.failed(_, let code, _) {
      throw HTTPServerError.cannotListen(address: address, port: port, reason: String(cString: strerror(code)))
    }
    throw HTTPServerError.badAddress(address)
  }

  private init(
    on address: some SocketAddress, timeout: Duration,
    handler: @escaping @Sendable (HTTPRequest) async throws -> HTTPAnswer
  ) async throws {
    let socket = try Socket(domain: Int32(type(of: address).family))
    let pool: some AsyncSocketPool = .make()
    do {
      try socket.setValue(true, for: .localAddressReuse)
      try socket.bind(to: address)
      try socket.listen()
      try await pool.prepare()
      switch try socket.sockname() {
      case .ip4(_, let port), .ip6(_, let port): self.port = Int(port)
      case .unix: self.port = 0
      }
      let listening = try AsyncSocket(socket: socket, pool: pool)
      self.socket = socket
      task = Task {
        await withTaskGroup(of: Void.self) { group in
          group.addTask { try? await pool.run() }
          group.addTask {
            await Self.accept(on: listening) { connected in
              await HTTPConnection(socket: connected, timeout: timeout).serve(handler)
            }
          }
        }
      }
    } catch {
      try? socket.close()
      throw error
    }
  }

  /// Ends all connections and stops listening.
  public func stop() async {
    task.cancel()
    await task.value
    try? socket.close()
  }

  private static func accept(
    on listening: AsyncSocket, serve: @escaping @Sendable (AsyncSocket) async -> Void
  ) async {
    await withTaskGroup(of: Void.self) { group in
      var count = 0
      while !Task.isCancelled {
        do {
          let connected = try await listening.accept()
          // Ended connections are counted off only here, where their number matters.
          if count >= connectionLimit, await group.next() != nil { count -= 1 }
          count += 1
          group.addTask { await serve(connected) }
        } catch is CancellationError {
          break
        } catch {
          try? await Task.sleep(for: pauseAfterFailure)
        }
      }
    }
  }
}
