// MessageQueries.swift: reading and writing messages and their deliveries inside a database transaction.
import Foundation
import GRDB

enum MessageQueries {
  /// Inserts unless the same Message-ID of the same sender is there already; returns whether it was new.
  ///
  /// One that could not be decrypted gives way to its readable repetition.
  static func insertOnce(_ db: Database, _ message: inout Message) throws -> Bool {
    let known = try Row.fetchOne(
      db.cachedStatement(sql: "SELECT id, state FROM message WHERE room = ? AND messageID = ? AND sender = ?"),
      arguments: [message.room, message.messageID, message.sender])
    if let known {
      let state: String = known["state"]
      guard state == Message.State.undecryptable.rawValue, message.state != .undecryptable else { return false }
      message.id = known["id"]
      try message.update(db)
      return true
    }
    try message.insertQuickly(db)
    try db.cachedStatement(sql: "UPDATE room SET lastActivity = max(lastActivity, ?) WHERE address = ?")
      .execute(arguments: [StoredDate(message.receivedAt), message.room])
    return true
  }

  /// Whether the stored message of that id was edited or retracted.
  static func isChanged(_ db: Database, _ message: Message) throws -> Bool {
    let stored = try find(db, room: message.room, messageID: message.messageID, preferring: message.sender)
    return stored.map { $0.sender == message.sender && ($0.editedAt != nil || $0.isRetracted) } ?? false
  }

  /// - Parameter sender: whose message to prefer, should two have the same id.
  static func find(_ db: Database, room: String, messageID: String, preferring sender: String = "") throws -> Message? {
    let sql = "SELECT * FROM message WHERE room = ? AND messageID = ? ORDER BY sender = ? DESC, id"
    return try Message.fetchOne(db, sql: sql, arguments: [room, messageID, sender])
  }

  /// What each other member will report on one of our messages.
  static func expectDeliveries(_ db: Database, of message: Message) throws {
    guard let row = message.id else { return }
    for other in try RoomQueries.participants(db, room: message.room) where other.address != message.sender {
      try Delivery.expect(db, of: row, by: other.address)
    }
  }

  /// A member has one of our messages, so the focus took it, although its answer may still be on its way: who follows a
  /// message hears that it was sent before anything else.
  /// - Returns: the message, if that was not known yet.
  static func confirmSent(_ db: Database, messageID: String) throws -> Message? {
    let row = try Int64.fetchOne(
      db.cachedStatement(sql: "SELECT id FROM message WHERE messageID = ? AND isOutgoing AND state = ?"),
      arguments: [messageID, Message.State.queued.rawValue])
    guard let row else { return nil }
    try db.cachedStatement(sql: "UPDATE message SET state = ? WHERE id = ?")
      .execute(arguments: [Message.State.sent.rawValue, row])
    return try Message.fetchOne(db, key: row)
  }

  /// Applies one member's notification to our own message; nil when it concerns none of ours or says nothing new.
  ///
  /// Matched by Message-ID alone: newer Linphone clients send notifications through another room than the message's.
  static func applyDelivery(
    _ db: Database, messageID: String, by participant: String, state: Delivery.State, reason: String?, time: Date
  ) throws -> ChatEvent? {
    let found = try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT message.id, message.room, delivery.state, lifetime IS NOT NULL AND expiresAt IS NULL
          FROM message LEFT JOIN delivery ON delivery.message = message.id AND participant = ?
          WHERE messageID = ? AND isOutgoing ORDER BY message.id DESC LIMIT 1
          """), arguments: [participant, messageID])
    guard let found else { return nil }
    let (row, room, isEphemeral): (Int64, String, Bool) = (found[0], found[1], found[3])
    // Members who joined after the message was sent are not waited for, and do not report on it.
    guard let old = (found[2] as String?).flatMap(Delivery.State.init), old < state else { return nil }
    try Delivery(message: row, participant: participant, state: state, reason: reason, time: time).updateQuickly(db)
    if state == .displayed, isEphemeral, let message = try Message.fetchOne(db, key: row) {
      try startLifetime(db, of: message, now: time)
    }
    let waiting =
      try Int.fetchOne(
        db.cachedStatement(sql: "SELECT count(*) FROM delivery WHERE message = ? AND state IN (?, ?)"),
        arguments: [
          row, Delivery.State.pending.rawValue,
          state == .displayed ? Delivery.State.delivered.rawValue : Delivery.State.pending.rawValue,
        ]) ?? 0
    return .delivery(
      room: room, messageID: messageID, by: participant, state: state, reason: reason, isComplete: waiting == 0)
  }

  /// Everyone has read it: our copy of an ephemeral message goes too, as Linphone's does.
  private static func startLifetime(_ db: Database, of message: Message, now: Date) throws {
    guard let lifetime = message.lifetime, message.expiresAt == nil else { return }
    let isUnread = try Bool.fetchOne(
      db, sql: "SELECT EXISTS (SELECT 1 FROM delivery WHERE message = ? AND state <> ?)",
      arguments: [message.id, Delivery.State.displayed.rawValue])
    guard isUnread != true else { return }
    try db.execute(
      sql: "UPDATE message SET expiresAt = ? WHERE id = ?",
      arguments: [StoredDate(now.addingTimeInterval(TimeInterval(lifetime))), message.id])
  }

  static func withDeliveries(_ db: Database, _ message: Message) throws -> MessageWithDeliveries {
    try withDeliveries(db, [message]).first ?? MessageWithDeliveries(message: message, deliveries: [])
  }

  static func quote(_ db: Database, _ message: Message) throws -> Quote? {
    guard let target = message.replyTo else { return nil }
    let found = try Row.fetchOne(
      db, sql: """
        SELECT sender, CASE WHEN isRetracted THEN NULL ELSE text END AS text FROM message
        WHERE room = ? AND messageID = ? ORDER BY sender = ? DESC LIMIT 1
        """,
      arguments: [message.room, target, message.replySender])
    return Quote(sender: found?.value("sender") ?? message.replySender ?? "", text: found?.value("text"))
  }

  /// Marks everything in the room as read, and starts the time of ephemeral messages; returns those that were not.
  static func markRead(_ db: Database, room: String, now: Date) throws -> [Message] {
    let unread = try Message.fetchAll(
      db, sql: "SELECT * FROM message WHERE room = ? AND NOT isRead AND NOT isOutgoing ORDER BY id", arguments: [room])
    for message in unread { try markRead(db, message, now: now) }
    return unread
  }

  static func markRead(_ db: Database, _ message: Message, now: Date) throws {
    let end = message.lifetime.map { StoredDate(now.addingTimeInterval(TimeInterval($0))) }
    try db.execute(
      sql: "UPDATE message SET isRead = 1, expiresAt = coalesce(expiresAt, ?) WHERE id = ?",
      arguments: [end, message.id])
  }

  /// Another device of this account displayed the message: it is read here too.
  /// - Returns: whether it was unread.
  static func readElsewhere(_ db: Database, messageID: String, now: Date) throws -> Bool {
    let unread = try Message.fetchAll(
      db, sql: "SELECT * FROM message WHERE messageID = ? AND NOT isOutgoing AND NOT isRead", arguments: [messageID])
    for message in unread { try markRead(db, message, now: now) }
    return !unread.isEmpty
  }
}
