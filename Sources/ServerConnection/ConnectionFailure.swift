// ConnectionFailure.swift: why there is no connection to a server
import Foundation

/// Why a server was not reached, or is not reached any more.
public enum ConnectionFailure: Error, Hashable, Sendable {
  /// A host name has no address.
  case unresolvable(host: String, reason: String)
  /// The connection was refused, or there is no way to the address; the system's words.
  case refused(reason: String)
  /// No answer to the attempt to connect.
  case timedOut
  /// A connection broke: reset, or what was sent is not acknowledged.
  case lost(reason: String)
  /// The server closed the connection.
  case closed
  /// The caller asked to stop.
  case interrupted
  case tls(TLSFailure)

  static func systemText(_ code: Int32) -> String {
    code == ETIMEDOUT ? "the network does not answer any more" : String(cString: strerror(code))
  }
}

extension ConnectionFailure: LocalizedError, CustomStringConvertible {
  public var description: String {
    switch self {
    case .unresolvable(let host, let reason): "the host name \(host) has no address (\(reason))"
    case .refused(let reason), .lost(let reason): reason
    case .timedOut: "no answer to the connection"
    case .closed: "the server closed the connection"
    case .interrupted: "interrupted"
    case .tls(let failure): failure.description
    }
  }

  public var errorDescription: String? { description }
}

/// Why a TLS connection was not made: what the certificate or the server lacks, and what to do.
public enum TLSFailure: Error, Hashable, Sendable {
  /// The file of certificate authorities cannot be used.
  case caFile(path: String, reason: String)
  /// Times are UTC, `2026-11-21 10:00`.
  case expired(since: String)
  case notYetValid(before: String)
  /// The certificate is signed by nobody but itself, and is not in the CA file.
  case selfSigned
  /// The chain of issuers does not end at a known authority.
  case unknownIssuer(String)
  /// `names`: those that the certificate is for.
  case wrongName(expected: String, names: [String])
  /// Any other fault of the certificate, in OpenSSL's words.
  case badCertificate(String)
  /// The server offers nothing newer than TLS 1.1.
  case protocolTooOld
  /// What answered is no TLS.
  case plainText
  /// The connection was closed during the handshake, without a word.
  case closed
  /// Nothing came in answer to the handshake.
  case noAnswer
  /// The server asks for a certificate of ours.
  case clientCertificateWanted
  /// Anything else, in OpenSSL's words.
  case failed(String)
}

extension TLSFailure: LocalizedError, CustomStringConvertible {
  public var description: String {
    switch self {
    case .caFile(let path, let reason): "ca-file \(path) cannot be used: \(reason)"
    case .expired(let since):
      "its certificate expired on \(since) UTC: its operator must renew it (if this machine's clock is right)"
    case .notYetValid(let before):
      "its certificate is not valid before \(before) UTC: check the clocks of this machine and the server"
    case .selfSigned:
      "its certificate is signed by itself only: if it is the right one, put it into the account's ca-file"
    case .unknownIssuer(let issuer):
      """
      its certificate is issued by \(issuer), which is no known authority: put that one's certificate into the \
      account's ca-file; or the server does not send its intermediate certificates
      """
    case .wrongName(let expected, let names):
      """
      its certificate is not for \(expected) but for \(names.isEmpty ? "no name" : names.joined(separator: ", ")): \
      use that name as outbound-proxy, or the operator must get a certificate for \(expected)
      """
    case .badCertificate(let reason): "its certificate is not accepted: \(reason)"
    case .protocolTooOld: "it speaks no TLS newer than 1.1: its operator must switch on TLS 1.2 or 1.3"
    case .plainText: "what answers there is not TLS: use the port for TLS (usually 5061), or transport=tcp"
    case .closed: "it closed the connection during the TLS handshake: use the port for TLS (usually 5061)"
    case .noAnswer: "it does not answer the TLS handshake: use the port for TLS (usually 5061)"
    case .clientCertificateWanted: "it asks for a client certificate, which is not supported"
    case .failed(let reason): "TLS fails: \(reason)"
    }
  }

  public var errorDescription: String? { description }
}
