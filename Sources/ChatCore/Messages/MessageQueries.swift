// MessageQueries.swift: reading and writing messages and their deliveries inside a database transaction.
import Foundation
import GRDB
import Lime

enum MessageQueries {
  /// What became of a message that was to be inserted.
  enum Insertion {
    case new
    /// A text that was less proved stood in its place.
    case replaced
    /// Its edit or retraction was here before, and stays.
    case late
    /// It was here before.
    case known

    /// Whether it is a line that was not there.
    var isShown: Bool { self == .new || self == .replaced }
  }

  /// Inserts unless the same Message-ID of the same sender is there already.
  ///
  /// What is less proved gives way: one that could not be decrypted to its readable repetition, one that came
  /// unencrypted or from a stranger to the member's own.
  static func insertOnce(_ db: Database, _ message: inout Message) throws -> Insertion {
    let known = try Message.fetchOne(
      db.cachedStatement(sql: "SELECT * FROM message WHERE room = ? AND messageID = ? AND sender = ?"),
      arguments: [message.room, message.messageID, message.sender])
    guard let known else {
      try message.insertQuickly(db)
      try db.cachedStatement(sql: "UPDATE room SET lastActivity = max(lastActivity, ?) WHERE address = ?")
        .execute(arguments: [StoredDate(message.receivedAt), message.room])
      return .new
    }
    guard message.state != .undecryptable else { return .known }
    if known.isOriginalMissing, message.proof == known.proof {
      if try takeOriginal(db, known, from: message) { return .late }
    } else {
      guard message.proof > known.proof else {
        return known.isChanged && message.proof == known.proof ? .late : .known
      }
    }
    message.id = known.id
    try message.update(db)
    return known.state == .undecryptable ? .new : .replaced
  }

