// DigestCredentials.swift: Authorization and Proxy-Authorization of the Digest scheme (RFC 7616 section 3.4)
import Foundation

/// A client's answer to a digest challenge.
public struct DigestCredentials: Sendable, Hashable {
  /// As the server knows the user; it stands in the header unhashed.
  public var username: String
  /// The challenge's.
  public var realm: String
  /// The challenge's.
  public var nonce: String
  /// The request URI as the client computed with it.
  public var uri: String
  /// Lower-case hexadecimal digits, as many as the algorithm yields.
  public var response: String
  /// Without the parameter it is MD5.
  public var algorithm: DigestAlgorithm
  /// Client nonce, present with `qop`.
  public var cnonce: String?
  /// Nonce count, present with `qop`: how many requests used this nonce, this one included.
  public var nc: UInt32?
  /// nil for the digest of RFC 2069.
  public var qop: DigestQualityOfProtection?
  /// The challenge's, if it has one.
  public var opaque: String?

  /// Reads the value of an Authorization or Proxy-Authorization header.
  ///
  /// - Throws: `DigestError`. Hashed user names (`userhash`) and extended ones (`username*`) are not supported.
  public init(parsing headerValue: String) throws(DigestError) {
    let schemes = try AuthenticationScheme.list(headerValue)
    guard let scheme = schemes.first else { throw .malformed("empty header") }
    guard schemes.count == 1 else { throw .malformed("several credentials") }
    guard scheme.name.lowercased() == "digest" else { throw .unsupportedScheme(scheme.name) }
    if try scheme.value("userhash")?.lowercased() == "true" { throw .invalidParameter("userhash") }
    username = try scheme.required("username")
    realm = try scheme.required("realm")
    nonce = try scheme.required("nonce")
    uri = try scheme.required("uri")
    opaque = try scheme.value("opaque")
    let algorithmToken = try scheme.value("algorithm") ?? DigestAlgorithm.md5.rawValue
    guard let algorithm = DigestAlgorithm(token: algorithmToken) else { throw .unsupportedAlgorithm(algorithmToken) }
    self.algorithm = algorithm
    response = try scheme.required("response").lowercased()
    guard response.utf8.count == algorithm.hexLength, Self.isHexadecimal(response) else {
      throw .invalidParameter("response")
    }
    guard let qopToken = try scheme.value("qop") else { return }
    guard let qop = DigestQualityOfProtection(rawValue: qopToken.lowercased()) else {
      throw .unsupportedQualityOfProtection(qopToken)
    }
    self.qop = qop
    cnonce = try scheme.required("cnonce")
    let count = try scheme.required("nc")
    guard count.utf8.count == 8, Self.isHexadecimal(count), let nc = UInt32(count, radix: 16) else {
      throw .invalidParameter("nc")
    }
    self.nc = nc
  }

  /// Computes the answer to a challenge (RFC 7616 section 3.4.1).
  ///
  /// - Parameters:
  ///   - challenge: the parameters to answer; without qop the digest is that of RFC 2069.
  ///   - method: such as `REGISTER`, in upper case.
  ///   - uri: the request URI as it stands in the request line.
  ///   - body: hashed only with `auth-int`.
  ///   - cnonce: client nonce, never used twice with one nonce and count.
  ///   - count: how many requests used this nonce, this one included.
  /// - Returns: nil when the secret has no HA1 for the challenge's algorithm.
  public init?(
    answering challenge: DigestChallenge, username: String, secret: DigestSecret, method: String, uri: String,
    body: Data = Data(), cnonce: String, count: UInt32
  ) {
    let algorithm = challenge.algorithm
    guard let ha1 = secret.ha1(username: username, realm: challenge.realm, algorithm: algorithm) else { return nil }
    self.username = username
    realm = challenge.realm
    nonce = challenge.nonce
    self.uri = uri
    self.algorithm = algorithm
    opaque = challenge.opaque
    response = ""
    if !challenge.qop.isEmpty {
      qop = challenge.qop.contains(.authentication) ? .authentication : .authenticationWithIntegrity
      self.cnonce = cnonce
      nc = count
    }
    response = expectedResponse(ha1: ha1, method: method, bodyDigest: algorithm.hexDigest(of: body))
  }

  /// The response that these parameters call for.
  ///
  /// - Parameters:
  ///   - ha1: H(username:realm:password) in lower-case hexadecimal digits.
  ///   - bodyDigest: H(body) in lower-case hexadecimal digits, used only with `auth-int`.
  func expectedResponse(ha1: String, method: String, bodyDigest: String) -> String {
    var request = "\(method):\(uri)"
    if qop == .authenticationWithIntegrity { request += ":\(bodyDigest)" }
    let ha2 = algorithm.hexDigest(of: request)
    guard let qop else { return algorithm.hexDigest(of: "\(ha1):\(nonce):\(ha2)") }
    return algorithm.hexDigest(of: "\(ha1):\(nonce):\(nonceCountText):\(cnonce ?? ""):\(qop.rawValue):\(ha2)")
  }

  /// The value of an Authorization or Proxy-Authorization header.
  public var headerValue: String {
    var fields = [
      "username=\(quoted(username))", "realm=\(quoted(realm))", "nonce=\(quoted(nonce))", "uri=\(quoted(uri))",
      "response=\"\(response)\"", "algorithm=\(algorithm.rawValue)",
    ]
    if let opaque { fields.append("opaque=\(quoted(opaque))") }
    if let qop {
      fields += ["qop=\(qop.rawValue)", "nc=\(nonceCountText)", "cnonce=\(quoted(cnonce ?? ""))"]
    }
    return "Digest " + fields.joined(separator: ", ")
  }

  /// Eight hexadecimal digits, part of what is hashed.
  private var nonceCountText: String {
    let digits = String(nc ?? 0, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  private static func isHexadecimal(_ text: String) -> Bool {
    text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
        UInt8(ascii: "A")...UInt8(ascii: "F"):
        true
      default: false
      }
    }
  }
}
