// KnownCredentials.swift: credentials for the next request without being asked again (RFC 3261 §22.3, RFC 7616 §3.4)
import DigestAuth
import Foundation

/// Keeps the last challenge whose answer a server accepted, and answers it for further requests, counting its nonce's
/// uses: each request is then sent once and not twice. A server that no longer accepts the nonce challenges as it does
/// without credentials, so nothing is lost by trying.
@SIPActor
final class KnownCredentials {
  /// Who asks: 401 and 407 have header fields of their own.
  enum Asker {
    case server, proxy

    /// nil for a status that is no challenge.
    init?(status: Int) {
      switch status {
      case 401: self = .server
      case 407: self = .proxy
      default: return nil
      }
    }

    var challengeField: String { self == .server ? "WWW-Authenticate" : "Proxy-Authenticate" }
    var credentialsField: String { self == .server ? "Authorization" : "Proxy-Authorization" }
  }

  private let account: String
  private var responder: DigestResponder?
  private var asker = Asker.proxy

  /// - Parameter account: its token in `DigestAccounts`.
  init(account: String) { self.account = account }

  /// - Parameter challenge: was answered for one request, which was accepted.
  func accepted(_ challenge: DigestChallenge, of asker: Asker) {
    self.asker = asker
    responder = DigestAccounts.shared.account(account).map {
      DigestResponder(username: $0.username, password: $0.password(), challenge: challenge, uses: 1)
    }
  }

  /// nil when nothing is known, or when the account is not spoken for any longer.
  /// - Parameter uri: the Request-URI.
  func header(method: String, uri: String, body: Data) -> SIPHeader? {
    guard DigestAccounts.shared.account(account) != nil else { return nil }
    return (responder?.credentials(method: method, uri: uri, body: body).headerValue)
      .map { SIPHeader(asker.credentialsField, $0) }
  }

  func forget() { responder = nil }
}
