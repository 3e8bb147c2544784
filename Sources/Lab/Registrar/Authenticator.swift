// Authenticator.swift: who sent a request, by digest (RFC 3261 §22, RFC 8760)
import DigestAuth
import Foundation
import MessageFormats
import SIPAgent

/// Knows the accounts and checks requests against them, as a registrar (401) or as a proxy (407).
struct Authenticator: Sendable {
  enum Role: Sendable {
    case registrar, proxy

    var status: Int { self == .registrar ? 401 : 407 }
    var reason: String { self == .registrar ? "Unauthorized" : "Proxy Authentication Required" }
    var challengeField: String { self == .registrar ? "WWW-Authenticate" : "Proxy-Authenticate" }
    var credentialsField: String { self == .registrar ? "Authorization" : "Proxy-Authorization" }
  }

  enum Verdict: Sendable {
    /// The account's name
    case accepted(String)
    /// To answer with a challenge; `cause` is for the log, nil when there were no credentials.
    case challenge([SIPHeader], cause: String?)
    /// To answer with 403, as Flexisip does where its no-403 is not set.
    case refused(cause: String)
  }

  private let passwords: [String: String]
  private let verifier: DigestVerifier
  private let fault: LabFault?

  /// - Parameter algorithms: one challenge each, in this order.
  init(users: [LabConfiguration.User], realm: String, algorithms: [DigestAlgorithm], fault: LabFault? = nil) {
    self.fault = fault
    passwords = Dictionary(users.map { ($0.name, $0.password) }, uniquingKeysWith: { first, _ in first })
    verifier = DigestVerifier(realm: realm, algorithms: algorithms)
  }

  func isAccount(_ user: String) -> Bool { passwords[user] != nil }

  /// Of several credentials the first for this realm counts.
  func verdict(on request: SIPRequest, as role: Role) -> Verdict {
    if isLetIn(request), let user = request.from?.uri.user { return .accepted(user) }
    let credentials = request.headers.all(named: role.credentialsField).lazy
      .compactMap { try? DigestCredentials(parsing: $0) }
      .first { $0.realm == verifier.realm }
    guard let credentials else { return .challenge(challenges(role, stale: false), cause: nil) }
    let outcome = verifier.verify(credentials, method: request.method, uri: nil) { name in
      passwords[name].map(DigestSecret.password)
    }
    switch outcome {
    case .accepted(let user): return .accepted(user)
    case .stale: return .challenge(challenges(role, stale: true), cause: "stale nonce")
    case .refused(.unknownUser(let name)): return .refused(cause: "user \(name) is unknown")
    case .refused(.wrongPassword(let name)): return .refused(cause: "wrong password for user \(name)")
    case .refused(let refusal):
      return .challenge(challenges(role, stale: false), cause: refusal.description)
    }
  }

  /// Whether nobody asks for a password.
  private func isLetIn(_ request: SIPRequest) -> Bool {
    switch fault {
    case .authenticationOff: true
    // trusted-hosts=127.0.0.1
    case .clientsTrusted: request.source == "127.0.0.1"
    // filter=user-agent contains 'Flexisip-conference'
    case .filterReversed: request[header: "User-Agent"]?.contains("Flexisip-conference") != true
    // filter=!(from.uri.user contains 'chatroom')
    case .outboundProxyUnreachable: ConferenceServer.isRoom(request.from?.uri)
    default: false
    }
  }

  private func challenges(_ role: Role, stale: Bool) -> [SIPHeader] {
    verifier.challenges(stale: stale).map { challenge in
      let text = challenge.headerValue
      // No RFC has it for digests, and no client.
      let unknown = "algorithm=SHA-512"
      return SIPHeader(
        role.challengeField,
        fault == .unknownAlgorithm ? text.replacing(/algorithm=[^,]*/, with: unknown) : text)
    }
  }
}

extension SIPRequest {
  /// Where the request comes from by its Via: `received`, else the sender's own word.
  fileprivate var source: String? {
    guard let via = headers.first(named: "Via") else { return nil }
    let parts = via.split(separator: ";").map { $0.trimmingCharacters(in: .whitespaces) }
    if let received = parts.first(where: { $0.hasPrefix("received=") }) { return String(received.dropFirst(9)) }
    return parts.first?.split(separator: " ").last?.split(separator: ":").first.map(String.init)
  }
}
