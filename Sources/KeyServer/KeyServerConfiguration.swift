// KeyServerConfiguration.swift: where a key server listens, what it stores, and whom it trusts
import DigestAuth
import Foundation
import HTTPServer
import Lime

/// How a key server is set up. Without changes: loopback, any free port, in memory, no passwords, as a lab needs it.
public struct KeyServerConfiguration: Sendable {
  /// Where devices' public keys are kept.
  public enum Database: Sendable, Hashable {
    /// Gone when the server ends.
    case inMemory
    /// A SQLite file, made with mode 0600 if absent.
    case file(path: String)
  }

  /// Digest authentication (RFC 7616) as production servers ask for it.
  public struct Authentication: Sendable {
    /// The SIP domain: device ids must be of the form `sip:user@realm;gr=…`.
    public var realm: String
    /// Offered in this order.
    public var algorithms: [DigestAlgorithm]
    /// Seconds during which a nonce is accepted.
    public var nonceLifetime: TimeInterval
    /// Finds the secret of a user, nil for an unknown one. Called for every authenticated request.
    public var secret: @Sendable (_ username: String) -> DigestSecret?

    public init(
      realm: String, algorithms: [DigestAlgorithm] = [.md5, .sha256], nonceLifetime: TimeInterval = 3600,
      secret: @escaping @Sendable (_ username: String) -> DigestSecret?
    ) {
      self.realm = realm
      self.algorithms = algorithms
      self.nonceLifetime = nonceLifetime
      self.secret = secret
    }

    /// - Parameter users: a secret for each user name.
    public init(realm: String, users: [String: DigestSecret]) {
      self.init(realm: realm) { users[$0] }
    }
  }

  /// What devices may store and ask for; more is refused with `resourceLimit`, or comes without one-time keys.
  public struct Limits: Sendable, Hashable {
    /// Bytes of a request's body.
    public var bodyLength = 64 * 1024
    /// One-time keys stored for one device, as on the public servers.
    public var oneTimeKeysPerDevice = 200
    /// Devices in one request for bundles.
    public var devicesPerRequest = KeyServerRequest.devicesPerRequest
    /// One-time keys of one device that all devices of one account together get within an hour; then bundles come
    /// without. Else anyone could use up a device's keys, and first messages to it would lose the protection they give.
    public var oneTimeKeysPerAccountAndHour = 20
    /// The last one-time keys of a device, which go only to accounts that never got one of it.
    public var oneTimeKeysForNewcomers = 10
    /// Devices of one account, for each curve.
    public var devicesPerAccount = 256

    public init() {}
  }

  /// An IPv4 or IPv6 address. Plain HTTP is spoken, so only loopback is safe without a TLS proxy in front.
  public var address: String
  /// 0 for any free port.
  public var port: Int
  /// Opened, or made, by the start.
  public var database: Database
  /// nil accepts every device id as given.
  public var authentication: Authentication?
  /// As the public servers have them.
  public var limits = Limits()
  /// Of connections and requests at a time, and their speed.
  public var connections = HTTPLimits()

  public init(
    address: String = "127.0.0.1", port: Int = 0, database: Database = .inMemory,
    authentication: Authentication? = nil
  ) {
    self.address = address
    self.port = port
    self.database = database
    self.authentication = authentication
  }
}

/// Why a key server does not start.
public enum KeyServerError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
  case badAddress(String)
  case badPort(Int)
  case cannotListen(address: String, port: Int, reason: String)
  case cannotOpenDatabase(path: String, reason: String)
  case alreadyStarted

  public var description: String {
    switch self {
    case .badAddress(let address): "\(address) is not an IPv4 or IPv6 address to listen on"
    case .badPort(let port): "\(port) is not a port number (0 to 65535)"
    case .cannotListen(let address, let port, let reason):
      "the key server cannot listen on \(address), port \(port): \(reason)"
    case .cannotOpenDatabase(let path, let reason): "the key server cannot open its database \(path): \(reason)"
    case .alreadyStarted: "the key server was started already"
    }
  }

  public var errorDescription: String? { description }

  /// What a listener's error means here; others are passed on as they are.
  static func describing(_ error: any Error) -> any Error {
    switch error {
    case HTTPServerError.badAddress(let address): KeyServerError.badAddress(address)
    case HTTPServerError.badPort(let port): KeyServerError.badPort(port)
    case HTTPServerError.cannotListen(let address, let port, let reason):
      KeyServerError.cannotListen(address: address, port: port, reason: reason)
    default: error
    }
  }
}
