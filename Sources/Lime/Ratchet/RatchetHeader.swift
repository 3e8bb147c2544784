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
    let block = x3dhInit?.serialized ?? Data()
    return Data(count: Self.fixedLength + block.count + ratchetKey.count) { target in
      block.withUnsafeBytes { block in
        ratchetKey.withUnsafeBytes { ratchetKey in
          Self.write(
            to: target, curve: curve, payload: payload, x3dhInit: block, messageNumber: messageNumber,
            previousChainLength: previousChainLength, ratchetKey: ratchetKey)
        }
      }
    }
  }

  /// Bytes besides the X3DH init block and the ratchet key.
  static let fixedLength = 7

  /// Writes a header whose parts are at hand as bytes.
  /// - Parameters:
  ///   - target: room for the fixed length and both parts.
  ///   - x3dhInit: empty for none.
  static func write(
    to target: UnsafeMutablePointer<UInt8>, curve: Curve, payload: Payload, x3dhInit: UnsafeRawBufferPointer,
    messageNumber: UInt16, previousChainLength: UInt16, ratchetKey: UnsafeRawBufferPointer
  ) {
    target[0] = Self.version
    target[1] =
      (x3dhInit.isEmpty ? 0 : TypeBit.hasInit) | (payload == .plaintext ? TypeBit.payloadIsPlaintext : 0)
    target[2] = curve.rawValue
    var next = UnsafeMutableRawPointer(target) + 3
    func append(_ bytes: UnsafeRawBufferPointer) {
      if let source = bytes.baseAddress { next.copyMemory(from: source, byteCount: bytes.count) }
      next += bytes.count
    }
    append(x3dhInit)
    withUnsafeBytes(of: messageNumber.bigEndian) { append($0) }
    withUnsafeBytes(of: previousChainLength.bigEndian) { append($0) }
    append(ratchetKey)
  }
}
