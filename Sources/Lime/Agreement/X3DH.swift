// X3DH.swift: agreeing on a session's first key with a device that may be offline (X3DH §3, LIME §3.1)

import Foundation

/// The X3DH part of a message header, by which the receiver computes the same key.
///
/// Layout: flag (1: 0x00 without, 0x01 with one-time key), identity key, ephemeral key, signed prekey id (4),
/// one-time key id (4, with the flag only).
struct X3DHInit: Hashable, Sendable {
  var identity: IdentityKey
  /// 32 or 56 bytes.
  var ephemeralKey: Data
  var signedPrekeyID: UInt32
  var oneTimeKeyID: UInt32?

  /// Bytes of a block with a one-time key.
  static func maximumLength(_ curve: Curve) -> Int { 1 + curve.identityKeyLength + curve.publicKeyLength + 8 }

  init(identity: IdentityKey, ephemeralKey: Data, signedPrekeyID: UInt32, oneTimeKeyID: UInt32?) {
    self.identity = identity
    self.ephemeralKey = ephemeralKey
    self.signedPrekeyID = signedPrekeyID
    self.oneTimeKeyID = oneTimeKeyID
  }

  /// - Throws: `LimeError.malformedMessage`, `ByteReader.Truncated`.
  init(reading reader: inout ByteReader, curve: Curve) throws {
    let flag = try reader.uint8()
    guard flag <= 1 else { throw LimeError.malformedMessage("one-time key flag \(flag)") }
    guard let identity = IdentityKey(curve: curve, bytes: try reader.bytes(curve.identityKeyLength)) else {
      throw LimeError.malformedMessage("identity key")
    }
    self.identity = identity
    ephemeralKey = try reader.bytes(curve.publicKeyLength)
    signedPrekeyID = try reader.uint32()
    oneTimeKeyID = flag == 1 ? try reader.uint32() : nil
  }

  var serialized: Data {
    var data = Data([oneTimeKeyID == nil ? 0 : 1])
    data.append(identity.bytes)
    data.append(ephemeralKey)
    data.append(bigEndian: signedPrekeyID)
    if let oneTimeKeyID { data.append(bigEndian: oneTimeKeyID) }
    return data
  }
}

/// What both sides hold after the agreement.
struct X3DHAgreement: Sendable {
  /// The first root key, 32 bytes.
  let sharedKey: SecretBytes
  /// Binds every message of the session to both identities and both devices, 32 bytes.
  let associatedData: Data
}

enum X3DH {
  static let sharedKeyLength = 32
  static let associatedDataLength = 32

  private static let sharedKeyInfo = "Lime"
  private static let associatedDataInfo = "X3DH Associated Data"

  /// The initiator's side.
  /// - Throws: `LimeError.badSignature`, `LimeError.weakKey`.
  static func initiate(
    from identity: (publicKey: IdentityKey, agreementKey: AgreementPrivateKey), device: DeviceID,
    ephemeral: AgreementPrivateKey, to peer: KeyBundle.Keys, peerDevice: DeviceID
  ) throws -> X3DHAgreement {
    let prekey = peer.signedPrekey.publicKey
    let curve = identity.publicKey.curve
    guard peer.identity.curve == curve else { throw LimeError.otherCurve(peer.identity.curve.rawValue) }
    guard peer.identity.isValidSignature(peer.signedPrekey.signature, of: prekey) else {
      throw peer.identity.isUsable ? LimeError.badSignature(peerDevice) : .weakKey
    }
    var secrets = [
      try identity.agreementKey.sharedSecret(with: prekey),
      try ephemeral.sharedSecret(with: peer.identity.uncheckedAgreementKey),
      try ephemeral.sharedSecret(with: prekey),
    ]
    if let oneTimeKey = peer.oneTimeKey {
      secrets.append(try ephemeral.sharedSecret(with: oneTimeKey.publicKey))
    }
    return agreement(
      curve: curve, secrets: secrets,
      initiator: (identity.publicKey, device), responder: (peer.identity, peerDevice))
  }

  /// The responder's side, for the keys that the init block names.
  /// - Throws: `LimeError.weakKey`.
  static func respond(
    from identity: IdentityKeyPair, device: DeviceID, signedPrekey: AgreementPrivateKey,
    oneTimeKey: AgreementPrivateKey?, to block: X3DHInit, peerDevice: DeviceID
  ) throws -> X3DHAgreement {
    var secrets = [
      try signedPrekey.sharedSecret(with: block.identity.agreementKey()),
      try identity.agreementKey().sharedSecret(with: block.ephemeralKey),
      try signedPrekey.sharedSecret(with: block.ephemeralKey),
    ]
    if let oneTimeKey { secrets.append(try oneTimeKey.sharedSecret(with: block.ephemeralKey)) }
    return agreement(
      curve: identity.curve, secrets: secrets,
      initiator: (block.identity, peerDevice), responder: (identity.publicKey, device))
  }

  private static func agreement(
    curve: Curve, secrets: [SecretBytes],
    initiator: (identity: IdentityKey, device: DeviceID), responder: (identity: IdentityKey, device: DeviceID)
  ) -> X3DHAgreement {
    // Bytes that begin no encoded key separate this from EdDSA's use of the same keys (X3DH §2.2).
    let separator = Data(repeating: 0xFF, count: curve.identityKeyLength)
    let salt = Data(count: HMACSHA512.length)
    let sharedKey = HKDF.derive(
      sharedKeyLength, salt: salt, keyMaterial: [separator] + secrets, info: sharedKeyInfo)
    let associatedData = HKDF.derive(
      associatedDataLength, salt: salt,
      keyMaterial: [
        initiator.identity.bytes, responder.identity.bytes, initiator.device.bytes, responder.device.bytes,
      ],
      info: associatedDataInfo)
    return X3DHAgreement(sharedKey: sharedKey, associatedData: associatedData.withUnsafeBytes { Data($0) })
  }
}
