// KeyServerService.swift: one exchange of the key-server protocol, from HTTP request to HTTP answer (LIME section 4)
import DigestAuth
import Foundation
import HTTPServer
import Lime
import Logging

/// Answers requests. Errors of the protocol are HTTP 200 with an error message; only authentication uses HTTP statuses.
struct KeyServerService: Sendable {
  private let store: KeyServerStore
  private let limits: KeyServerConfiguration.Limits
  private let authentication: KeyServerConfiguration.Authentication?
  private let verifier: DigestVerifier?
  private let logger: Logger

  init(_ configuration: KeyServerConfiguration, logger: Logger) throws {
    store = try KeyServerStore(configuration.database, limits: configuration.limits)
    limits = configuration.limits
    authentication = configuration.authentication
    verifier = configuration.authentication.map {
      DigestVerifier(realm: $0.realm, algorithms: $0.algorithms, nonceLifetime: $0.nonceLifetime)
    }
    self.logger = logger
  }

  /// - Throws: `HTTPRequestError` for a body that is not HTTP.
  func answer(_ request: HTTPRequest) async throws -> HTTPAnswer {
    // Before the password is asked for: a client that sends on gets to see the answer only then.
    let body = try await request.body.data(limit: limits.bodyLength)
    var username: String?
    if let authentication, let verifier {
      switch check(request, verifier: verifier, secret: authentication.secret) {
      case .accepted(let name):
        try await request.identify(as: name)
        username = name
      case .stale: return unauthorized(verifier, stale: true)
      case .refused(let reason):
        logger.info("key server: request refused", metadata: ["reason": "\(reason)"])
        return unauthorized(verifier, stale: false)
      case nil: return unauthorized(verifier, stale: false)
      }
    }
    do {
      let body = try Self.checked(body, of: request, limits: limits)
      let sender = try sender(of: request, authenticatedAs: username)
      let question = try KeyServerRequest(parsing: body)
      return answer(with: try await store.answer(question, from: sender).serialized)
    } catch {
      let refusal = refusal(for: error)
      logger.info("key server: request refused", metadata: ["reason": "\(refusal.text)"])
      var bytes = KeyServerAnswer(curve: nil, content: .error(refusal.code, text: refusal.text)).serialized
      // The algorithm as the request names it, also one that is not served, so that the device can match the answer:
      // accounts with two algorithms refuse one with another byte. 0 if it names none.
      if let byte = body?.dropFirst(2).first { bytes[bytes.startIndex + 2] = byte }
      return answer(with: bytes)
    }
  }

  private func refusal(for error: any Error) -> KeyServerRefusal {
    switch error {
    case let refusal as KeyServerRefusal: return refusal
    case let error as KeyServerMessageError: return KeyServerRefusal(error.answerCode, error.description)
    default:
      logger.error("key server: database failed", metadata: ["error": "\(error)"])
      return KeyServerRefusal(.databaseFailure)
    }
  }

  private static func checked(
    _ body: Data?, of request: HTTPRequest, limits: KeyServerConfiguration.Limits
  ) throws -> Data {
    let mediaType = request[header: "content-type"]?.split(separator: ";").first?
      .trimmingCharacters(in: .whitespaces).lowercased()
    guard request.method == "POST", mediaType == keyServerMediaType else {
      throw KeyServerRefusal(.badContentType)
    }
    guard let body else {
      throw KeyServerRefusal(.badSize, "at most \(limits.bodyLength) bytes in a request")
    }
    return body
  }

  /// The asking device. Older clients name it in From, newer ones in a header of LIME's own, careful ones in both.
  private func sender(of request: HTTPRequest, authenticatedAs username: String?) throws -> DeviceID {
    let names = ["from", "x-lime-user-identity"].compactMap { request[header: $0] }
    guard let name = names.first, !name.isEmpty else { throw KeyServerRefusal(.missingSender, "no device id") }
    guard names.allSatisfy({ $0 == name }) else {
      throw KeyServerRefusal(.badRequest, "From and X-Lime-user-identity name different devices")
    }
    guard name.utf8.count <= KeyServerLimits.deviceIDLength, name.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
      throw KeyServerRefusal(.missingSender, "malformed device id")
    }
    if let username, let authentication, !Self.device(name, belongsTo: username, realm: authentication.realm) {
      throw KeyServerRefusal(.badRequest, "the device id does not belong to the authenticated user")
    }
    return DeviceID(name)
  }

  /// Whether a device id is `sip:user@realm;gr=…`. The user part may be percent-encoded (RFC 3261 section 19.1.2).
  static func device(_ name: String, belongsTo username: String, realm: String) -> Bool {
    guard name.hasPrefix("sip:"), let at = name.firstIndex(of: "@") else { return false }
    let user = name[name.index(name.startIndex, offsetBy: 4)..<at].removingPercentEncoding
    let host = name[name.index(after: at)...]
    guard user == username, let semicolon = host.firstIndex(of: ";"),
      host[..<semicolon].lowercased() == realm.lowercased()
    else { return false }
    return host[semicolon...].split(separator: ";").contains { $0.hasPrefix("gr=") && $0.count > 3 }
  }

  /// nil if the request has no credentials that can be understood.
  private func check(
    _ request: HTTPRequest, verifier: DigestVerifier, secret: (String) -> DigestSecret?
  ) -> DigestVerifier.Outcome? {
    guard let header = request[header: "authorization"],
      let credentials = try? DigestCredentials(parsing: header)
    else { return nil }
    return verifier.verify(
      credentials, method: request.method, uri: request.target, secret: secret)
  }

  private func unauthorized(_ verifier: DigestVerifier, stale: Bool) -> HTTPAnswer {
    // A header line for each challenge, as not every client reads several in one.
    HTTPAnswer(
      status: 401, headers: verifier.challenges(stale: stale).map { ("WWW-Authenticate", $0.headerValue) })
  }

  private func answer(with bytes: Data) -> HTTPAnswer {
    HTTPAnswer(
      status: 200, headers: [("Content-Type", keyServerMediaType), ("Cache-Control", "no-store")],
      body: .data(bytes))
  }
}
