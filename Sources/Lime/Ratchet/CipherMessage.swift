// CipherMessage.swift: the part of an encrypted message that all devices share (LIME §3.4)

import Foundation

/// A plaintext encrypted once under a random seed; each device gets the seed in its ratchet message.
enum CipherMessage {
  static let seedLength = 32

  private static let derivationInfo = "DR Message Key Derivation"

  /// The ciphertext with its tag appended, and the tag, which binds the ratchet messages to this very message.
  static func seal(
    _ plaintext: Data, seed: SecretBytes, sender: DeviceID, recipientUser: String
  ) throws -> (message: Data, tag: Data) {
    var message = Data()
    try AESGCM.seal(
      plaintext, keyAndIV: key(from: seed), associatedData: associatedData(sender, recipientUser),
      appendingTo: &message)
    return (message, Data(message.suffix(AESGCM.tagLength)))
  }

  /// - Returns: nil when the message was altered or is for another recipient, sender or seed.
  static func open(_ message: Data, seed: SecretBytes, sender: DeviceID, recipientUser: String) throws -> Data? {
    guard seed.count == seedLength, let tag = tag(of: message) else { return nil }
    let plaintext = try AESGCM.open(
      message.dropLast(AESGCM.tagLength), tag: tag, keyAndIV: key(from: seed),
      associatedData: associatedData(sender, recipientUser))
    return plaintext.map { $0.withUnsafeBytes { Data($0) } }
  }

  /// The last 16 bytes; nil when there are not as many.
  static func tag(of message: Data) -> Data? {
    message.count >= AESGCM.tagLength ? Data(message.suffix(AESGCM.tagLength)) : nil
  }

  private static func key(from seed: SecretBytes) -> SecretBytes {
    HKDF.derive(AESGCM.keyLength + AESGCM.ivLength, salt: Data(), keyMaterial: [seed], info: derivationInfo)
  }

  private static func associatedData(_ sender: DeviceID, _ recipientUser: String) -> [UInt8] {
    sender.bytes + Array(recipientUser.utf8)
  }
}
