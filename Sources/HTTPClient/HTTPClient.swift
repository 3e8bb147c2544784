// HTTPClient.swift: HTTP requests with digest authentication (RFC 9110, RFC 7616)
import DigestAuth
import Foundation

/// A user's name and password for one realm of some hosts.
public struct HTTPCredentials: Sendable {
  /// As the server knows the user.
  public var username: String
  /// In clear; only digests of it leave.
  public var password: String
  /// The only realm that gets an answer; nil answers any.
  public var realm: String?
  /// The only hosts that get an answer, as `HTTPAddress.authority` has them; nil means any. A digest lets its receiver
  /// try passwords offline, and every host can claim any realm: name the hosts when addresses come from outside.
  public var hosts: Set<String>?

  public init(username: String, password: String, realm: String? = nil, hosts: Set<String>? = nil) {
    self.username = username
    self.password = password
    self.realm = realm
    self.hosts = hosts
  }
}

/// Keeps the password out of logs and crash texts.
extension HTTPCredentials: CustomStringConvertible, CustomReflectable {
  public var description: String { "HTTPCredentials(\(username), password hidden)" }
  public var customMirror: Mirror { Mirror(self, children: ["username": username]) }
}

/// Sends requests over http and https.
///
/// TLS 1.2 or newer with the certificate and host name checked; redirects are returned, not followed; Basic is never
/// answered. Of the digest challenges the topmost that can be is answered, and the nonce used again for later
/// requests to the same origin. Proxies are those of the environment (`https_proxy`, `no_proxy`), never for loopback.
public final class HTTPClient: Sendable {
  private let options: TransferOptions
  private let credentials: HTTPCredentials?
  private let responders = ResponderTable()

  /// - Parameters:
  ///   - caFile: PEM file of trusted authorities in place of the system's.
  ///   - timeout: seconds for a whole exchange; with files, seconds without any byte moving.
  ///   - bodyLimit: most bytes of an answer's body kept in memory.
  public init(
    caFile: String? = nil, credentials: HTTPCredentials? = nil, timeout: TimeInterval = 30,
    bodyLimit: Int = 4 * 1024 * 1024
  ) {
    options = TransferOptions(caFile: caFile, timeout: timeout, bodyLimit: bodyLimit)
    self.credentials = credentials
  }

  /// Sends a request and returns the answer, whatever its status. Cancelling the task ends it within a second.
  ///
  /// Without credentials a 401 is returned like any other answer.
  ///
  /// - Throws: `HTTPClientError`, or `CancellationError`.
  public func send(_ request: HTTPRequest) async throws -> HTTPResponse {
    try Task.checkCancellation()
    let address = try HTTPAddress(request.url)
    let transfer = try CurlTransfer(options: options)
    guard let credentials, credentials.hosts.map(address.isOn) ?? true else {
      return try await transfer.perform(request, at: address, authorization: nil)
    }
    // The first try uses a nonce known from before. After that one challenge is answered, and once more only if the
    // server calls the nonce stale: anything else means that the password is wrong.
    var authorization = try responders.authorization(for: request, at: address)
    var answeredChallenge = false
    var answeredStale = false
    while true {
      let response = try await transfer.perform(request, at: address, authorization: authorization)
      guard response.status == 401 else { return response }
      let challenge = try self.challenge(in: response, host: address.host, credentials: credentials)
      if answeredChallenge {
        guard challenge.stale, !answeredStale else {
          responders.forget(address.origin)
          throw HTTPClientError.credentialsRefused(
            host: address.host, realm: challenge.realm, username: credentials.username)
        }
        answeredStale = true
      }
      answeredChallenge = true
      responders.set(
        DigestResponder(username: credentials.username, password: credentials.password, challenge: challenge),
        for: address.origin)
      authorization = try responders.authorization(for: request, at: address)
    }
  }

  private func challenge(
    in response: HTTPResponse, host: String, credentials: HTTPCredentials
  ) throws -> DigestChallenge {
    let lines = response.values(ofHeader: "WWW-Authenticate")
    if let challenge = DigestChallenge.preferred(of: lines, realm: credentials.realm) { return challenge }
    let realms = DigestChallenge.list(lines).map(\.realm)
    guard let expected = credentials.realm, !realms.isEmpty else {
      throw HTTPClientError.noDigestOffered(host: host, offered: lines)
    }
    throw HTTPClientError.otherRealm(host: host, expected: expected, offered: realms)
  }
}

/// The responder in use for each origin, so that later requests need no challenge.
///
/// Sendable because every access happens under the lock.
private final class ResponderTable: @unchecked Sendable {
  /// Most origins remembered.
  private static let capacity = 32
  private let lock = NSLock()
  private var responders: [String: DigestResponder] = [:]

  func set(_ responder: DigestResponder, for origin: String) {
    lock.withLock {
      if responders.count >= Self.capacity { responders.removeAll() }
      responders[origin] = responder
    }
  }

  func forget(_ origin: String) { lock.withLock { responders[origin] = nil } }

  func authorization(for request: HTTPRequest, at address: HTTPAddress) throws -> String? {
    try lock.withLock {
      guard let integrityOnly = responders[address.origin]?.challenge.qop,
        !integrityOnly.isEmpty, !integrityOnly.contains(.authentication)
      else { return responders[address.origin]?.header(for: request, uri: address.target, body: Data()) }
      // The server wants the body in the digest: a file is not read twice for that.
      guard case .file(let path, _, _) = request.body else {
        return responders[address.origin]?.header(for: request, uri: address.target, body: request.bodyData)
      }
      throw HTTPClientError.file(path: path, reason: "the server asks for a digest of the body (auth-int)")
    }
  }
}

extension DigestResponder {
  fileprivate mutating func header(for request: HTTPRequest, uri: String, body: Data) -> String {
    credentials(method: request.method, uri: uri, body: body).headerValue
  }
}

extension HTTPRequest {
  fileprivate var bodyData: Data {
    if case .data(let data) = body { data } else { Data() }
  }
}
