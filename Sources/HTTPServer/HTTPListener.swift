// HTTPListener.swift: takes connections on one address and serves each within limits
import FlyingSocks
import Foundation

/// A small HTTP/1.1 server on FlyingSocks.
///
/// FlyingFox's own server (0.27) reads header lines of any length, in time that grows with their square, and ends at
/// the first connection that cannot be accepted. This one reads within limits and goes on.
public struct HTTPListener: Sendable {
  /// How long to wait after an accept that failed for want of file descriptors or memory.
  private static let pauseAfterFailure = Duration.milliseconds(50)
  /// Bytes of an answer that the system keeps for a client that is slow to read.
  private static let sendBuffer: Int32 = 128 * 1024

  /// The port that is listened on, also if any was asked for.
  public let port: Int
  private let socket: Socket
  private let task: Task<Void, Never>

  /// Listens, and serves until `stop`.
  ///
  /// - Parameters:
  ///   - port: 0 for any free port.
  ///   - handler: reads as much of the body as it wants. `HTTPRequestError` ends the connection with that status.
  /// - Throws: `HTTPServerError`.
  public static func start(
    address: String, port: Int, limits: HTTPLimits,
    handler: @escaping @Sendable (HTTPRequest) async throws -> HTTPAnswer
  ) async throws -> HTTPListener {
    guard let number = UInt16(exactly: port) else { throw HTTPServerError.badPort(port) }
    do {
      if let ip4 = try? sockaddr_in.inet(ip4: address, port: number) {
        return try await HTTPListener(on: ip4, limits: limits, handler: handler)
      }
      if let ip6 = try? sockaddr_in6.inet6(ip6: address, port: number) {
        return try await HTTPListener(on: ip6, limits: limits, handler: handler)
      }
    } catch SocketError.failed(_, let code, _) {
      throw HTTPServerError.cannotListen(address: address, port: port, reason: String(cString: strerror(code)))
    }
    throw HTTPServerError.badAddress(address)
  }

  private init(
    on address: some SocketAddress, limits: HTTPLimits,
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
            await Self.accept(on: listening, HTTPConnectionTable(limits)) { connected, id, table in
              await HTTPConnection(connected, pool: pool, id: id, in: table).serve(handler)
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
    on listening: AsyncSocket, _ table: HTTPConnectionTable,
    serve: @escaping @Sendable (AsyncSocket, Int, HTTPConnectionTable) async -> Void
  ) async {
    await withDiscardingTaskGroup { group in
      while !Task.isCancelled {
        do {
          let connected = try await listening.accept()
          guard let peer = try? connected.socket.remotePeer() else {
            // Gone again.
            try? connected.close()
            continue
          }
          // What lies in the system's buffer counts as taken, and costs its memory.
          try? connected.socket.setValue(sendBuffer, for: .sendBufferSize)
          if let id = table.open(connected.socket.file.rawValue, from: HTTPConnectionTable.key(of: peer)) {
            group.addTask { await serve(connected, id, table) }
          } else {
            refuse(connected)
          }
        } catch is CancellationError {
          break
        } catch SocketError.failed(_, let code, _) where [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code) {
          table.makeRoom()
          try? await Task.sleep(for: pauseAfterFailure)
        } catch {
          // One that was given up before it was accepted.
          await Task.yield()
        }
      }
    }
  }

  /// Every connection is of more use than a new one: it is told so, and not waited for.
  private static func refuse(_ connected: AsyncSocket) {
    let answer = HTTPAnswer(status: 503, headers: [("Retry-After", "5")])
    _ = try? connected.socket.write(answer.head(closing: true))
    shutdown(connected.socket.file.rawValue, Int32(SHUT_WR))
    try? connected.close()
  }
}
