// SIPError.swift: what can go wrong between this agent and a SIP server
import Foundation
import ServerConnection

/// Why a request has no successful answer.
public enum SIPError: Error, Hashable, Sendable {
  /// The configuration cannot work; `reason` names the setting.
  case invalidConfiguration(String)
  /// A header field or URI handed to the agent would break the message.
  case invalidArgument(String)
  /// A host name has no address.
  case unresolvable(host: String, reason: String)
  /// No connection, or it broke before the response came. `status` is the code that the stack made up, often 503.
  case unreachable(server: String, reason: String)
  /// The server could not prove who it is, or speaks no TLS that we accept: nothing was sent to it.
  case insecure(server: String, TLSFailure)
  /// No response in time (RFC 3261 timers B and F, 32 s).
  case timedOut(method: String)
  /// The server does not accept the account's name and password; not retried.
  case wrongCredentials(user: String, realm: String)
  /// The challenge cannot be answered: another scheme than Digest, or only unknown algorithms.
  case unsupportedChallenge(String)
  /// The server asks for the password of other realms than the account's, which is sent to none of them.
  case otherRealm(expected: String, offered: [String])
  /// A final response other than success.
  case refused(status: Int, reason: String)
  /// The registrar accepted the REGISTER but gave no GRUU (RFC 5627): it does not support them.
  case noGRUU(registrar: String)
  /// The dialog or subscription is unknown or has ended.
  case noSuchDialog
  /// `shutdown()` was called.
  case shutDown
}

extension SIPError: LocalizedError, CustomStringConvertible {
  public var description: String {
    switch self {
    case .invalidConfiguration(let reason): "the SIP account is not set up properly: \(reason)"
    case .invalidArgument(let what): "not valid in a SIP message: \(what)"
    case .unresolvable(let host, let reason): "the host name \(host) has no address (\(reason))"
    case .unreachable(let server, let reason): "the SIP server \(server) cannot be reached (\(reason))"
    case .insecure(let server, let failure): "no secure connection to the SIP server \(server): \(failure)"
    case .timedOut: "no answer from the SIP server in time"
    case .wrongCredentials(let user, let realm):
      "the SIP server refused the name or the password of \(user) (realm \(realm)): check the account's password"
    case .unsupportedChallenge(let challenge):
      "the SIP server asks for an authentication that is not supported: \(challenge)"
    case .otherRealm(let expected, let offered):
      """
      the SIP server asks for a password of the realm \(offered.joined(separator: ", ")), the account's is for \
      \(expected): nothing was sent. If the server is the right one, set realm = "\(offered.first ?? "")" in the account
      """
    case .refused(let status, let reason): "the SIP server answered \(status) \(reason)"
    case .noGRUU(let registrar):
      "the registrar \(registrar) gave this device no GRUU (RFC 5627), which chat rooms need"
    case .noSuchDialog: "the dialog or subscription has ended"
    case .shutDown: "the SIP agent has been shut down"
    }
  }

  public var errorDescription: String? { description }
}

extension SIPError {
  init(_ failure: ConnectionFailure, server: String) {
    switch failure {
    case .unresolvable(let host, let reason): self = .unresolvable(host: host, reason: reason)
    case .tls(.caFile(let path, let reason)):
      self = .invalidConfiguration("ca-file \(path) cannot be used: \(reason)")
    case .tls(let failure): self = .insecure(server: server, failure)
    case .refused, .timedOut, .lost, .closed, .interrupted:
      self = .unreachable(server: server, reason: failure.description)
    }
  }
}
