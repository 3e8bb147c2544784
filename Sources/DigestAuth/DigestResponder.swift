// DigestResponder.swift: the client side of digest authentication (RFC 7616 section 3.4)
import Foundation

/// Answers one challenge for any number of requests, counting the uses of its nonce.
public struct DigestResponder: Sendable {
  /// Stands in every answer.
  public let username: String
  /// The one that is answered.
  public let challenge: DigestChallenge
  private let secret: DigestSecret
  private var count: UInt32 = 0

  /// - Parameter uses: how often the nonce was used already.
  public init(username: String, password: String, challenge: DigestChallenge, uses: UInt32 = 0) {
    self.init(username: username, ha1: nil, password: password, challenge: challenge)
    count = uses
  }

  /// - Parameter ha1: H(username:realm:password) for the challenge's algorithm, in place of the password.
  public init(username: String, ha1: String, challenge: DigestChallenge) {
    self.init(username: username, ha1: ha1, password: "", challenge: challenge)
  }

  private init(username: String, ha1: String?, password: String, challenge: DigestChallenge) {
    self.username = username
    self.challenge = challenge
    // Hashed at once: the responder lives as long as the nonce and need not keep the password.
    let hash =
      ha1
      ?? challenge.algorithm.hexDigest(of: "\(username):\(challenge.realm):\(password)")
    secret = .ha1([challenge.algorithm: hash])
  }

  /// Credentials for one request, with a fresh cnonce and the next nonce count.
  ///
  /// - Parameters:
  ///   - method: such as `REGISTER` or `POST`.
  ///   - uri: the request URI as it stands in the request line.
  ///   - body: hashed only if the server offers nothing but `auth-int`.
  public mutating func credentials(method: String, uri: String, body: Data = Data()) -> DigestCredentials {
    count &+= 1
    var generator = SystemRandomNumberGenerator()
    // 16 bytes, by two calls to the system.
    let cnonce = (0..<2).map { _ in generator.next() as UInt64 }
      .flatMap { word in withUnsafeBytes(of: word) { Array($0) } }.hexadecimal
    guard
      let credentials = DigestCredentials(
        answering: challenge, username: username, secret: secret, method: method, uri: uri, body: body,
        cnonce: cnonce, count: count)
    else { preconditionFailure("the secret is made for the challenge's algorithm") }
    return credentials
  }
}
