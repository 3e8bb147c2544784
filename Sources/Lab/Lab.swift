// Lab.swift: a stand-in for Flexisip: registrar, proxy, conference focus and key server in one process
import DigestAuth
import Foundation
import MessageFormats
import SIPAgent

/// Serves SIP chat rooms to a handful of clients. All state is in memory and ends with `stop()`.
public final class Lab: Sendable {
  /// Seconds between looks for registrations that have expired.
  private static let expiryInterval = Duration.seconds(5)

  public let configuration: LabConfiguration
  /// What happens, for people to read. One listener.
  public var events: AsyncStream<LabEvent> { log.events }
  private let log = LabLog()

  public init(_ configuration: LabConfiguration) { self.configuration = configuration }

  /// Listens; when it returns, clients can come. Throws when a port is taken, and when the lab runs already.
  public func start() async throws -> LabAddresses { try await running.start(configuration, log) }

  /// Closes all connections. The lab can be started again, with no one registered.
  public func stop() async { await running.stop() }

  private let running = RunningLab()
}

public enum LabError: Error, LocalizedError, CustomStringConvertible {
  case alreadyRunning

  public var description: String {
    switch self {
    case .alreadyRunning: "the lab is running already"
    }
  }
  public var errorDescription: String? { description }
}

/// What exists between start and stop.
@SIPActor
private final class RunningLab {
  private var server: SIPServer?
  private var proxy: Proxy?
  private var expiry: Task<Void, Never>?

  nonisolated init() {}

  func start(_ configuration: LabConfiguration, _ log: LabLog) async throws -> LabAddresses {
    guard server == nil else { throw LabError.alreadyRunning }
    let server = try SIPServer(address: configuration.address, port: configuration.port)
    let registrar = Registrar(domain: configuration.domain, minimumExpires: configuration.minimumExpires)
    let courier = DeviceCourier(server: server, registrar: registrar, log: log)
    let focus = Focus(configuration: configuration, port: server.port, courier: courier, log: log)
    let authenticator = Authenticator(
      users: configuration.users, realm: configuration.domain, algorithms: configuration.algorithms)
    let proxy = Proxy(
      server: server, configuration: configuration, authenticator: authenticator, courier: courier, focus: focus,
      log: log)
    self.server = server
    self.proxy = proxy
    expiry = Task { [weak proxy] in
      while (try? await Task.sleep(for: .seconds(5))) != nil { proxy?.expireRegistrations() }
    }
    let host = configuration.address.contains(":") ? "[\(configuration.address)]" : configuration.address
    log(.proxy, "SIP over TCP and UDP at \(host):\(server.port), domain \(configuration.domain)")
    return LabAddresses(
      sip: "sip:\(host):\(server.port);transport=tcp", domain: configuration.domain,
      factory: "sip:\(configuration.factoryUser)@\(configuration.domain)", keyServer: nil)
  }

  func stop() async {
    expiry?.cancel()
    server?.stop()
    server = nil
    proxy = nil
  }
}
