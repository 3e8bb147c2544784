// KeyServer.swift: a LIME key server on HTTP (LIME section 4: X3DH server protocol)
import FlyingFox
import FlyingSocks
import Foundation
import Logging

/// Keeps the public keys of devices and hands them out, to any path of its address.
///
/// No request ends the server. It speaks plain HTTP: beyond loopback it belongs behind a proxy with TLS.
public actor KeyServer {
  /// Seconds for one exchange, and for connections to end when the server stops.
  private static let exchangeTimeout: TimeInterval = 15
  private static let stopTimeout: TimeInterval = 1

  private let configuration: KeyServerConfiguration
  private let service: KeyServerService
  private var running: (server: HTTPServer, task: Task<Void, Never>)?

  /// Opens the database.
  ///
  /// - Throws: `KeyServerError`.
  public init(configuration: KeyServerConfiguration, logger: Logger = Logger(label: "limeade.keyserver")) throws {
    guard (0...Int(UInt16.max)).contains(configuration.port) else { throw KeyServerError.badPort(configuration.port) }
    self.configuration = configuration
    service = try KeyServerService(configuration, logger: logger)
  }

  /// Begins to listen.
  ///
  /// - Returns: the port.
  /// - Throws: `KeyServerError`.
  public func start() async throws -> Int {
    guard running == nil else { throw KeyServerError.alreadyStarted }
    let server = try makeServer()
    // The server says that it listens by one way and that it cannot by another; whichever comes first counts.
    let (outcomes, report) = AsyncStream<String?>.makeStream()
    let task = Task {
      do {
        try await server.run()
      } catch {
        report.yield(error.localizedDescription)
      }
      report.finish()
    }
    running = (server, task)
    let waiting = Task {
      try await server.waitUntilListening()
      report.yield(nil)
    }
    defer { waiting.cancel() }
    for await failure in outcomes {
      guard failure == nil, let port = await listeningPort(of: server) else {
        running = nil
        throw KeyServerError.cannotListen(
          address: configuration.address, port: configuration.port, reason: failure ?? "no port")
      }
      return port
    }
    running = nil
    throw KeyServerError.cannotListen(address: configuration.address, port: configuration.port, reason: "stopped")
  }

  /// Ends all connections and stops listening. Nothing happens if the server does not run.
  public func stop() async {
    guard let (server, task) = running else { return }
    running = nil
    await server.stop(timeout: Self.stopTimeout)
    await task.value
  }

  private func makeServer() throws -> HTTPServer {
    let port = UInt16(configuration.port)
    let address = configuration.address
    if let ip4 = try? sockaddr_in.inet(ip4: address, port: port) {
      return HTTPServer(address: ip4, timeout: Self.exchangeTimeout, logger: .disabled, handler: service)
    }
    if let ip6 = try? sockaddr_in6.inet6(ip6: address, port: port) {
      return HTTPServer(address: ip6, timeout: Self.exchangeTimeout, logger: .disabled, handler: service)
    }
    throw KeyServerError.badAddress(address)
  }

  private func listeningPort(of server: HTTPServer) async -> Int? {
    switch await server.listeningAddress {
    case .ip4(_, let port)?, .ip6(_, let port)?: Int(port)
    case .unix?, nil: nil
    }
  }
}
