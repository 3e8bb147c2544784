// AccountStore+Expiry.swift: messages that delete themselves, and nothing of them staying behind on the disk.
import Foundation
import GRDB

extension AccountStore {
  static func createChangeTables(_ db: Database) throws {
    try db.alter(table: "message") { table in
      table.add(column: "replyTo", .text)
      table.add(column: "replySender", .text)
      table.add(column: "forwardedFrom", .text)
      table.add(column: "editedAt", .datetime)
      table.add(column: "isRetracted", .boolean).notNull().defaults(to: false)
      table.add(column: "lifetime", .integer)
      table.add(column: "expiresAt", .datetime)
    }
    try db.execute(sql: "CREATE INDEX message_by_expiry ON message (expiresAt) WHERE expiresAt IS NOT NULL")
    try db.alter(table: "room") { table in
      table.add(column: "lifetime", .integer).notNull().defaults(to: 0)
    }
    try db.create(table: "reaction") { table in
      table.column("room", .text).notNull().references("room", onDelete: .cascade)
      table.column("messageID", .text).notNull()
      table.column("sender", .text).notNull()
      table.column("text", .text).notNull()
      table.column("time", .datetime).notNull()
      table.primaryKey(["room", "messageID", "sender"])
    }
    try db.create(index: "reaction_by_message", on: "reaction", columns: ["messageID"])
  }
}

extension DatabasePool {
  /// Deletes the messages whose time is over, with their reactions and deliveries.
  /// - Returns: what was deleted; when there was something, `scrub` has to follow.
  func removeExpired(at now: Date) throws -> [Message] {
    let hasExpired = try read { db in
      try Bool.fetchOne(
        db, sql: "SELECT EXISTS (SELECT 1 FROM message WHERE expiresAt <= ?)", arguments: [StoredDate(now)]) ?? false
    }
    guard hasExpired else { return [] }
    return try write { db -> [Message] in
      let expired = try Message.fetchAll(
        db, sql: "SELECT * FROM message WHERE expiresAt <= ?", arguments: [StoredDate(now)])
      for message in expired {
        try db.execute(
          sql: "DELETE FROM reaction WHERE room = ? AND messageID = ?", arguments: [message.room, message.messageID])
        try message.delete(db)
      }
      return expired
    }
  }

  /// Overwrites what deleted rows left in the write-ahead log; in the database itself `secure_delete` has done so.
  /// - Returns: false when a reader still needs the log: try again later. The last process to close empties it too.
  @discardableResult
  func scrub() -> Bool {
    (try? writeWithoutTransaction { try $0.checkpoint(.truncate) }) != nil
  }
}
