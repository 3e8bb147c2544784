// Blocking.swift: people whose messages are not shown and not answered with receipts: on this device alone.
import Foundation
import GRDB
import MessageFormats

/// What a blocked person writes is stored, as nothing is lost, and counts as read.
enum Blocking {
  static func createTable(_ db: Database) throws {
    try db.create(table: "blocked") { $0.primaryKey("address", .text) }
  }

  static func contains(_ db: Database, _ address: String) throws -> Bool {
    try Bool.fetchOne(
      db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM blocked WHERE address = ?)"), arguments: [address])
      ?? false
  }
}

extension AccountStore {
  /// Addresses of record.
  public func blocked() async throws -> Set<String> {
    try await database.read { try String.fetchSet($0, sql: "SELECT address FROM blocked") }
  }

  /// What is unread of it counts as read from here on, and nobody is told that it was.
  /// - Throws: `ChatError.badInput` for this account's own address.
  public func block(_ address: SIPURI, _ isBlocked: Bool = true, for account: AccountConfiguration) async throws {
    let address = address.addressOfRecord
    guard address != account.address else { throw ChatError.badInput("\(address) is this account's own address") }
    try await database.write { db in
      guard isBlocked else {
        return try db.execute(sql: "DELETE FROM blocked WHERE address = ?", arguments: [address.description])
      }
      try db.execute(sql: "INSERT OR IGNORE INTO blocked (address) VALUES (?)", arguments: [address.description])
      try db.execute(
        sql: "UPDATE message SET isRead = 1 WHERE sender = ? AND NOT isRead", arguments: [address.description])
    }
  }
}