  /// The original of a message of which only a change was here.
  /// - Returns: false when another device than the original's made that change, which then does not count.
  private static func takeOriginal(_ db: Database, _ changed: Message, from original: Message) throws -> Bool {
    let isSame = changed.identity.map { $0 == original.identity } ?? (changed.senderDevice == original.senderDevice)
    guard isSame || changed.trust == PeerStatus.trusted.rawValue || !original.isEncrypted else { return false }
    var message = changed
    message.isOriginalMissing = false
    if !message.isRetracted { message.original = original.text }
    message.takeAuthor(of: original)
    try message.update(db)
    return true
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

  /// The message of ours, in whatever room, that has this id.
  static func sent(_ db: Database, messageID: String) throws -> (row: Int64, room: String)? {
    try Row.fetchOne(
      db.cachedStatement(
        sql: "SELECT id, room FROM message WHERE messageID = ? AND isOutgoing ORDER BY id DESC LIMIT 1"),
      arguments: [messageID]
    ).map { ($0[0], $0[1]) }
  }

  /// A member has one of our messages, so the focus took it, although its answer may still be on its way: who follows a
  /// message hears that it was sent before anything else.
  /// - Returns: the message, if that was not known yet.
  static func confirmSent(_ db: Database, row: Int64) throws -> Message? {
    try db.cachedStatement(sql: "UPDATE message SET state = ? WHERE id = ? AND state = ?")
      .execute(arguments: [Message.State.sent.rawValue, row, Message.State.queued.rawValue])
    return db.changesCount > 0 ? try Message.fetchOne(db, key: row) : nil
  }

  /// Applies one member's notification to our own message; nil when it says nothing new.
  static func applyDelivery(
    _ db: Database, row: Int64, by participant: String, state: Delivery.State, reason: String?, time: Date
  ) throws -> ChatEvent? {
    let found = try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT messageID, message.room, delivery.state, coalesce(lifetime, unreadLifetime) IS NOT NULL
          FROM message LEFT JOIN delivery ON delivery.message = message.id AND participant = ?
          WHERE message.id = ?
          """), arguments: [participant, row])
    guard let found else { return nil }
    let (messageID, room, isEphemeral): (String, String, Bool) = (found[0], found[1], found[3])
    // Members who joined after the message was sent are not waited for, and do not report on it.
    guard let old = (found[2] as String?).flatMap(Delivery.State.init) else { return nil }
    if let reason { try keep(db, reason, of: row, by: participant) }
    guard old < state else { return nil }
    try Delivery(message: row, participant: participant, state: state, reason: reason, time: time).updateQuickly(db)
    if state > .failed, isEphemeral, let message = try Message.fetchOne(db, key: row) {
      try startLifetime(db, of: message, with: state, now: time)
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

  /// That one device could not read a message stays known when another one of the member has it. The first reason
  /// counts.
  static func keep(_ db: Database, _ reason: String, of row: Int64, by participant: String) throws {
    let sql = "UPDATE delivery SET reason = coalesce(reason, ?) WHERE message = ? AND participant = ?"
    try db.cachedStatement(sql: sql).execute(arguments: [reason, row, participant])
  }

  /// Members all of whose devices are among those that a message was not encrypted for do not get it.
  static func endDeliveries(_ db: Database, of row: Int64, without devices: Set<String>) throws {
    guard let room = try String.fetchOne(db, sql: "SELECT room FROM message WHERE id = ?", arguments: [row]) else {
      return
    }
    let byMember = Dictionary(grouping: try RoomQueries.devices(db, room: room), by: \.participant)
    for (member, theirs) in byMember where theirs.allSatisfy({ devices.contains($0.gruu) }) {
      try db.execute(
        sql: "UPDATE delivery SET state = ?, time = ? WHERE message = ? AND participant = ? AND state = ?",
        arguments: [
          Delivery.State.failed.rawValue, StoredDate(Date()), row, member, Delivery.State.pending.rawValue,
        ])
    }
  }

  /// Everyone has read it, or has it: our copy of an ephemeral message goes too, as Linphone's does.
  private static func startLifetime(
    _ db: Database, of message: Message, with state: Delivery.State, now: Date
  ) throws {
    func isSo(_ states: Delivery.State...) throws -> Bool {
      let sql = "SELECT state FROM delivery WHERE message = ?"
      return try String.fetchSet(db, sql: sql, arguments: [message.id]).isSubset(of: states.map(\.rawValue))
    }
    let seconds: Int?
    if state == .displayed, try isSo(.displayed) {
      seconds = message.lifetimeOnceRead
    } else if message.expiresAt == nil, try isSo(.delivered, .displayed) {
      seconds = message.unreadLifetime
    } else {
      return
    }
    guard let seconds else { return }
    try db.execute(
      sql: "UPDATE message SET expiresAt = ? WHERE id = ?",
      arguments: [StoredDate(now.addingTimeInterval(TimeInterval(seconds))), message.id])
  }

  static func withDeliveries(_ db: Database, _ message: Message) throws -> MessageWithDeliveries {
    try withDeliveries(db, [message]).first ?? MessageWithDeliveries(message: message, deliveries: [])
  }

  static func quote(_ db: Database, _ message: Message) throws -> Quote? {
    guard let target = message.replyTo else { return nil }
    let found = try Row.fetchOne(
      db,
      sql: """
        SELECT sender, CASE WHEN isRetracted THEN NULL ELSE text END AS text FROM message
        WHERE room = ? AND messageID = ? AND NOT isStranger ORDER BY sender = ? DESC LIMIT 1
        """,
      arguments: [message.room, target, message.replySender])
    return Quote(sender: found?.value("sender") ?? message.replySender ?? "", text: found?.value("text"))
  }

  /// Marks messages of the room as read, and starts the time of ephemeral ones; returns those that were not.
  /// - Parameter rows: which; nil for all.
  static func markRead(_ db: Database, room: String, rows: [Int64]? = nil, now: Date) throws -> [Message] {
    let wanted = rows.map(Set.init)
    let unread = try Message.fetchAll(
      db, sql: "SELECT * FROM message WHERE room = ? AND NOT isRead AND NOT isOutgoing ORDER BY id", arguments: [room]
    ).filter { message in wanted.map { message.id.map($0.contains) ?? false } ?? true }
    for message in unread { try markRead(db, message, now: now) }
    return unread
  }

  static func markRead(_ db: Database, _ message: Message, now: Date) throws {
    let end = message.lifetimeOnceRead.map { StoredDate(now.addingTimeInterval(TimeInterval($0))) }
    try db.execute(
      sql: "UPDATE message SET isRead = 1, expiresAt = coalesce(?, expiresAt) WHERE id = ?",
      arguments: [end, message.id])
  }

  /// Messages of others that have this id and were not read.
  static func unread(_ db: Database, messageID: String) throws -> [Message] {
    try Message.fetchAll(
      db, sql: "SELECT * FROM message WHERE messageID = ? AND NOT isOutgoing AND NOT isRead", arguments: [messageID])
  }
}
