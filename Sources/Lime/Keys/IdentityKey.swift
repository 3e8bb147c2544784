// IdentityKey.swift: the public identity key of a device (RFC 8032)

import Foundation

/// The EdDSA public key that identifies a device: 32 bytes on c25519, 57 on c448.
///
/// The length is right by construction; whether it is a usable point is checked where it is used.
public struct IdentityKey: Hashable, Sendable, CustomStringConvertible {
  /// Ed25519 or Ed448 by it.
  public let curve: Curve
  /// 32 on c25519, 57 on c448 (RFC 8032 §5.1.5, §5.2.5).
  public let bytes: Data

  /// - Returns: nil unless `bytes` has the length of the curve's public keys.
  public init?(curve: Curve, bytes: Data) {
    guard bytes.count == curve.identityKeyLength else { return nil }
    self.curve = curve
    self.bytes = Data(bytes)
  }

  /// The whole key in hexadecimal, in groups of four digits, for two people to compare.
  public var fingerprint: String {
    let digits = bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }
    return stride(from: 0, to: digits.count, by: 2)
      .map { digits[$0..<min($0 + 2, digits.count)].joined() }
      .joined(separator: " ")
  }

  public var description: String { fingerprint }
}
