// RatchetHeader.swift: what a ratchet message says in the clear (Double Ratchet §3.5, LIME §3.3)

import Foundation

/// The authenticated, unencrypted beginning of a ratchet message.
///
/// Layout: version 0x01, type, curve, X3DH init block (with its type bit), Ns (2), PN (2), ratchet public key.
struct RatchetHeader: Hashable, Sendable {
  /// What the encrypted part holds.
  enum Payload: Hashable, Sendable {
    /// The message itself (direct policy).
    case plaintext
    /// The random seed of the cipher message.
    case seed
  }

  static let version: UInt8 = 0x01

  /// Bits of the type byte. Bit 2 belongs to the ML-KEM curves and, like the rest, is not valid here.
  private enum TypeBit {
    static let hasInit: UInt8 = 0x01
    static let payloadIsPlaintext: UInt8 = 0x02
  }

  var curve: Curve
  var payload: Payload
  /// Repeated in each message until the peer has answered.
  var x3dhInit: X3DHInit?
  /// Ns: the number of the message in its sending chain, from 0.
  var messageNumber: UInt16
  /// PN: the length of the sender's previous sending chain.
  var previousChainLength: UInt16
  /// The sender's ratchet public key: 32 or 56 bytes.
  var ratchetKey: Data

  init(
    curve: Curve, payload: Payload, x3dhInit: X3DHInit?, messageNumber: UInt16, previousChainLength: UInt16,
    ratchetKey: Data
  ) {
    self.curve = curve
    self.payload = payload
    self.x3dhInit = x3dhInit
    self.messageNumber = messageNumber
    self.previousChainLength = previousChainLength
    self.ratchetKey = ratchetKey
  }

  /// - Throws: `LimeError`, `ByteReader.Truncated`.
  init(reading reader: inout ByteReader) throws {
    let version = try reader.uint8()
    guard version == Self.version else { throw LimeError.unsupportedVersion(version) }
    let type = try reader.uint8()
    guard type & ~(TypeBit.hasInit | TypeBit.payloadIsPlaintext) == 0 else {
      throw LimeError.malformedMessage("type \(type)")
    }
    let curveByte = try reader.uint8()
    guard let curve = Curve(rawValue: curveByte) else { throw LimeError.otherCurve(curveByte) }
    self.curve = curve
    payload = type & TypeBit.payloadIsPlaintext != 0 ? .plaintext : .seed
    x3dhInit = type & TypeBit.hasInit != 0 ? try X3DHInit(reading: &reader, curve: curve) : nil
    messageNumber = try reader.uint16()
    previousChainLength = try reader.uint16()
    ratchetKey = try reader.bytes(curve.publicKeyLength)
  }

  var serialized: Data {
    Self.serialized(
      curve: curve, payload: payload, x3dhInit: x3dhInit?.serialized, messageNumber: messageNumber,
      previousChainLength: previousChainLength, ratchetKey: ratchetKey)
  }

  /// The bytes of a header whose X3DH init block is at hand as bytes.
  static func serialized(
    curve: Curve, payload: Payload, x3dhInit: Data?, messageNumber: UInt16, previousChainLength: UInt16,
    ratchetKey: Data
  ) -> Data {
    let type =
      (x3dhInit == nil ? 0 : TypeBit.hasInit) | (payload == .plaintext ? TypeBit.payloadIsPlaintext : 0)
    // With room for the seed and the tag of a message.
    var data = Data(capacity: 256)
    data.append(Self.version)
    data.append(type)
    data.append(curve.rawValue)
    if let x3dhInit { data.append(x3dhInit) }
    data.append(bigEndian: messageNumber)
    data.append(bigEndian: previousChainLength)
    data.append(ratchetKey)
    return data
  }
}
