// StorageProtection.swift: a passphrase for the secrets in a database: setting, asking, changing and removing it

import CSodium
import Foundation
import GRDB

/// What a user types to unlock an account's keys. Never printed.
public struct Passphrase: Sendable {
  /// Bytes of UTF-8.
  public static let maximumLength = 1024

  let bytes: SecretBytes

  /// - Parameter text: UTF-8, taken as typed.
  /// - Throws: `LimeError.unusablePassphrase` when it is empty or longer than 1024 bytes.
  public init(_ text: some ContiguousBytes) throws {
    let bytes = SecretBytes(copying: text)
    guard (1...Self.maximumLength).contains(bytes.count) else { throw LimeError.unusablePassphrase }
    self.bytes = bytes
  }

  public static func == (left: Passphrase, right: Passphrase) -> Bool { left.bytes == right.bytes }
}

/// The passphrase of a database.
///
/// Private keys, ratchets and message keys are encrypted with a random data key (`SecretStorage`). The data key is
/// encrypted with a key that Argon2id derives from the passphrase: another passphrase changes only that. What is not
/// encrypted: public keys, device addresses, what is known of devices, and everything outside the `lime_…` tables.
public enum StorageProtection {
  /// What Argon2id costs.
  struct Cost: Equatable {
    var passes: Int
    /// Bytes.
    var memory: Int

    /// Some tenths of a second.
    static let normal = Cost(passes: 3, memory: 128 << 20)
    /// What a database may ask for: it could have been changed so that unlocking never ends.
    static let maximum = Cost(passes: 16, memory: 1 << 30)

    var isAcceptable: Bool {
      (Int(crypto_pwhash_argon2id_opslimit_min())...Self.maximum.passes).contains(passes)
        && (Int(crypto_pwhash_argon2id_memlimit_min())...Self.maximum.memory).contains(memory)
    }
  }

  /// Whether a passphrase is needed before the account's keys can be used.
  public static func isOn(_ db: Database) throws -> Bool {
    try Bool.fetchOne(db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM lime_protection)")) ?? false
  }

  /// - Throws: `LimeError.wrongPassphrase`.
  public static func unlock(_ db: Database, with passphrase: Passphrase) throws -> StorageKey {
    guard let row = try Row.fetchOne(db, sql: "SELECT salt, passes, memory, wrapped_key FROM lime_protection") else {
      throw LimeError.internalFailure("the store has no passphrase")
    }
    let cost = Cost(passes: row["passes"], memory: row["memory"])
    let salt: Data = row["salt"]
    let wrapped: Data = row["wrapped_key"]
    let wrapping = try wrappingKey(passphrase, salt: salt, cost: cost)
    return try StorageKey { target in
      do {
        try wrapped.withUnsafeBytes {
          guard try wrapping.length($0.count) == StorageKey.length else { throw LimeError.wrongPassphrase }
          try wrapping.load($0, at: place(salt, cost), into: target)
        }
      } catch LimeError.damagedSecret { throw LimeError.wrongPassphrase }
    }
  }

  /// Encrypts all secrets with a new data key. Afterwards what was stored before may still be in the files: see
  /// `removeRemains`.
  public static func turnOn(_ db: Database, with passphrase: Passphrase) throws -> StorageKey {
    try turnOn(db, with: passphrase, cost: .normal)
  }

  static func turnOn(_ db: Database, with passphrase: Passphrase, cost: Cost) throws -> StorageKey {
    try db.atomically {
      let key = StorageKey.random()
      try write(db, key, passphrase, cost)
      try SecretColumn.rewrite(db, from: .plain, to: SecretStorage(key: key, isProtected: true))
      return key
    }
  }

  /// The secrets stay as they are; only the data key is encrypted anew.
  public static func change(_ db: Database, _ key: StorageKey, to passphrase: Passphrase) throws {
    try change(db, key, to: passphrase, cost: .normal)
  }

  static func change(_ db: Database, _ key: StorageKey, to passphrase: Passphrase, cost: Cost) throws {
    try db.atomically {
      guard try isOn(db) else { throw LimeError.internalFailure("the store has no passphrase") }
      let remains = try hasRemains(db)
      try db.execute(sql: "DELETE FROM lime_protection")
      try write(db, key, passphrase, cost)
      if !remains { try db.execute(sql: "UPDATE lime_protection SET has_remains = 0") }
    }
  }

  /// Decrypts all secrets.
  public static func turnOff(_ db: Database, _ key: StorageKey) throws {
    try db.atomically {
      try SecretColumn.rewrite(db, from: SecretStorage(key: key, isProtected: true), to: .plain)
      try db.execute(sql: "DELETE FROM lime_protection")
    }
  }

  /// Whether secrets may still stand in free pages or in the write-ahead log, from before there was a passphrase.
  public static func hasRemains(_ db: Database) throws -> Bool {
    try Bool.fetchOne(db, sql: "SELECT has_remains FROM lime_protection") ?? false
  }

  /// Writes the database anew without them. Not in a transaction.
  public static func removeRemains(_ db: Database) throws {
    try db.execute(sql: "VACUUM")
    _ = try db.checkpoint(.truncate)
    try db.execute(sql: "UPDATE lime_protection SET has_remains = 0")
  }

  // MARK: The data key

  private static func write(_ db: Database, _ key: StorageKey, _ passphrase: Passphrase, _ cost: Cost) throws {
    let saltLength = Int(crypto_pwhash_argon2id_SALTBYTES)
    let salt = Data(count: saltLength) { randombytes_buf($0, saltLength) }
    let wrapped = try key.use { key in
      try wrappingKey(passphrase, salt: salt, cost: cost).store(key, StorageKey.length, at: place(salt, cost)) {
        Data(bytes: $0, count: $1)
      }
    }
    try db.execute(
      sql: "INSERT INTO lime_protection (id, salt, passes, memory, wrapped_key, has_remains) VALUES (1, ?, ?, ?, ?, 1)",
      arguments: [salt, cost.passes, cost.memory, wrapped])
  }

  private static func place(_ salt: Data, _ cost: Cost) -> SecretPlace {
    var place = SecretPlace("lime_protection.wrapped_key")
    place.append(salt)
    place.append(Int64(cost.passes))
    place.append(Int64(cost.memory))
    return place
  }

  private static func wrappingKey(_ passphrase: Passphrase, salt: Data, cost: Cost) throws -> SecretStorage {
    guard cost.isAcceptable, salt.count == Int(crypto_pwhash_argon2id_SALTBYTES) else {
      throw LimeError.internalFailure("the parameters of the passphrase in the store are damaged")
    }
    let key = try StorageKey { target in
      let isDone = passphrase.bytes.withBytePointer { passphrase, count in
        salt.withBytePointer { salt, _ in
          passphrase.withMemoryRebound(to: CChar.self, capacity: count) { passphrase in
            crypto_pwhash_argon2id(
              target, UInt64(StorageKey.length), passphrase, UInt64(count), salt, UInt64(cost.passes), cost.memory,
              crypto_pwhash_argon2id_ALG_ARGON2ID13) == 0
          }
        }
      }
      guard isDone else {
        throw LimeError.internalFailure("no memory to check the passphrase with: \(cost.memory >> 20) MB are needed")
      }
    }
    return SecretStorage(key: key, isProtected: true)
  }
}
