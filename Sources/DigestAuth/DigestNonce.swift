// DigestNonce.swift: server nonces that carry their own proof of origin and age (RFC 7616 section 3.3)
import CCrypto
import Foundation

/// Makes and recognises nonces without a table: time and random bytes, stamped with an HMAC under the server's key.
struct DigestNonceFactory: Sendable {
  private static let randomLength = MemoryLayout<UInt64>.size
  private static let stampLength = 16
  private let key: [UInt8]
  private let realm: String

  /// - Parameter realm: nonces of one realm are not recognised in another.
  init(realm: String) {
    var generator = SystemRandomNumberGenerator()
    key = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    self.realm = realm
  }

  /// 32 bytes in base64: milliseconds since 1970 (8, big endian), random (8), HMAC-SHA256 cut to 16.
  func nonce(at date: Date) -> String {
    var generator = SystemRandomNumberGenerator()
    let milliseconds = UInt64(max(0, date.timeIntervalSince1970 * 1000))
    var bytes = withUnsafeBytes(of: milliseconds.bigEndian) { Array($0) }
    bytes += withUnsafeBytes(of: generator.next() as UInt64) { Array($0) }
    return Data(bytes + stamp(bytes)).base64EncodedString()
  }

  /// When this factory issued the nonce, nil if it did not.
  func dateIssued(_ nonce: String) -> Date? {
    guard let bytes = Data(base64Encoded: nonce).map(Array.init),
      bytes.count == 8 + Self.randomLength + Self.stampLength
    else { return nil }
    let content = bytes.dropLast(Self.stampLength)
    guard equalInConstantTime(stamp(Array(content)), bytes.suffix(Self.stampLength)) else { return nil }
    let milliseconds = content.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Date(timeIntervalSince1970: Double(milliseconds) / 1000)
  }

  private func stamp(_ content: [UInt8]) -> [UInt8] {
    let message = content + Array(realm.utf8)
    var mac = [UInt8](repeating: 0, count: 32)
    var length = 0
    let done = EVP_Q_mac(
      nil, "HMAC", nil, "SHA256", nil, key, key.count, message, message.count, &mac, mac.count, &length)
    precondition(done != nil && length == mac.count, "libcrypto offers no HMAC-SHA256")
    return Array(mac.prefix(Self.stampLength))
  }
}
