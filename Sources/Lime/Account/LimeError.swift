// LimeError.swift: why an operation of the LIME library was refused

import Foundation

/// Why keys, a message or a device were refused. After any of these nothing in the store has changed.
public enum LimeError: Error, Hashable, Sendable, CustomStringConvertible, LocalizedError {
  // Messages.
  /// The bytes are not a LIME message; the text says where.
  case malformedMessage(String)
  case unsupportedVersion(UInt8)
  /// The message or key is for another base algorithm than the account's.
  case otherCurve(UInt8)
  /// No session with the sender opens the message: it was altered, is for another device or room, or its session is
  /// lost.
  case cannotDecrypt(DeviceID)
  /// The message's key was used or deleted before.
  case alreadyDecrypted
  /// The message lies further ahead of the last one than `RatchetLimits.skippedPerMessage`.
  case tooManySkippedMessages
  /// A first message that was accepted before.
  case replayedFirstMessage(DeviceID)
  /// The signed prekey a first message was made with is no longer kept.
  case signedPrekeyUnknown(id: UInt32)
  /// The one-time key a first message was made with was used before or never existed.
  case oneTimeKeyUnknown(id: UInt32)
  case messageTooLong(bytes: Int)

  // Devices.
  /// There is no usable session: start one from a key bundle.
  case noSession(DeviceID)
  /// The key server knows no keys of the device.
  case noKeysPublished(DeviceID)
  case badSignature(DeviceID)
  /// Nothing is known of the device yet.
  case unknownDevice(DeviceID)
  /// The device's identity key is not the one known for it. It is not adopted.
  case identityChanged(DeviceID, known: IdentityKey, offered: IdentityKey)
  /// A public key or a shared secret that no honest device produces (small order, not canonical).
  case weakKey

  // This account.
  /// The account has no keys yet: call `makeRegistration`.
  case noKeys
  case keyServer(KeyServerErrorCode, text: String)
  /// The account's keys are encrypted, and the passphrase was not given.
  case locked
  case wrongPassphrase
  /// Empty or too long.
  case unusablePassphrase
  /// An encrypted secret in the database was altered, or belongs to another row.
  case damagedSecret
  /// The cryptographic library failed or the stored state is damaged; the text says which.
  case internalFailure(String)

  public var description: String {
    switch self {
    case .malformedMessage(let what): "the encrypted message is malformed (\(what))"
    case .unsupportedVersion(let version): "the encrypted message has version \(version), which is not supported"
    case .otherCurve(let curve):
      "the encrypted message is of another algorithm than the account's: \(LimeAlgorithm(rawValue: curve))"
    case .cannotDecrypt(let device): "no session with \(device) opens the message"
    case .alreadyDecrypted: "the message was decrypted before"
    case .tooManySkippedMessages: "too many messages are missing before this one"
    case .replayedFirstMessage(let device): "a first message of \(device) that was accepted before was refused"
    case .signedPrekeyUnknown(let id): "the message was made for a signed prekey that is no longer kept (\(id))"
    case .oneTimeKeyUnknown(let id): "the message was made for a one-time key that is used up or unknown (\(id))"
    case .messageTooLong(let bytes): "the message is too long to encrypt or decrypt (\(bytes) bytes)"
    case .noSession(let device): "there is no session with \(device)"
    case .noKeysPublished(let device):
      """
      \(device) has no keys on the key server, so nothing can be encrypted for it; its user has to connect again, or \
      run 'limeade keys publish'
      """
    case .unknownDevice(let device): "nothing is known of \(device) yet"
    case .badSignature(let device): "the signature on the keys of \(device) is wrong; the key server may be tampering"
    case .identityChanged(let device, let known, let offered):
      "the identity key of \(device) changed from \(known.fingerprint) to \(offered.fingerprint); "
        + "verify it with its user, then forget the old one"
    case .weakKey: "a key of the peer is invalid"
    case .noKeys: "the account has no keys yet; publish them first"
    case .keyServer(let code, let text): "the key server refused: \(code)\(text.isEmpty ? "" : " (\(text))")"
    case .locked: "the account's keys are protected by a passphrase, which was not given"
    case .wrongPassphrase: "the passphrase is wrong"
    case .unusablePassphrase: "a passphrase has 1 to \(Passphrase.maximumLength) bytes"
    case .damagedSecret: "a key in the account's database was altered: restore a backup, or remove the account's data"
    case .internalFailure(let what): "encryption failed internally: \(what)"
    }
  }

  public var errorDescription: String? { description }
}
