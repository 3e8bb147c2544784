// ComparisonCode.swift: the digits two people compare to know that nobody stands between their devices

import CSodium
import Foundation

/// A short code for a pair of devices and their identity keys, the same on both ends whoever computes it.
///
/// Definition, for other implementations. All lengths are two bytes, big endian; `||` joins.
///
///     side(device, key) = length(device id) || device id (UTF-8) || length(key) || key
///     pair  = the two sides joined, the one first whose bytes are lexicographically smaller
///     h(0)  = SHA-512("LIME comparison code 1" || 0x00 || curve id || pair)
///     h(i)  = SHA-512(h(i−1) || pair), up to i = 5200
///     group(n) = the five bytes of h(5200) from 5n on, big endian, modulo 100000, written with five digits; n = 0…7
///
/// The code is the eight groups, 40 digits. Somebody between the two devices needs keys that give the same code on
/// both sides: about 2^66 attempts of 5200 hashes each, for these two device ids alone.
public struct ComparisonCode: Hashable, Sendable, CustomStringConvertible {
  static let iterations = 5200
  static let groupCount = 8

  /// Eight groups of five digits.
  public let groups: [String]

  /// The groups with a space between them.
  public var description: String { groups.joined(separator: " ") }

  /// - Throws: `LimeError.otherCurve` when the keys are not of one curve.
  public init(
    _ device: DeviceID, _ identity: IdentityKey, and otherDevice: DeviceID, _ otherIdentity: IdentityKey
  ) throws {
    guard identity.curve == otherIdentity.curve else { throw LimeError.otherCurve(otherIdentity.curve.rawValue) }
    let sides = [Self.side(device, identity), Self.side(otherDevice, otherIdentity)]
      .sorted { $0.lexicographicallyPrecedes($1) }
    let pair = sides[0] + sides[1]
    var hash = Self.sha512(Array("LIME comparison code 1".utf8) + [0, identity.curve.rawValue] + pair)
    for _ in 0..<Self.iterations { hash = Self.sha512(hash + pair) }
    groups = (0..<Self.groupCount).map { number in
      let value = hash[(5 * number)..<(5 * number + 5)].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } % 100_000
      let digits = String(value)
      return String(repeating: "0", count: 5 - digits.count) + digits
    }
  }

  private static func side(_ device: DeviceID, _ identity: IdentityKey) -> [UInt8] {
    lengthPrefixed(device.bytes) + lengthPrefixed(Array(identity.bytes))
  }

  private static func lengthPrefixed(_ bytes: [UInt8]) -> [UInt8] {
    let length = UInt16(clamping: bytes.count)
    return [UInt8(length >> 8), UInt8(length & 0xFF)] + bytes
  }

  private static func sha512(_ bytes: [UInt8]) -> [UInt8] {
    var hash = [UInt8](repeating: 0, count: Int(crypto_hash_sha512_BYTES))
    _ = crypto_hash_sha512(&hash, bytes, UInt64(bytes.count))
    return hash
  }
}
