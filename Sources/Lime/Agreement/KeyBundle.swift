// KeyBundle.swift: the public keys a device publishes on the key server (X3DH §3.1)

import Foundation

/// A published X25519 or X448 key with the identity key's signature over its bytes.
public struct SignedPrekey: Hashable, Sendable {
  /// Random, chosen by the device; 31 bits and never 0 when made here.
  public var id: UInt32
  /// 32 (c25519) or 56 (c448) bytes.
  public var publicKey: Data
  /// 64 (c25519) or 114 (c448) bytes.
  public var signature: Data

  public init(id: UInt32, publicKey: Data, signature: Data) {
    self.id = id
    self.publicKey = publicKey
    self.signature = signature
  }
}

/// A published key that the server hands out once.
public struct OneTimeKey: Hashable, Sendable {
  /// Random, chosen by the device; 31 bits and never 0 when made here.
  public var id: UInt32
  /// 32 (c25519) or 56 (c448) bytes.
  public var publicKey: Data

  public init(id: UInt32, publicKey: Data) {
    self.id = id
    self.publicKey = publicKey
  }
}

/// What the key server says of one device: the keys to start a session with, or that it knows no such device.
///
/// Nothing in it is trusted yet: `LimeAccount.startSessions` checks the signature and the identity.
public struct KeyBundle: Hashable, Sendable {
  /// What X3DH needs of a device (X3DH §3.3).
  public struct Keys: Hashable, Sendable {
    /// The device's EdDSA key.
    public var identity: IdentityKey
    /// Renewed every few days; its signature is not checked yet.
    public var signedPrekey: SignedPrekey
    /// nil when the device has none left.
    public var oneTimeKey: OneTimeKey?

    public init(identity: IdentityKey, signedPrekey: SignedPrekey, oneTimeKey: OneTimeKey? = nil) {
      self.identity = identity
      self.signedPrekey = signedPrekey
      self.oneTimeKey = oneTimeKey
    }
  }

  /// The device that was asked for.
  public var device: DeviceID
  /// nil when the server knows no such device.
  public var keys: Keys?

  public init(device: DeviceID, keys: Keys?) {
    self.device = device
    self.keys = keys
  }
}
