// DigestAlgorithm.swift: hash algorithms of digest authentication (RFC 7616 section 6.1, RFC 8760)
import CCrypto

/// A hash algorithm of digest authentication.
public enum DigestAlgorithm: String, Sendable, CaseIterable, Codable {
  case md5 = "MD5"
  case sha256 = "SHA-256"
  case sha512Truncated = "SHA-512-256"

  /// Algorithm tokens are case-insensitive (RFC 7616 section 3.3).
  /// The `-sess` variants are not offered by any SIP server we know and yield nil.
  public init?(token: String) {
    guard let match = Self.allCases.first(where: { $0.rawValue.lowercased() == token.lowercased() }) else {
      return nil
    }
    self = match
  }

  /// Number of hexadecimal digits in a digest: 32 for MD5, 64 for the others.
  public var hexLength: Int {
    switch self {
    case .md5: 32
    case .sha256, .sha512Truncated: 64
    }
  }

  /// The hash of `bytes` in lower-case hexadecimal digits.
  public func hexDigest(of bytes: some Sequence<UInt8>) -> String {
    let input = Array(bytes)
    var digest = [UInt8](repeating: 0, count: hexLength / 2)
    var length = UInt32(digest.count)
    let type =
      switch self {
      case .md5: EVP_md5()
      case .sha256: EVP_sha256()
      case .sha512Truncated: EVP_sha512_256()
      }
    let done = EVP_Digest(input, input.count, &digest, &length, type, nil)
    // OpenSSL fails here only when it is built or configured without the algorithm: nothing sensible can go on.
    precondition(done == 1 && Int(length) == digest.count, "libcrypto offers no \(rawValue)")
    return digest.hexadecimal
  }

  /// The hash of a string's UTF-8 bytes in lower-case hexadecimal digits.
  func hexDigest(of string: String) -> String { hexDigest(of: string.utf8) }
}

extension Sequence<UInt8> {
  /// Two lower-case hexadecimal digits a byte.
  var hexadecimal: String {
    func digit(_ value: UInt8) -> UInt8 { value < 10 ? 0x30 + value : 0x57 + value }
    var digits: [UInt8] = []
    for byte in self {
      digits.append(digit(byte >> 4))
      digits.append(digit(byte & 15))
    }
    return String(decoding: digits, as: UTF8.self)
  }
}

/// Compares without leaving early, so that timing tells nothing about where two digests differ.
func equalInConstantTime(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
  guard left.count == right.count else { return false }
  return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
}
