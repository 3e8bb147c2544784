// LimeAccount.swift: one local device: its keys, its peers and its sessions

import Foundation
import GRDB

/// End-to-end encryption for one local device.
///
/// Knows no network: requests to the key server are values that the caller posts, and messages are bytes that it
/// sends. All state is in the caller's database, in tables named `lime_…`. Every call runs in the transaction of the
/// `Database` it is given and, when it throws, leaves nothing changed. Two rules are the caller's: commit before a
/// message leaves, so that no message key is ever used twice; and commit the decrypted message together with the
/// ratchet that opened it, as its key is gone afterwards.
public struct LimeAccount: Sendable {
  /// This device, as the registrar named it.
  public let device: DeviceID
  /// Of all its keys; devices of another curve cannot be talked to.
  public let curve: Curve
  /// nil while there is no passphrase.
  let storageKey: StorageKey?
  let now: @Sendable () -> Date
  /// Tests with known answers inject ratchet keys, ephemeral keys and seeds here.
  var random = RandomSource()

  /// - Parameters:
  ///   - storageKey: from `StorageProtection` when the database has a passphrase. Without it all that needs no secret
  ///     works still, and the rest throws `LimeError.locked`.
  ///   - now: the clock for key lifetimes.
  public init(
    device: DeviceID, curve: Curve, storageKey: StorageKey? = nil, now: @escaping @Sendable () -> Date = { Date() }
  ) {
    self.device = device
    self.curve = curve
    self.storageKey = storageKey
    self.now = now
  }

  /// Adds the tables; call once for the account's database.
  public static func registerMigrations(_ migrator: inout DatabaseMigrator) {
    LimeSchema.register(&migrator)
  }

  // MARK: This device

  /// Whether the device has keys, published or not.
  public func exists(_ db: Database) throws -> Bool {
    try find(db) != nil
  }

  /// Whether the key server acknowledged the device's keys.
  public func isRegistered(_ db: Database) throws -> Bool {
    try find(db)?.isPublished ?? false
  }

  /// - Throws: `LimeError.noKeys`.
  public func identity(_ db: Database) throws -> IdentityKey {
    try keys(db).identityKey
  }

  /// The request that publishes the device's keys, which are made on the first call. Until the server's acknowledgement
  /// was passed to `registrationAccepted` every call gives the same request.
  /// - Parameter oneTimeKeys: how many to make; public servers take up to 200 and never answer a request with none.
  public func makeRegistration(_ db: Database, oneTimeKeys: Int = KeyLifetimes.oneTimeKeys) throws -> KeyServerRequest {
    try db.atomically {
      let keys =
        try find(db)
        ?? LocalKeyStore.create(db, device: device, identity: .generate(curve), storage: storage(db))
      let signedPrekey = try keys.currentSignedPrekey() ?? keys.makeSignedPrekey(at: now().seconds)
      var published = try keys.undispatchedOneTimeKeys()
      if published.isEmpty { published = try keys.makeOneTimeKeys(max(1, oneTimeKeys)) }
      return try registration(keys, signedPrekey, published)
    }
  }

  /// Call with the server's acknowledgement of a registration.
  public func registrationAccepted(_ db: Database) throws {
    try db.atomically {
      let keys = try keys(db)
      try keys.setPublished(true)
      if let signedPrekey = try keys.currentSignedPrekey() {
        try keys.markSignedPrekeyPublished(id: signedPrekey.published.id)
      }
      try keys.setLastUpdate(now().seconds)
    }
  }

  /// The request that removes the device from the key server.
  public func removalRequest() -> KeyServerRequest {
    KeyServerRequest(curve: curve, content: .deleteDevice)
  }

  /// Deletes the device's keys, sessions and peers from the database.
  public func erase(_ db: Database) throws {
    try db.execute(
      sql: "DELETE FROM lime_account WHERE device = ? AND curve = ?", arguments: [device.string, curve.rawValue])
  }

  func registration(
    _ keys: LocalKeyStore, _ signedPrekey: LocalSignedPrekey, _ oneTimeKeys: [OneTimeKey]
  ) throws -> KeyServerRequest {
    KeyServerRequest(
      curve: curve,
      content: .register(
        identity: keys.identityKey, signedPrekey: signedPrekey.published, oneTimeKeys: oneTimeKeys))
  }

  // MARK: Stores

  /// - Throws: `LimeError.noKeys`.
  func keys(_ db: Database) throws -> LocalKeyStore {
    guard let keys = try find(db) else { throw LimeError.noKeys }
    return keys
  }

  private func find(_ db: Database) throws -> LocalKeyStore? {
    try LocalKeyStore.find(db, device: device, curve: curve, storageKey: storageKey)
  }

  private func storage(_ db: Database) throws -> SecretStorage {
    SecretStorage(key: storageKey, isProtected: try StorageProtection.isOn(db))
  }

  func peerStore(_ keys: LocalKeyStore) -> PeerStore {
    PeerStore(db: keys.db, accountID: keys.accountID, curve: curve)
  }

  func sessionStore(_ keys: LocalKeyStore) -> SessionStore {
    SessionStore(db: keys.db, accountID: keys.accountID, curve: curve, storage: keys.storage)
  }
}

/// Where new keys and seeds come from.
struct RandomSource: Sendable {
  var ephemeralKey: @Sendable (Curve) throws -> AgreementKeyPair = { try .generate($0) }
  var ratchetKey: @Sendable (Curve) throws -> AgreementKeyPair = { try .generate($0) }
  var seed: @Sendable () -> SecretBytes = { .random(count: CipherMessage.seedLength) }
}
