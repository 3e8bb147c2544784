// Lab.swift: a stand-in for Flexisip: registrar, proxy, conference focus, key server and file server in one process
import DigestAuth
import Foundation
import KeyServer
import SIPAgent

/// Serves SIP chat rooms to a handful of clients. All state is in memory and ends with `stop()`.
public final class Lab: Sendable {
  /// As it was given; where the lab listens in the end, `start()` returns.
  public let configuration: LabConfiguration
  /// What happens, for people to read. One listener.
  public var events: AsyncStream<LabEvent> { log.events }
  private let log = LabLog()

  public init(_ configuration: LabConfiguration) { self.configuration = configuration }

  /// Listens; when it returns, clients can come. Throws when a port is taken, and when the lab runs already.
  public func start() async throws -> LabAddresses { try await running.start(configuration, log) }

  /// Closes all connections. The lab can be started again, with no one registered.
  public func stop() async { await running.stop() }

  /// Ends the conference server and starts it again beside the running proxy, as an administrator would: rooms, members
  /// and devices stay; dialogs and subscriptions are gone. See ``LabConfiguration/RoomAddresses/confID``.
  public func restartConferenceServer() async { await running.restartConferenceServer() }

  /// What clients have made and not taken back: rooms, also those that nobody is in yet, and registered devices.
  public func contents() async -> (rooms: Int, devices: Int) { await running.contents }

  private let running = RunningLab()
}

