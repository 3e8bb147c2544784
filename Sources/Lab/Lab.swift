// Lab.swift: a stand-in for Flexisip: registrar, proxy, conference focus and key server in one process
import DigestAuth
import Foundation
import KeyServer
import SIPAgent

/// Serves SIP chat rooms to a handful of clients. All state is in memory and ends with `stop()`.
public final class Lab: Sendable {
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
  /// Between two looks for registrations that have expired.
  private static let expiryInterval = Duration.seconds(5)

  private var server: SIPServer?
  private var proxy: Proxy?
  private var keyServer: KeyServer?
  private var expiry: Task<Void, Never>?

  nonisolated init() {}

  func start(_ configuration: LabConfiguration, _ log: LabLog) async throws -> LabAddresses {
    guard server == nil else { throw LabError.alreadyRunning }
    let server = try SIPServer(address: configuration.address, port: configuration.port)
    self.server = server
    let keys: URL?
    do {
      keys = configuration.hasKeyServer ? try await startKeyServer(configuration, log) : nil
    } catch {
      await stop()
      throw error
    }
    let proxy = makeProxy(server, configuration, log)
    self.proxy = proxy
    expiry = Task { [weak proxy] in
      while (try? await Task.sleep(for: Self.expiryInterval)) != nil { proxy?.expireRegistrations() }
    }
    let host = configuration.host
    log(.proxy, "SIP over TCP and UDP at \(host):\(server.port), domain \(configuration.domain)")
    return LabAddresses(
      sip: "sip:\(host):\(server.port);transport=tcp", domain: configuration.domain,
      factory: "sip:\(configuration.factoryUser)@\(configuration.domain)", keyServer: keys)
  }

  func stop() async {
    expiry?.cancel()
    expiry = nil
    server?.stop()
    server = nil
    proxy = nil
    let keyServer = keyServer
    self.keyServer = nil
    await keyServer?.stop()
  }

  private func makeProxy(_ server: SIPServer, _ configuration: LabConfiguration, _ log: LabLog) -> Proxy {
    let registrar = Registrar(
      domain: configuration.domain, minimumExpires: configuration.minimumExpires, fault: configuration.fault)
    let courier = DeviceCourier(server: server, registrar: registrar, fault: configuration.fault, log: log)
    return Proxy(
      server: server, configuration: configuration,
      authenticator: Authenticator(
        users: configuration.users, realm: configuration.domain, algorithms: configuration.algorithms,
        fault: configuration.fault),
      courier: courier, focus: Focus(configuration: configuration, port: server.port, courier: courier, log: log),
      log: log)
  }

  /// For the same users and domain as SIP.
  private func startKeyServer(_ configuration: LabConfiguration, _ log: LabLog) async throws -> URL? {
    let secrets = Dictionary(
      configuration.users.map { ($0.name, DigestSecret.password($0.password)) },
      uniquingKeysWith: { first, _ in first })
    let authentication = KeyServerConfiguration.Authentication(
      realm: configuration.fault == .keyServerRealm ? LabFault.otherRealm : configuration.domain,
      algorithms: configuration.algorithms, secret: { secrets[$0] })
    let server = try KeyServer(
      configuration: KeyServerConfiguration(
        address: configuration.address, port: Int(configuration.keyServerPort), authentication: authentication))
    keyServer = server
    let port = try await server.start()
    if configuration.fault == .keyServerDown {
      await server.stop()
      keyServer = nil
    }
    log(.keyServer, "LIME keys at http://\(configuration.host):\(port)/")
    return URL(string: "http://\(configuration.host):\(port)/")
  }
}
