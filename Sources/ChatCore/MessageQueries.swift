// MessageQueries.swift: reading and writing messages and their deliveries inside a database transaction.
import Foundation
import GRDB

enum MessageQueries {
  /// Inserts unless the same Message-ID of the same sender is there already; returns whether it was new.
  static func insertOnce(_ db: Database, _ message: inout Message) throws -> Bool {
    let known = try Bool.fetchOne(
      db, sql: "SELECT EXISTS (SELECT 1 FROM message WHERE room = ? AND messageID = ? AND sender = ?)",
      arguments: [message.room, message.messageID, message.sender])
    if known == true { return false }
    try message.insert(db)
    try db.execute(
      sql: "UPDATE room SET lastActivity = max(lastActivity, ?) WHERE address = ?",
      arguments: [message.receivedAt, message.room])
    return true
  }

  /// Applies one member's notification to our own message; nil when it concerns none of ours or says nothing new.
  ///
  /// Matched by Message-ID alone: newer Linphone clients send notifications through another room than the message's.
  static func applyDelivery(
    _ db: Database, messageID: String, by participant: String, state: Delivery.State, reason: String?, time: Date
  ) throws -> ChatEvent? {
    guard
      let message = try Message.fetchOne(
        db, sql: "SELECT * FROM message WHERE messageID = ? AND isOutgoing ORDER BY id DESC", arguments: [messageID]),
      let row = message.id
    else { return nil }
    let old = try Delivery.fetchOne(db, key: ["message": row, "participant": participant])
    // Members who joined after the message was sent are not waited for, and do not report on it.
    guard let old, old.state < state else { return nil }
    try Delivery(message: row, participant: participant, state: state, reason: reason, time: time).update(db)
    let waiting =
      try Int.fetchOne(
        db, sql: "SELECT count(*) FROM delivery WHERE message = ? AND state IN (?, ?)",
        arguments: [
          row, Delivery.State.pending.rawValue,
          state == .displayed ? Delivery.State.delivered.rawValue : Delivery.State.pending.rawValue,
        ]) ?? 0
    return .delivery(
      room: message.room, messageID: messageID, by: participant, state: state, reason: reason, isComplete: waiting == 0)
  }

  static func withDeliveries(_ db: Database, _ message: Message) throws -> MessageWithDeliveries {
    try withDeliveries(db, [message]).first ?? MessageWithDeliveries(message: message, deliveries: [])
  }

  /// Marks everything in the room as read; returns the messages that were not.
  static func markRead(_ db: Database, room: String) throws -> [Message] {
    let unread = try Message.fetchAll(
      db, sql: "SELECT * FROM message WHERE room = ? AND NOT isRead AND NOT isOutgoing ORDER BY id", arguments: [room])
    try db.execute(
      sql: "UPDATE message SET isRead = 1 WHERE room = ? AND NOT isRead AND NOT isOutgoing", arguments: [room])
    return unread
  }
}
