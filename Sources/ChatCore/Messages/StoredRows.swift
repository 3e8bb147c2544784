// StoredRows.swift: the rows that each message writes, by statements that are prepared once
import Foundation
import GRDB

/// GRDB's own `insert` works out columns, statement and values anew for each row, which takes several times as long as
/// SQLite does. Rows that are written once in a while go that way.
extension Message {
  mutating func insertQuickly(_ db: Database) throws {
    // Files are kept as JSON, which GRDB writes.
    guard attachments == nil else { return try insert(db) }
    try db.cachedStatement(
      sql: """
        INSERT INTO message (room, messageID, sender, senderDevice, isOutgoing, text, time, claimedTime, receivedAt,
          isEncrypted, isStranger, trust, identity, state, failure, isRead, replyTo, replySender, forwardedFrom,
          isAutomatic, editedAt, original, isOriginalMissing, isRetracted, lifetime, unreadLifetime, expiresAt)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      room, messageID, sender, senderDevice, isOutgoing, text, StoredDate(time), claimedTime.map(StoredDate.init),
      StoredDate(receivedAt), isEncrypted, isStranger, trust, identity, state.rawValue, failure, isRead, replyTo,
      replySender, forwardedFrom, isAutomatic, editedAt.map(StoredDate.init), original, isOriginalMissing, isRetracted,
      lifetime,
      unreadLifetime, expiresAt.map(StoredDate.init),
    ])
    id = db.lastInsertedRowID
  }
}

extension Delivery {
  /// - Parameter message: its row.
  static func expect(_ db: Database, of message: Int64, by participant: String) throws {
    try db.cachedStatement(sql: "INSERT OR IGNORE INTO delivery (message, participant, state) VALUES (?, ?, ?)")
      .execute(arguments: [message, participant, State.pending.rawValue])
  }

  func updateQuickly(_ db: Database) throws {
    try db.cachedStatement(
      sql: "UPDATE delivery SET state = ?, reason = coalesce(reason, ?), time = ? WHERE message = ? AND participant = ?"
    ).execute(arguments: [state.rawValue, reason, time.map(StoredDate.init), message, participant])
  }
}

extension OutboxEntry {
  mutating func insertQuickly(_ db: Database) throws {
    try db.cachedStatement(
      sql: """
        INSERT INTO outbox (room, message, content, messageID, isUrgent, mustBePlain, requiresTrust, waits,
          attempts, createdAt)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """
    ).execute(arguments: [
      room, message, content, messageID, isUrgent, mustBePlain, requiresTrust, waits, attempts,
      StoredDate(createdAt),
    ])
    id = db.lastInsertedRowID
  }

  init(row: Row) throws {
    id = row["id"]
    room = row["room"]
    message = row["message"]
    content = row["content"]
    messageID = row["messageID"]
    isUrgent = row["isUrgent"]
    mustBePlain = row["mustBePlain"]
    requiresTrust = row["requiresTrust"]
    waits = row["waits"]
    attempts = row["attempts"]
    createdAt = (row["createdAt"] as StoredDate).date
  }
}
