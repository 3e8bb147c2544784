// LocalKeyStore.swift: our own identity and prekeys in the database

import Foundation
import GRDB

/// A signed prekey with its private half.
struct LocalSignedPrekey: Sendable {
  var published: SignedPrekey
  var privateKey: AgreementPrivateKey
  var createdAt: Int64
  var isPublished: Bool
}

/// The keys of one local device.
struct LocalKeyStore {
  let db: Database
  let accountID: Int64
  let curve: Curve
  private let device: DeviceID
  /// The public identity key.
  let identityKey: IdentityKey
  /// As stored.
  private let identitySeed: SecretBytes
  /// Whether the key server acknowledged them.
  let isPublished: Bool
  let storage: SecretStorage

  /// Costs a scalar multiplication, which messages of a running session do without.
  var identity: IdentityKeyPair {
    get throws {
      let seed = try identitySeed.withUnsafeBytes {
        try storage.load($0, at: SecretColumn.identitySeed(device.string, Int64(curve.rawValue), identityKey.bytes))
      }
      let pair = try IdentityKeyPair(curve: curve, seed: seed)
      guard pair.publicKey == identityKey else {
        throw LimeError.internalFailure("the identity key in the store is damaged")
      }
      return pair
    }
  }

  /// - Returns: nil when the device has no keys yet.
  static func find(
    _ db: Database, device: DeviceID, curve: Curve, storageKey: StorageKey?
  ) throws -> LocalKeyStore? {
    let statement = try RawStatement(
      db,
      """
      SELECT id, identity_key, identity_seed, published, EXISTS (SELECT 1 FROM lime_protection)
      FROM lime_account WHERE device = ? AND curve = ?
      """)
    return try statement.run {
      statement.bind(1, device.string)
      statement.bind(2, Int(curve.rawValue))
      guard try statement.step() else { return nil }
      guard let identityKey = IdentityKey(curve: curve, bytes: Data(statement.blob(1))) else {
        throw LimeError.internalFailure("the identity key in the store is damaged")
      }
      return LocalKeyStore(
        db: db, accountID: statement.int64(0), curve: curve, device: device, identityKey: identityKey,
        identitySeed: SecretBytes(copying: statement.blob(2)), isPublished: statement.int64(3) != 0,
        storage: SecretStorage(key: storageKey, isProtected: statement.int64(4) != 0))
    }
  }

  static func create(
    _ db: Database, device: DeviceID, identity: IdentityKeyPair, storage: SecretStorage
  ) throws -> LocalKeyStore {
    let (curve, key) = (identity.curve, identity.publicKey)
    let statement = try RawStatement(
      db, "INSERT INTO lime_account (device, curve, identity_key, identity_seed) VALUES (?, ?, ?, ?)")
    let place = SecretColumn.identitySeed(device.string, Int64(curve.rawValue), key.bytes)
    let stored = try storage.store(identity.seed, at: place) { seed, count in
      try statement.run {
        statement.bind(1, device.string)
        statement.bind(2, Int(curve.rawValue))
        statement.bind(3, key.bytes)
        statement.bind(4, at: seed, count: count)
        try statement.step()
      }
      return SecretBytes(copying: UnsafeRawBufferPointer(start: seed, count: count))
    }
    return LocalKeyStore(
      db: db, accountID: db.lastInsertedRowID, curve: curve, device: device, identityKey: key, identitySeed: stored,
      isPublished: false, storage: storage)
  }

  func setPublished(_ published: Bool) throws {
    try db.execute(
      sql: "UPDATE lime_account SET published = ? WHERE id = ?", arguments: [published, accountID])
  }

  // MARK: Signed prekeys

  func signedPrekey(id: UInt32) throws -> LocalSignedPrekey? {
    try signedPrekey(where: "key_id = ?", [id])
  }

  /// The newest one, published or about to be.
  func currentSignedPrekey() throws -> LocalSignedPrekey? {
    try signedPrekey(where: "replaced_at IS NULL ORDER BY created_at DESC, rowid DESC", [])
  }

  private func signedPrekey(where condition: String, _ arguments: StatementArguments) throws -> LocalSignedPrekey? {
    let rows = try Row.fetchCursor(
      db.cachedStatement(sql: "SELECT * FROM lime_signed_prekey WHERE account_id = ? AND \(condition) LIMIT 1"),
      arguments: [accountID] + arguments)
    guard let row = try rows.next() else { return nil }
    let published = SignedPrekey(id: row["key_id"], publicKey: row["public_key"], signature: row["signature"])
    let privateKey = try row.withUnsafeData(named: "private_key") { stored in
      try (stored ?? Data()).withUnsafeBytes {
        try storage.load($0, at: SecretColumn.signedPrekey(accountID, Int64(published.id), published.publicKey))
      }
    }
    return LocalSignedPrekey(
      published: published, privateKey: try AgreementPrivateKey(curve: curve, bytes: privateKey),
      createdAt: row["created_at"], isPublished: row["published"])
  }

  /// Makes, signs and stores one; it becomes the current one and the others begin their time of grace.
  func makeSignedPrekey(at now: Int64) throws -> LocalSignedPrekey {
    let pair = try AgreementKeyPair.generate(curve)
    let key = LocalSignedPrekey(
      published: SignedPrekey(
        id: try newID("lime_signed_prekey"), publicKey: pair.publicKey, signature: try identity.sign(pair.publicKey)),
      privateKey: pair.privateKey, createdAt: now, isPublished: false)
    try db.execute(
      sql: "UPDATE lime_signed_prekey SET replaced_at = ? WHERE account_id = ? AND replaced_at IS NULL",
      arguments: [now, accountID])
    try insert(key)
    return key
  }

