// Setting.swift: small facts that an account keeps: its instance id and its GRUU.
import Foundation
import GRDB

/// A named fact in the account's database.
enum Setting: String {
  /// `urn:uuid:…`, the +sip.instance of this device, made once (RFC 5627 §3).
  case instanceID
  /// The public GRUU that the registrar gave, which is also the LIME device id.
  case gruu
  /// A name for this database, made once.
  case storeID
  /// How often its ratchets were used: see `UseRecord`.
  case generation
  /// "due" when the database was found to be an older one, until its published keys were replaced.
  case recovery
  /// When the server could last reach us, in seconds since 1970: see `ServerContact`.
  case lastContact
  /// The conference servers that the factory named: see `KnownFocuses`.
  case focuses
  /// As the user switched them for the account: see `RoomNotices.ofAccount`.
  case receipts, typing
  /// "due" while words of removed messages are in the search index's file.
  case searchPurge

  func read(_ db: Database) throws -> String? {
    try String.fetchOne(
      db.cachedStatement(sql: "SELECT value FROM setting WHERE name = ?"), arguments: [rawValue])
  }

  func write(_ db: Database, _ value: String?) throws {
    if let value {
      let sql = """
        INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value
        """
      try db.cachedStatement(sql: sql).execute(arguments: [rawValue, value])
    } else {
      try db.execute(sql: "DELETE FROM setting WHERE name = ?", arguments: [rawValue])
    }
  }
}
