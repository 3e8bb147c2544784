// DigestChallenge.swift: WWW-Authenticate and Proxy-Authenticate of the Digest scheme (RFC 7616 section 3.3)

/// Quality of protection: what a digest covers.
public enum DigestQualityOfProtection: String, Sendable, CaseIterable {
  /// Method and URI.
  case authentication = "auth"
  /// Method, URI and body.
  case authenticationWithIntegrity = "auth-int"
}

/// A server's digest challenge.
public struct DigestChallenge: Sendable, Hashable {
  /// What the password belongs to; SIP servers name their domain.
  public var realm: String
  /// The server's, to be used in every answer.
  public var nonce: String
  /// Returned unchanged in the credentials.
  public var opaque: String?
  /// Without the parameter it is MD5.
  public var algorithm: DigestAlgorithm
  /// Understood options in the order offered; empty when the server offers none (RFC 2069 style).
  public var qop: [DigestQualityOfProtection]
  /// The digest was right but its nonce is no longer accepted: answer again without asking the user.
  public var stale: Bool

  public init(
    realm: String, nonce: String, opaque: String? = nil, algorithm: DigestAlgorithm = .md5,
    qop: [DigestQualityOfProtection] = [.authentication], stale: Bool = false
  ) {
    self.realm = realm
    self.nonce = nonce
    self.opaque = opaque
    self.algorithm = algorithm
    self.qop = qop
    self.stale = stale
  }

  /// Reads a header value that holds exactly one challenge.
  ///
  /// - Throws: `DigestError`, also for another scheme or an algorithm or qop that is not supported.
  public init(parsing headerValue: String) throws(DigestError) {
    let schemes = try AuthenticationScheme.list(headerValue)
    guard let scheme = schemes.first else { throw .malformed("empty header") }
    guard schemes.count == 1 else { throw .malformed("several challenges") }
    try self.init(scheme)
  }

  init(_ scheme: AuthenticationScheme) throws(DigestError) {
    guard scheme.name.lowercased() == "digest" else { throw .unsupportedScheme(scheme.name) }
    realm = try scheme.required("realm")
    nonce = try scheme.required("nonce")
    opaque = try scheme.value("opaque")
    let algorithmToken = try scheme.value("algorithm") ?? DigestAlgorithm.md5.rawValue
    guard let algorithm = DigestAlgorithm(token: algorithmToken) else { throw .unsupportedAlgorithm(algorithmToken) }
    self.algorithm = algorithm
    qop = []
    if let options = try scheme.value("qop") {
      qop = options.split(whereSeparator: { $0 == "," || $0 == " " || $0 == "\t" })
        .compactMap { DigestQualityOfProtection(rawValue: $0.lowercased()) }
      if qop.isEmpty { throw .unsupportedQualityOfProtection(options) }
    }
    stale = try scheme.value("stale")?.lowercased() == "true"
  }

  /// All usable digest challenges of the header lines, in order.
  ///
  /// Challenges of other schemes, of unknown algorithms and lines that break the grammar are passed over.
  public static func list(_ headerValues: [String]) -> [DigestChallenge] {
    headerValues.flatMap { line in
      ((try? AuthenticationScheme.list(line)) ?? []).compactMap { try? DigestChallenge($0) }
    }
  }

  /// The challenge to answer: the topmost that can be (RFC 8760 section 2.4, RFC 7616 section 3.7), MD5 only where
  /// nothing better is offered: Flexisip puts it first, also for accounts that it has no MD5 hash of.
  ///
  /// - Parameters:
  ///   - headerValues: each a header line, which may hold several challenges separated by commas.
  ///   - realm: only challenges of this realm count, whatever the case; nil for any. Credentials belong to one realm
  ///     only.
  public static func preferred(of headerValues: [String], realm: String? = nil) -> DigestChallenge? {
    let usable = list(headerValues).filter { challenge in
      realm.map { $0.lowercased() == challenge.realm.lowercased() } ?? true
    }
    return usable.first { $0.algorithm != .md5 } ?? usable.first
  }

  /// The value of a WWW-Authenticate or Proxy-Authenticate header.
  public var headerValue: String {
    var fields = ["realm=\(quoted(realm))", "nonce=\(quoted(nonce))"]
    if let opaque { fields.append("opaque=\(quoted(opaque))") }
    fields.append("algorithm=\(algorithm.rawValue)")
    if stale { fields.append("stale=true") }
    if !qop.isEmpty { fields.append("qop=\"\(qop.map(\.rawValue).joined(separator: ","))\"") }
    return "Digest " + fields.joined(separator: ", ")
  }
}
