// DigestVerifier.swift: the server side of digest authentication (RFC 7616 sections 3.3 to 3.5)
import Foundation

/// Makes challenges and checks the answers.
///
/// Nonces prove their own origin and age, so an unauthenticated client costs no memory. Nonce counts are remembered,
/// for right answers only, in a table of bounded size.
public final class DigestVerifier: Sendable {
  /// What became of an answer.
  public enum Outcome: Sendable, Equatable {
    case accepted(username: String)
    /// The password is right but the nonce is too old, of an earlier run, or used before: challenge with `stale`.
    case stale
    case refused(Refusal)
  }

  /// Why an answer is refused. For logs; a client learns only that it was.
  public enum Refusal: Error, Sendable, Equatable, CustomStringConvertible {
    case otherRealm(String)
    case algorithmNotOffered(DigestAlgorithm)
    case protectionNotOffered
    /// The digest was made for another request.
    case otherURI(String)
    case unknownUser(String)
    case wrongPassword(username: String)

    public var description: String {
      switch self {
      case .otherRealm(let realm): "credentials are for the realm \"\(realm)\""
      case .algorithmNotOffered(let algorithm): "\(algorithm.rawValue) was not offered"
      case .protectionNotOffered: "the qop differs from the one offered"
      case .otherURI(let uri): "credentials are for the URI \(uri)"
      case .unknownUser(let name): "user \(name) is unknown"
      case .wrongPassword(let name): "wrong password for user \(name)"
      }
    }
  }

  /// Of every challenge; credentials for another realm are refused.
  public let realm: String
  /// In the order of the challenges.
  public let algorithms: [DigestAlgorithm]
  /// Seconds during which a nonce is accepted.
  public let nonceLifetime: TimeInterval
  private let qop: [DigestQualityOfProtection]
  private let nonces: DigestNonceFactory
  private let now: @Sendable () -> Date
  private let counts: LockedNonceCounts

  /// - Parameters:
  ///   - algorithms: one challenge each, in this order, all with the same nonce (as Flexisip sends them).
  ///   - nonceLifetime: seconds.
  ///   - offersProtection: false for challenges without qop (RFC 2069), whose answers can be replayed.
  ///   - rememberedNonces: most nonces whose counts are remembered.
  public init(
    realm: String, algorithms: [DigestAlgorithm] = [.md5, .sha256], nonceLifetime: TimeInterval = 3600,
    offersProtection: Bool = true, rememberedNonces: Int = 4096, now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.realm = realm
    self.algorithms = algorithms
    self.nonceLifetime = nonceLifetime
    self.now = now
    qop = offersProtection ? [.authentication] : []
    nonces = DigestNonceFactory(realm: realm)
    counts = LockedNonceCounts(NonceCountWindow(capacity: rememberedNonces))
  }

  /// A fresh challenge for each algorithm.
  public func challenges(stale: Bool = false) -> [DigestChallenge] {
    let nonce = nonces.nonce(at: now())
    return algorithms.map {
      DigestChallenge(realm: realm, nonce: nonce, algorithm: $0, qop: qop, stale: stale)
    }
  }

  /// Checks the answer to a challenge.
  ///
  /// Not for ACK and CANCEL: they repeat the credentials of their INVITE (RFC 3261 section 22.1), so they look like
  /// replays.
  ///
  /// - Parameters:
  ///   - method: the request's method.
  ///   - uri: the request's URI, which the answer must name; nil where proxies may have changed it.
  ///   - secret: finds a user's secret, nil for an unknown user.
  public func verify(
    _ credentials: DigestCredentials, method: String, uri: String?, secret: (_ username: String) -> DigestSecret?
  ) -> Outcome {
    guard credentials.realm == realm else { return .refused(.otherRealm(credentials.realm)) }
    guard algorithms.contains(credentials.algorithm) else {
      return .refused(.algorithmNotOffered(credentials.algorithm))
    }
    // An answer without qop could be replayed for as long as its nonce lives.
    guard credentials.qop == qop.first else { return .refused(.protectionNotOffered) }
    if let uri, uri != credentials.uri { return .refused(.otherURI(credentials.uri)) }

    // An unknown user is computed with all the same, so that timing does not tell which users exist.
    let username = credentials.username
    let found = secret(username)
    let ha1 = (found ?? .password("")).ha1(username: username, realm: realm, algorithm: credentials.algorithm)
    let expected = credentials.expectedResponse(
      ha1: ha1 ?? String(repeating: "0", count: credentials.algorithm.hexLength), method: method, bodyDigest: "")
    let matches = equalInConstantTime(Array(expected.utf8), Array(credentials.response.utf8))
    guard found != nil, ha1 != nil else { return .refused(.unknownUser(username)) }
    guard matches else { return .refused(.wrongPassword(username: username)) }

    guard let issued = nonces.dateIssued(credentials.nonce) else { return .stale }
    let age = now().timeIntervalSince(issued)
    guard age <= nonceLifetime else { return .stale }
    if let count = credentials.nc, !counts.use(credentials.nonce, issued: issued, count: count) { return .stale }
    return .accepted(username: username)
  }
}

/// Sendable because every access to the window happens under the lock.
private final class LockedNonceCounts: @unchecked Sendable {
  private let lock = NSLock()
  private var window: NonceCountWindow

  init(_ window: NonceCountWindow) { self.window = window }

  func use(_ nonce: String, issued: Date, count: UInt32) -> Bool {
    lock.withLock { window.use(nonce, issued: issued, count: count) }
  }
}