  func insert(_ key: LocalSignedPrekey) throws {
    let statement = try RawStatement(
      db,
      """
      INSERT INTO lime_signed_prekey (account_id, key_id, private_key, public_key, signature, created_at, published)
      VALUES (?, ?, ?, ?, ?, ?, ?)
      """)
    let place = SecretColumn.signedPrekey(accountID, Int64(key.published.id), key.published.publicKey)
    try storage.store(key.privateKey.bytes, at: place) { privateKey, count in
      try statement.run {
        statement.bind(1, accountID)
        statement.bind(2, Int(key.published.id))
        statement.bind(3, at: privateKey, count: count)
        statement.bind(4, key.published.publicKey)
        statement.bind(5, key.published.signature)
        statement.bind(6, key.createdAt)
        statement.bind(7, key.isPublished ? 1 : 0)
        try statement.step()
      }
    }
  }

  /// When the current one was made.
  func currentSignedPrekeyCreatedAt() throws -> Int64? {
    try Int64.fetchOne(
      db, sql: "SELECT max(created_at) FROM lime_signed_prekey WHERE account_id = ? AND replaced_at IS NULL",
      arguments: [accountID])
  }

  func markSignedPrekeyPublished(id: UInt32) throws {
    try db.execute(
      sql: "UPDATE lime_signed_prekey SET published = 1 WHERE account_id = ? AND key_id = ?",
      arguments: [accountID, id])
  }

  func deleteSignedPrekeys(replacedBefore time: Int64) throws {
    try db.execute(
      sql: "DELETE FROM lime_signed_prekey WHERE account_id = ? AND replaced_at < ?", arguments: [accountID, time])
  }

  // MARK: One-time keys

  func oneTimeKey(id: UInt32) throws -> AgreementPrivateKey? {
    let statement = try RawStatement(
      db, "SELECT private_key, public_key FROM lime_one_time_key WHERE account_id = ? AND key_id = ?")
    return try statement.run {
      statement.bind(1, accountID)
      statement.bind(2, Int(id))
      guard try statement.step() else { return nil }
      let place = SecretColumn.oneTimeKey(accountID, Int64(id), Data(statement.blob(1)))
      return try AgreementPrivateKey(curve: curve, bytes: storage.load(statement.blob(0), at: place))
    }
  }

  /// Those that the key server may still hand out.
  func undispatchedOneTimeKeys() throws -> [OneTimeKey] {
    try Row.fetchAll(
      db,
      sql: """
        SELECT key_id, public_key FROM lime_one_time_key
        WHERE account_id = ? AND dispatched_at IS NULL ORDER BY rowid
        """,
      arguments: [accountID]
    ).map { OneTimeKey(id: $0["key_id"], publicKey: $0["public_key"]) }
  }

  func makeOneTimeKeys(_ count: Int) throws -> [OneTimeKey] {
    try (0..<count).map { _ in
      let pair = try AgreementKeyPair.generate(curve)
      let key = OneTimeKey(id: try newID("lime_one_time_key"), publicKey: pair.publicKey)
      try insert(key, privateKey: pair.privateKey)
      return key
    }
  }

  func insert(_ key: OneTimeKey, privateKey: AgreementPrivateKey) throws {
    let statement = try RawStatement(
      db, "INSERT INTO lime_one_time_key (account_id, key_id, private_key, public_key) VALUES (?, ?, ?, ?)")
    let place = SecretColumn.oneTimeKey(accountID, Int64(key.id), key.publicKey)
    try storage.store(privateKey.bytes, at: place) { privateKey, count in
      try statement.run {
        statement.bind(1, accountID)
        statement.bind(2, Int(key.id))
        statement.bind(3, at: privateKey, count: count)
        statement.bind(4, key.publicKey)
        try statement.step()
      }
    }
  }

  /// A used key is gone for good.
  func consumeOneTimeKey(id: UInt32) throws {
    try db.cachedStatement(sql: "DELETE FROM lime_one_time_key WHERE account_id = ? AND key_id = ?")
      .execute(arguments: [accountID, id])
  }

  /// Records which keys the server handed out since the last time, and forgets those that never came into use.
  func recordOneTimeKeys(left ids: Set<UInt32>, at now: Int64, forgetBefore time: Int64) throws {
    for key in try undispatchedOneTimeKeys() where !ids.contains(key.id) {
      try db.cachedStatement(
        sql: "UPDATE lime_one_time_key SET dispatched_at = ? WHERE account_id = ? AND key_id = ?"
      ).execute(arguments: [now, accountID, key.id])
    }
    try db.execute(
      sql: "DELETE FROM lime_one_time_key WHERE account_id = ? AND dispatched_at < ?", arguments: [accountID, time])
  }

  // MARK: Updates

  func lastUpdate() throws -> Int64? {
    try Int64.fetchOne(db, sql: "SELECT updated_at FROM lime_account WHERE id = ?", arguments: [accountID])
  }

  /// - Parameter time: nil makes an update due.
  func setLastUpdate(_ time: Int64?) throws {
    try db.execute(sql: "UPDATE lime_account SET updated_at = ? WHERE id = ?", arguments: [time, accountID])
  }

  /// Random, 31 bits, not 0 and not in use.
  private func newID(_ table: String) throws -> UInt32 {
    while true {
      let id = UInt32.random(in: 1...0x7FFF_FFFF)
      let isUsed = try Bool.fetchOne(
        db.cachedStatement(sql: "SELECT 1 FROM \(table) WHERE account_id = ? AND key_id = ?"),
        arguments: [accountID, id])
      if isUsed == nil { return id }
    }
  }
}