/// Why a lab does not start.
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

  private static let usualPort: UInt16 = 6064

  private var server: SIPServer?
  /// The conference server's own socket, with faults that need one.
  private var conferencePort: SIPServer?
  private var proxy: Proxy?
  private var keyServer: KeyServer?
  private var fileServer: FileServer?
  private var expiry: Task<Void, Never>?
  private var certificates: LabCertificates?
  /// With a fault, in place of the server.
  private var oldListener: OldTLSListener?

  nonisolated init() {}

  func start(_ wanted: LabConfiguration, _ log: LabLog) async throws -> LabAddresses {
    guard server == nil else { throw LabError.alreadyRunning }
    var configuration = wanted
    if configuration.fault?.needsTLS == true { configuration.usesTLS = true }
    let certificates = configuration.usesTLS ? try LabCertificates(configuration) : nil
    self.certificates = certificates
    let server = try SIPServer(
      address: configuration.address, port: configuration.port, tlsFolder: certificates?.folder.path)
    self.server = server
    let keys: URL?
    let files: URL?
    do {
      keys = configuration.hasKeyServer ? try await startKeyServer(configuration, log) : nil
      files = configuration.hasFileServer ? try await startFileServer(configuration, log) : nil
    } catch {
      await stop()
      throw error
    }
    let proxy: Proxy
    do { proxy = try makeProxy(server, configuration, log) } catch {
      await stop()
      throw error
    }
    self.proxy = proxy
    expiry = Task { [weak proxy] in
      while (try? await Task.sleep(for: Self.expiryInterval)) != nil { proxy?.expireRegistrations() }
    }
    let host = configuration.host
    let spoken = configuration.usesTLS ? "TLS" : "TCP and UDP"
    log(.proxy, "SIP over \(spoken) at \(host):\(server.port), domain \(configuration.domain)")
    let port = try replaceListener(server, configuration)
    var addresses = LabAddresses(
      sip: "sip:\(host):\(port);transport=\(configuration.streamTransport)", domain: configuration.domain,
      factory: "sip:\(configuration.factoryUser)@\(configuration.domain)", keyServer: keys,
      fileServer: files)
    addresses.caFile = certificates?.authorityFile.path
    addresses.conferenceServer = conferencePort.map { "sip:\(host):\($0.port);transport=tcp" }
    return addresses
  }

  /// Faults of what listens for SIP.
  /// - Returns: where clients are sent.
  private func replaceListener(_ server: SIPServer, _ configuration: LabConfiguration) throws -> UInt16 {
    switch configuration.fault {
    case .serverDown:
      server.stop()
      self.server = nil
    case .tlsTooOld:
      guard let certificates else { break }
      let listener = try OldTLSListener(address: configuration.address, identity: certificates.identityFile.path)
      oldListener = listener
      return listener.port
    default: break
    }
    return server.port
  }

  func restartConferenceServer() { proxy?.restartConferenceServer() }

  var contents: (rooms: Int, devices: Int) { proxy?.contents ?? (0, 0) }

  func stop() async {
    oldListener?.stop()
    oldListener = nil
    certificates = nil
    expiry?.cancel()
    expiry = nil
    server?.stop()
    server = nil
    conferencePort?.stop()
    conferencePort = nil
    proxy = nil
    let keyServer = keyServer
    self.keyServer = nil
    await keyServer?.stop()
    let fileServer = fileServer
    self.fileServer = nil
    await fileServer?.stop()
  }

  private func makeProxy(
    _ server: SIPServer, _ configuration: LabConfiguration, _ log: LabLog
  ) throws -> Proxy {
    let fault = configuration.fault
    let registrar = Registrar(
      domain: configuration.domain, minimumExpires: configuration.minimumExpires, fault: fault,
      creator: configuration.users.first?.name)
    let courier = DeviceCourier(server: server, registrar: registrar, fault: fault, log: log)
    var served = configuration
    if fault == .factoryElsewhere { served.factoryUser = LabFault.otherFactoryUser }
    let conferenceServer = ConferenceServer(configuration: served, port: server.port, courier: courier, log: log)
    if fault?.hasConferenceServer == true { try startConferenceServer(conferenceServer, configuration) }
    return Proxy(
      server: server, configuration: served,
      authenticator: Authenticator(
        users: configuration.users, realm: fault == .otherRealm ? LabFault.wrongRealm : configuration.domain,
        algorithms: configuration.algorithms, fault: fault),
      courier: courier, conferenceServer: conferenceServer, log: log)
  }

  /// What the proxy sends to the focus, the focus takes from anybody here.
  private func startConferenceServer(_ conferenceServer: ConferenceServer, _ configuration: LabConfiguration) throws {
    // Where Flexisip has it by default, if that is free.
    let server =
      try (try? SIPServer(address: configuration.address, port: Self.usualPort))
      ?? SIPServer(address: configuration.address)
    conferencePort = server
    server.onRequest = { request, transaction in
      guard let target = request.target, conferenceServer.owns(target), let user = request.from?.uri.user,
        configuration.fault != .factoryNotListed
      else { return transaction.respond(404, "Not Found", headers: [ConferenceServer.userAgent]) }
      conferenceServer.receive(request, transaction, user: user)
    }
  }

  /// For the same users and domain as SIP.
  private func startKeyServer(_ configuration: LabConfiguration, _ log: LabLog) async throws -> URL? {
    let fault = configuration.fault
    let onlySHA256 = fault == .keyServerSHA256
    let secrets = Dictionary(
      configuration.users.map { user in
        // A hash of another algorithm than the one that is asked for: no answer fits.
        (user.name, onlySHA256 ? DigestSecret.ha1([.md5: String(repeating: "0", count: 32)]) : .password(user.password))
      }, uniquingKeysWith: { first, _ in first })
    let authentication = KeyServerConfiguration.Authentication(
      realm: fault == .keyServerRealm ? LabFault.wrongRealm : configuration.domain,
      algorithms: onlySHA256 ? [.sha256] : configuration.algorithms, secret: { secrets[$0] })
    var served = KeyServerConfiguration(
      address: configuration.address, port: Int(configuration.keyServerPort), authentication: authentication)
    if fault == .keyServerLimit { served.limits.oneTimeKeysPerDevice = 1 }
    let server = try KeyServer(configuration: served)
    keyServer = server
    let port = try await server.start()
    if fault == .keyServerDown {
      await server.stop()
      keyServer = nil
    }
    log(.keyServer, "LIME keys at http://\(configuration.host):\(port)/")
    return URL(string: "http://\(configuration.host):\(port)/")
  }

  /// As the key server.
  private func startFileServer(_ configuration: LabConfiguration, _ log: LabLog) async throws -> URL {
    let secrets = configuration.secrets
    var files = FileServer.Configuration()
    files.address = configuration.address
    files.port = Int(configuration.fileServerPort)
    files.sizeLimit =
      configuration.fault == .fileServerBodyLimit ? LabFault.bodyLimit : configuration.fileSizeLimit
    files.fault = configuration.fault
    files.authentication = FileServer.Authentication(
      realm: configuration.domain, algorithms: configuration.algorithms, secret: { secrets[$0] })
    let server = FileServer(files)
    fileServer = server
    let url = try await server.start()
    if configuration.fault == .fileServerDown {
      await server.stop()
      fileServer = nil
    }
    log(.fileServer, "uploads at \(url)")
    return url
  }
}

extension LabConfiguration {
  fileprivate var secrets: [String: DigestSecret] {
    Dictionary(users.map { ($0.name, DigestSecret.password($0.password)) }, uniquingKeysWith: { first, _ in first })
  }
}
