// RoomEventQueries.swift: reading and writing what happened in rooms.
import Foundation
import GRDB
import MessageFormats

extension RoomEvent {
  static func createTable(_ db: Database) throws {
    try db.create(table: "roomEvent") { table in
      table.autoIncrementedPrimaryKey("id")
      table.column("room", .text).notNull().references("room", onDelete: .cascade, onUpdate: .cascade)
      table.column("time", .datetime).notNull()
      table.column("receivedAt", .datetime).notNull()
      table.column("kind", .text).notNull()
      table.column("account", .text).notNull()
      table.column("address", .text)
      table.column("by", .text)
      table.column("text", .text)
      table.column("seconds", .integer)
      table.column("unread", .integer)
      table.column("isRead", .boolean).notNull()
    }
    try db.create(index: "roomEvent_by_time", on: "roomEvent", columns: ["room", "time", "id"])
  }

  /// Stores it, and no more of a room than `kept`.
  mutating func record(_ db: Database) throws {
    text = text.map { String($0.prefix(Self.longestText)) }
    try insert(db)
    try db.execute(
      sql: """
        DELETE FROM roomEvent WHERE room = ?1 AND id <=
          (SELECT id FROM roomEvent WHERE room = ?1 ORDER BY id DESC LIMIT 1 OFFSET \(Self.kept))
        """, arguments: [room])
  }

  // MARK: Coming in

  /// An invitation: this account was added to the room, by whom the room's first state may show.
  /// - Parameter isFirstContact: the server invites a new device into all rooms that its account is in already.
  static func invited(
    _ db: Database, to room: Room, account: SIPURI, isFirstContact: Bool, at now: Date
  ) throws {
    // liblinphone's rooms for nothing but delivery notifications are not worth a word.
    guard !RoomQueries.isNamedForNotifications(room) else { return }
    var event = RoomEvent(
      isFirstContact ? .entered : .added, room: room.address, account: account, time: now.wholeSeconds, receivedAt: now,
      address: account.description, isRead: isFirstContact || room.isOneToOne)
    try event.record(db)
  }

  /// With the room's first state: who let this account in, if that is certain.
  ///
  /// Only administrators add people, and who makes a room is its first one.
  static func welcome(_ db: Database, to room: Room, state: ConferenceState, account: SIPURI) throws -> RoomEvent? {
    guard room.version == 0, var event = try openInvitation(db, room: room.address) else { return nil }
    // Whoever takes us back made nothing.
    let isNew = try state.isNew && countAll(db, room: room.address) == 1
    if room.isOneToOne {
      event.kind = .opened
      // Another device of this account may have opened it.
      let isOnlyDevice = (state.participant(account)?.devices.count ?? 0) <= 1
      let others = state.participants.filter { $0.address != account }
      event.by = isOnlyDevice && others.count == 1 ? others[0].address.description : nil
    } else if state.participant(account)?.isAdmin == true {
      if isNew, state.onlyAdministrator != nil {
        (event.kind, event.by, event.isRead) = (.made, account.description, true)
      }
    } else if let administrator = state.onlyAdministrator {
      if isNew {
        (event.kind, event.by, event.isRead) = (.made, administrator.description, false)
      } else if event.kind == .added {
        event.by = administrator.description
      }
    }
    try event.update(db)
    return event
  }

  private static func openInvitation(_ db: Database, room: String) throws -> RoomEvent? {
    let last = try fetchReadable(
      db, sql: "SELECT * FROM roomEvent WHERE room = ? ORDER BY id DESC LIMIT 1", arguments: [room]
    ).first
    guard let last, last.by == nil, [.added, .entered].contains(last.kind) else { return nil }
    return last
  }

  static func countAll(_ db: Database, room: String) throws -> Int {
    try Int.fetchOne(db, sql: "SELECT count(*) FROM roomEvent WHERE room = ?", arguments: [room]) ?? 0
  }

  static func isUnread(_ db: Database, room: String) throws -> Bool {
    try Bool.fetchOne(
      db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM roomEvent WHERE room = ? AND NOT isRead)"),
      arguments: [room]) ?? false
  }

  /// - Returns: whether one was not read.
  static func markRead(_ db: Database, room: String) throws -> Bool {
    guard try isUnread(db, room: room) else { return false }
    try db.execute(sql: "UPDATE roomEvent SET isRead = 1 WHERE room = ? AND NOT isRead", arguments: [room])
    return true
  }
}

/// What happened in a room, in the order in which it is shown.
public enum HistoryEntry: Sendable, Equatable {
  case message(MessageWithDeliveries)
  case event(RoomEvent)
}

extension AccountStore {
  /// What happened in a room, or in all, from a time on and before another one, oldest first; the newest `limit`.
  public func roomEvents(
    room: String? = nil, from start: Date? = nil, before end: Date? = nil, limit: Int = 1000
  ) async throws -> [RoomEvent] {
    try await database.read { db in
      var conditions = ["1"]
      var arguments: StatementArguments = []
      for (condition, value) in [
        ("room = ?", room?.databaseValue), ("time >= ?", start.map { StoredDate($0).databaseValue }),
        ("time < ?", end.map { StoredDate($0).databaseValue }),
      ] {
        guard let value else { continue }
        conditions.append(condition)
        arguments += [value]
      }
      let sql = """
        SELECT * FROM roomEvent WHERE \(conditions.joined(separator: " AND ")) ORDER BY time DESC, id DESC LIMIT ?
        """
      return try RoomEvent.fetchReadable(db, sql: sql, arguments: arguments + [max(0, limit)]).reversed()
    }
  }

  /// One of them; nil when it is gone.
  public func roomEvent(number: Int64) async throws -> RoomEvent? {
    try await database.read { try RoomEvent.fetchOne($0, key: number) }
  }

  /// Messages with what happened between them, each at the place of its time.
  /// - Parameters:
  ///   - start: of the time that is meant; nil for the beginning.
  ///   - end: before it; nil for up to now.
  public func entries(
    _ messages: [MessageWithDeliveries], room: String?, from start: Date?, before end: Date? = nil
  ) async throws -> [HistoryEntry] {
    var events = try await roomEvents(room: room, from: start, before: end)[...]
    var entries: [HistoryEntry] = []
    for message in messages {
      while let event = events.first, event.time <= message.message.time {
        entries.append(.event(events.removeFirst()))
      }
      entries.append(.message(message))
    }
    return entries + events.map { .event($0) }
  }
}
