// KeyServerStore.swift: the published keys of all devices, in SQLite
import Foundation
import GRDB
import Lime

/// Why a request cannot be carried out, with the code that the device is told.
struct KeyServerRefusal: Error, Hashable {
  var code: KeyServerErrorCode
  var text: String

  init(_ code: KeyServerErrorCode, _ text: String? = nil) {
    self.code = code
    self.text = text ?? code.description
  }
}

/// Stores keys. A device may have keys for each curve; they know nothing of each other.
///
/// Every request is one transaction: a one-time key is gone in the transaction that hands it out.
struct KeyServerStore: Sendable {
  private static let hour: TimeInterval = 3600
  private let database: DatabaseQueue
  private let limits: KeyServerConfiguration.Limits
  private let now: @Sendable () -> Date

  init(
    _ location: KeyServerConfiguration.Database, limits: KeyServerConfiguration.Limits,
    now: @escaping @Sendable () -> Date = { Date() }
  ) throws {
    self.limits = limits
    self.now = now
    switch location {
    case .inMemory:
      database = try DatabaseQueue()
      try Self.migrator.migrate(database)
    case .file(let path):
      do {
        // Made here, since SQLite would make it readable for others.
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw NSError(domain: NSPOSIXErrorDomain, code: Int(errno)) }
        // One that was there may be readable for others; so may what SQLite keeps beside it.
        fchmod(descriptor, 0o600)
        close(descriptor)
        for ending in ["-wal", "-shm", "-journal"] { chmod(path + ending, 0o600) }
        database = try DatabaseQueue(path: path)
        try Self.migrator.migrate(database)
      } catch {
        throw KeyServerError.cannotOpenDatabase(path: path, reason: error.localizedDescription)
      }
    }
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("key server 1") { db in
      try db.execute(
        sql: """
          CREATE TABLE device (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL, -- the device id, a GRUU
            curve INTEGER NOT NULL,
            identity BLOB NOT NULL,
            signed_prekey BLOB NOT NULL,
            signed_prekey_signature BLOB NOT NULL,
            signed_prekey_id INTEGER NOT NULL,
            UNIQUE (name, curve)
          );
          CREATE TABLE one_time_key (
            device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
            key_id INTEGER NOT NULL,
            key BLOB NOT NULL,
            PRIMARY KEY (device, key_id)
          );
          CREATE TABLE handed_out ( -- how many one-time keys of a device another one got, to limit draining
            device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
            asker TEXT NOT NULL,
            at INTEGER NOT NULL -- seconds since 1970
          );
          CREATE INDEX handed_out_by_asker ON handed_out (device, asker);
          CREATE INDEX handed_out_by_time ON handed_out (at);
          """)
    }
    // By account: what counts for each device is no limit for somebody who makes devices up.
    migrator.registerMigration("key server 2: limits for accounts") { db in
      try db.execute(
        sql: """
          ALTER TABLE device ADD COLUMN account TEXT NOT NULL DEFAULT '';
          CREATE INDEX device_by_account ON device (account, curve);
          DROP TABLE handed_out;
          CREATE TABLE handed_out ( -- how many one-time keys of a device an account got, for an hour
            device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
            account TEXT NOT NULL,
            at INTEGER NOT NULL -- seconds since 1970
          );
          CREATE INDEX handed_out_by_account ON handed_out (device, account);
          CREATE INDEX handed_out_by_time ON handed_out (at);
          CREATE TABLE served ( -- which accounts ever got a one-time key of a device
            device INTEGER NOT NULL REFERENCES device ON DELETE CASCADE,
            account TEXT NOT NULL,
            PRIMARY KEY (device, account)
          ) WITHOUT ROWID;
          """)
      for row in try Row.fetchAll(db, sql: "SELECT id, name FROM device") {
        try db.execute(
          sql: "UPDATE device SET account = ? WHERE id = ?",
          arguments: [account(of: DeviceID(row["name"])), row["id"] as Int64])
      }
    }
    return migrator
  }

  /// Whose device it is: `user@domain`, the user unescaped and the domain in lower case, whatever parameters follow.
  static func account(of device: DeviceID) -> String {
    let name = device.string
    guard name.hasPrefix("sip:"), let at = name.firstIndex(of: "@") else { return name }
    let user = String(name[..<at].dropFirst(4))
    let domain = name[name.index(after: at)...].prefix { $0 != ";" }.lowercased()
    return "\(user.removingPercentEncoding ?? user)@\(domain)"
  }

  /// Carries a request out.
  ///
  /// - Parameter sender: the device that asks.
  /// - Throws: `KeyServerRefusal`, or the database's error. Either way nothing is changed.
  func answer(_ request: KeyServerRequest, from sender: DeviceID) async throws -> KeyServerAnswer {
    try await database.write { db in
      try answer(request, from: sender, in: db)
    }
  }

  private func answer(_ request: KeyServerRequest, from sender: DeviceID, in db: Database) throws -> KeyServerAnswer {
    let curve = request.curve
    switch request.content {
    case .register(let identity, let signedPrekey, let oneTimeKeys):
      try register(
        KeyBundle.Keys(identity: identity, signedPrekey: signedPrekey), oneTimeKeys: oneTimeKeys, of: sender, in: db)
    case .deleteDevice:
      try db.execute(
        sql: "DELETE FROM device WHERE name = ? AND curve = ?", arguments: [sender.string, Int(curve.rawValue)])
    case .postSignedPrekey(let signedPrekey):
      try db.execute(
        sql: """
          UPDATE device SET signed_prekey = ?, signed_prekey_signature = ?, signed_prekey_id = ? WHERE id = ?
          """,
        arguments: [
          signedPrekey.publicKey, signedPrekey.signature, Int64(signedPrekey.id), try known(sender, curve, in: db).id,
        ])
    case .postOneTimeKeys(let keys):
      try add(keys, to: try known(sender, curve, in: db).id, in: db)
    case .getBundles(let devices):
      guard devices.count <= limits.devicesPerRequest else {
        throw KeyServerRefusal(.resourceLimit, "at most \(limits.devicesPerRequest) devices in one request")
      }
      // Who has no keys of its own starts no session, and so needs no one-time key: liblime publishes before it asks.
      let account = try device(sender, curve, in: db) == nil ? nil : Self.account(of: sender)
      return KeyServerAnswer(
        curve: curve, content: .bundles(try devices.map { try bundle(of: $0, curve, for: account, in: db) }))
    case .getOneTimeKeyIDs:
      let ids = try Int64.fetchAll(
        db, sql: "SELECT key_id FROM one_time_key WHERE device = ? ORDER BY key_id",
        arguments: [try known(sender, curve, in: db).id])
      return KeyServerAnswer(curve: curve, content: .oneTimeKeyIDs(ids.map { UInt32(truncatingIfNeeded: $0) }))
    }
    guard let acknowledgement = KeyServerAnswer(acknowledging: request) else { throw KeyServerRefusal(.serverFailure) }
    return acknowledgement
  }

  /// A device that registers again with the same keys did not get the first answer; its one-time keys are not taken
  /// again, as some of them may have been handed out meanwhile.
  private func register(
    _ keys: KeyBundle.Keys, oneTimeKeys: [OneTimeKey], of sender: DeviceID, in db: Database
  ) throws {
    if let known = try device(sender, keys.identity.curve, in: db) {
      guard known.keys == keys else { throw KeyServerRefusal(.deviceAlreadyRegistered) }
      return
    }
    let account = Self.account(of: sender)
    let curve = Int(keys.identity.curve.rawValue)
    let others = try Int.fetchOne(
      db, sql: "SELECT count(*) FROM device WHERE account = ? AND curve = ?", arguments: [account, curve])
    guard others ?? 0 < limits.devicesPerAccount else {
      throw KeyServerRefusal(.resourceLimit, "at most \(limits.devicesPerAccount) devices of an account")
    }
    try db.execute(
      sql: """
        INSERT INTO device (name, curve, account, identity, signed_prekey, signed_prekey_signature, signed_prekey_id)
        VALUES (?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        sender.string, curve, account, keys.identity.bytes, keys.signedPrekey.publicKey, keys.signedPrekey.signature,
        Int64(keys.signedPrekey.id),
      ])
    try add(oneTimeKeys, to: db.lastInsertedRowID, in: db)
  }

  private func add(_ keys: [OneTimeKey], to device: Int64, in db: Database) throws {
    for key in keys {
      // The same key again is a repeated request; another key under the same id would be lost or mixed up.
      let stored = try Data.fetchOne(
        db, sql: "SELECT key FROM one_time_key WHERE device = ? AND key_id = ?", arguments: [device, Int64(key.id)])
      guard stored == nil || stored == key.publicKey else {
        throw KeyServerRefusal(.badRequest, "one-time key \(key.id) exists with other bytes")
      }
      try db.execute(
        sql: "INSERT OR IGNORE INTO one_time_key (device, key_id, key) VALUES (?, ?, ?)",
        arguments: [device, Int64(key.id), key.publicKey])
    }
    let count = try Int.fetchOne(
      db, sql: "SELECT count(*) FROM one_time_key WHERE device = ?", arguments: [device])
    guard count ?? 0 <= limits.oneTimeKeysPerDevice else {
      throw KeyServerRefusal(.resourceLimit, "at most \(limits.oneTimeKeysPerDevice) one-time keys for a device")
    }
  }

  /// - Parameter account: who asks; nil for one who gets no one-time keys.
  private func bundle(
    of device: DeviceID, _ curve: Curve, for account: String?, in db: Database
  ) throws -> KeyBundle {
    guard var known = try self.device(device, curve, in: db) else { return KeyBundle(device: device, keys: nil) }
    if let account { known.keys.oneTimeKey = try takeOneTimeKey(of: known.id, for: account, in: db) }
    return KeyBundle(device: device, keys: known.keys)
  }

  private func takeOneTimeKey(of device: Int64, for account: String, in db: Database) throws -> OneTimeKey? {
    let time = Int64(now().timeIntervalSince1970)
    try db.cachedStatement(sql: "DELETE FROM handed_out WHERE at <= ?")
      .execute(arguments: [time - Int64(Self.hour)])
    let count = try Int.fetchOne(
      db.cachedStatement(sql: "SELECT count(*) FROM handed_out WHERE device = ? AND account = ?"),
      arguments: [device, account])
    guard count ?? 0 < limits.oneTimeKeysPerAccountAndHour,
      try isNewcomer(account, to: device, in: db) || hasKeysForAll(device, in: db),
      let row = try Row.fetchOne(
        db.cachedStatement(
          sql: "DELETE FROM one_time_key WHERE rowid = (SELECT min(rowid) FROM one_time_key WHERE device = ?) "
            + "RETURNING key_id, key"), arguments: [device])
    else { return nil }
    try db.cachedStatement(sql: "INSERT INTO handed_out (device, account, at) VALUES (?, ?, ?)")
      .execute(arguments: [device, account, time])
    try db.cachedStatement(sql: "INSERT OR IGNORE INTO served (device, account) VALUES (?, ?)")
      .execute(arguments: [device, account])
    return OneTimeKey(id: UInt32(truncatingIfNeeded: row["key_id"] as Int64), publicKey: row["key"])
  }

  private func isNewcomer(_ account: String, to device: Int64, in db: Database) throws -> Bool {
    try Bool.fetchOne(
      db.cachedStatement(sql: "SELECT NOT EXISTS (SELECT 1 FROM served WHERE device = ? AND account = ?)"),
      arguments: [device, account]) ?? false
  }

  /// Whether there are more than those that are kept for newcomers.
  private func hasKeysForAll(_ device: Int64, in db: Database) throws -> Bool {
    let left = try Int.fetchOne(
      db.cachedStatement(sql: "SELECT count(*) FROM one_time_key WHERE device = ?"), arguments: [device])
    return left ?? 0 > limits.oneTimeKeysForNewcomers
  }

  private func known(_ device: DeviceID, _ curve: Curve, in db: Database) throws -> StoredDevice {
    guard let known = try self.device(device, curve, in: db) else { throw KeyServerRefusal(.deviceNotFound) }
    return known
  }

  private func device(_ device: DeviceID, _ curve: Curve, in db: Database) throws -> StoredDevice? {
    guard
      let row = try Row.fetchOne(
        db.cachedStatement(sql: "SELECT * FROM device WHERE name = ? AND curve = ?"),
        arguments: [device.string, Int(curve.rawValue)])
    else { return nil }
    guard let identity = IdentityKey(curve: curve, bytes: row["identity"]) else {
      throw KeyServerRefusal(.databaseFailure)
    }
    let signedPrekey = SignedPrekey(
      id: UInt32(truncatingIfNeeded: row["signed_prekey_id"] as Int64), publicKey: row["signed_prekey"],
      signature: row["signed_prekey_signature"])
    return StoredDevice(id: row["id"], keys: KeyBundle.Keys(identity: identity, signedPrekey: signedPrekey))
  }
}

private struct StoredDevice {
  var id: Int64
  var keys: KeyBundle.Keys
}
