// HTTPClientError.swift: why no answer, or no usable one, came back
import Foundation

/// Why an exchange failed. An answer with an error status is not one of these. Cancellation is `CancellationError`.
public enum HTTPClientError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
  case invalidURL(String, reason: String)
  /// A method, header name or value with characters that would change the request's meaning.
  case invalidHeader(String)
  case cannotResolve(host: String)
  case cannotConnect(host: String, reason: String)
  /// The server's certificate was not accepted, or TLS was not agreed on.
  case certificate(host: String, reason: String)
  case tls(host: String, reason: String)
  /// The file of trusted authorities cannot be used.
  case caFile(path: String, reason: String)
  case timedOut(host: String, reason: String)
  case bodyTooLarge(host: String, limit: Int)
  case headersTooLarge(host: String)
  /// The password was refused. `realm` is the one the server named.
  case credentialsRefused(host: String, realm: String, username: String)
  /// The server asks for credentials of other realms than the account's.
  case otherRealm(host: String, expected: String, offered: [String])
  /// The server asks for credentials, but not by Digest with MD5 or SHA-256.
  case noDigestOffered(host: String, offered: [String])
  case file(path: String, reason: String)
  case transfer(host: String, reason: String)

  public var description: String {
    switch self {
    case .invalidURL(let url, let reason): "cannot use the address \(url): \(reason)"
    case .invalidHeader(let name): "cannot send the header \(name): it has characters that are not allowed"
    case .cannotResolve(let host): "cannot find the host \(host): check its name and the network"
    case .cannotConnect(let host, let reason): "cannot connect to \(host): \(reason)"
    case .certificate(let host, let reason):
      "the certificate of \(host) was not accepted: \(reason). A private authority's certificate goes into ca-file"
    case .tls(let host, let reason): "no TLS connection to \(host): \(reason)"
    case .caFile(let path, let reason): "cannot use the certificate authorities of ca-file \(path): \(reason)"
    case .timedOut(let host, let reason): "\(host) did not answer in time: \(reason)"
    case .bodyTooLarge(let host, let limit): "the answer of \(host) is larger than \(limit) bytes"
    case .headersTooLarge(let host): "the header of the answer of \(host) is too large"
    case .credentialsRefused(let host, let realm, let username):
      "\(host) refused the password of \(username) (401, realm \(realm))"
    case .otherRealm(let host, let expected, let offered):
      "\(host) asks for a password of \(offered.joined(separator: ", ")), but the account's is for \(expected)"
    case .noDigestOffered(let host, let offered):
      "\(host) asks for a password, but not by Digest with MD5 or SHA-256: \(offered.joined(separator: "; "))"
    case .file(let path, let reason): "cannot use the file \(path): \(reason)"
    case .transfer(let host, let reason): "the exchange with \(host) failed: \(reason)"
    }
  }

  public var errorDescription: String? { description }

  /// Whether a setting is at fault, and nobody was asked anything.
  public var isConfiguration: Bool {
    if case .caFile = self { true } else { false }
  }
}
