// KeyServer.swift: a LIME key server on HTTP (LIME section 4: X3DH server protocol)
import Foundation
import HTTPServer
import Logging

/// Keeps the public keys of devices and hands them out, to any path of its address.
///
/// No request ends the server. It speaks plain HTTP: beyond loopback it belongs behind a proxy with TLS.
public actor KeyServer {
  private let configuration: KeyServerConfiguration
  private let service: KeyServerService
  private var state = State.stopped

  private enum State {
    case stopped
    case starting
    case running(HTTPListener)
  }

  /// Opens the database.
  ///
  /// - Parameter logger: told of refused requests; silent unless given.
  /// - Throws: `KeyServerError`.
  public init(
    configuration: KeyServerConfiguration,
    logger: Logger = Logger(label: "limeade.keyserver") { _ in SwiftLogNoOpLogHandler() }
  ) throws {
    guard UInt16(exactly: configuration.port) != nil else { throw KeyServerError.badPort(configuration.port) }
    self.configuration = configuration
    service = try KeyServerService(configuration, logger: logger)
  }

  /// Begins to listen.
  ///
  /// - Returns: the port.
  /// - Throws: `KeyServerError`.
  public func start() async throws -> Int {
    guard case .stopped = state else { throw KeyServerError.alreadyStarted }
    state = .starting
    do {
      let listener = try await HTTPListener.start(
        address: configuration.address, port: configuration.port, limits: configuration.connections
      ) { [service] in try await service.answer($0) }
      state = .running(listener)
      return listener.port
    } catch {
      state = .stopped
      throw KeyServerError.describing(error)
    }
  }

  /// Ends all connections and stops listening. Nothing happens if the server does not run.
  public func stop() async {
    guard case .running(let listener) = state else { return }
    state = .stopped
    await listener.stop()
  }
}
