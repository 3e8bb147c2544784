// LimeMessages.swift: what encryption and decryption give back

import Foundation

/// One plaintext, encrypted to several devices.
public struct EncryptedMessage: Sendable {
  /// The part of the message for one device.
  public struct RatchetMessage: Hashable, Sendable {
    /// Whose ratchet opens it.
    public var device: DeviceID
    /// Binary; it travels base64 encoded.
    public var data: Data
    /// What was known of the device before this message: `unknown` for the first one.
    public var status: PeerStatus
  }

  /// In the order of the devices asked for, without those in `failures`.
  public var ratchetMessages: [RatchetMessage]
  /// The part common to all devices; nil with the direct policy. It travels base64 encoded.
  public var cipherMessage: Data?
  /// The devices the message could not be encrypted to.
  public var failures: [DeviceID: LimeError]
}

/// A message that was opened, and who wrote it.
public struct DecryptedMessage: Hashable, Sendable {
  /// As it was given to the sender's encryption.
  public var plaintext: Data
  /// What was known of the sender before this message: `unknown` for the first one.
  public var status: PeerStatus
  /// The sender's identity key, which the session is bound to.
  public var identity: IdentityKey
}
