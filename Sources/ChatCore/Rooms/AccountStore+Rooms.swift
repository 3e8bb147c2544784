// AccountStore+Rooms.swift: one row for each room and one spelling for each address; rooms that are forgotten.
import Foundation
import GRDB
import MessageFormats

extension AccountStore {
  /// Removes the room and all that belongs to it.
  func forget(room address: String) async throws {
    try await database.write { db in
      try db.execute(sql: "DELETE FROM reaction WHERE room = ?", arguments: [address])
      try db.execute(sql: "DELETE FROM room WHERE address = ?", arguments: [address])
      try InputRecord.forget(db, room: address)
    }
  }

  /// Rooms are found by a key, so that one whose address is written in several ways is one room; those that were stored
  /// twice are joined.
  static func addRoomKeys(_ db: Database) throws {
    try db.alter(table: "room") { table in
      table.add(column: "key", .text).notNull().defaults(to: "")
      table.add(column: "isConfirmed", .boolean).notNull().defaults(to: false)
    }
    try unifyAddresses(db)
    var twins: [String: [String]] = [:]
    // The one that goes on: encrypted before plain, open before left, then the one with the most messages.
    let order = """
      SELECT address FROM room ORDER BY isEncrypted DESC, state = 'left',
        (SELECT count(*) FROM message WHERE room = room.address) DESC, createdAt, address
      """
    for address in try String.fetchAll(db, sql: order) {
      twins[SIPURI(address)?.conferenceKey ?? address, default: []].append(address)
    }
    for (key, addresses) in twins {
      for twin in addresses.dropFirst() { try join(db, twin, into: addresses[0]) }
      try db.execute(sql: "UPDATE room SET key = ? WHERE address = ?", arguments: [key, addresses[0]])
    }
    try db.create(index: "room_by_key", on: "room", columns: ["key"], options: .unique)
  }

  private static func join(_ db: Database, _ twin: String, into room: String) throws {
    let pair: StatementArguments = [room, twin]
    // What could not be read in one and was in the other.
    try db.execute(
      sql: """
        DELETE FROM message WHERE room = ?1 AND state = 'undecryptable' AND EXISTS (
          SELECT 1 FROM message other WHERE other.room = ?2 AND other.messageID = message.messageID
            AND other.sender = message.sender AND other.state <> 'undecryptable')
        """, arguments: pair)
    for table in ["message", "reaction", "participant", "device", "outbox"] {
      try db.execute(sql: "UPDATE OR IGNORE \(table) SET room = ?1 WHERE room = ?2", arguments: pair)
    }
    // Foreign keys do not act during a migration.
    try db.execute(
      sql: "DELETE FROM delivery WHERE message IN (SELECT id FROM message WHERE room = ?)", arguments: [twin])
    for table in ["message", "reaction", "participant", "device", "outbox"] {
      try db.execute(sql: "DELETE FROM \(table) WHERE room = ?", arguments: [twin])
    }
    // Version 0: the focus is asked for the whole state.
    try db.execute(
      sql: """
        UPDATE room SET version = 0,
          state = CASE WHEN state = 'left' AND (SELECT state FROM room WHERE address = ?2) <> 'left' THEN 'joining'
            ELSE state END,
          isOneToOne = isOneToOne OR (SELECT isOneToOne FROM room WHERE address = ?2),
          subject = CASE subject WHEN '' THEN (SELECT subject FROM room WHERE address = ?2) ELSE subject END,
          createdAt = min(createdAt, (SELECT createdAt FROM room WHERE address = ?2)),
          lastActivity = max(lastActivity, (SELECT lastActivity FROM room WHERE address = ?2))
        WHERE address = ?1
        """, arguments: pair)
    try db.execute(sql: "DELETE FROM room WHERE address = ?", arguments: [twin])
  }

  /// People's addresses in the one spelling in which they are compared.
  private static func unifyAddresses(_ db: Database) throws {
    let columns = [
      ("participant", "address"), ("device", "participant"), ("message", "sender"), ("delivery", "participant"),
      ("reaction", "sender"),
    ]
    for (table, column) in columns {
      for text in try String.fetchAll(db, sql: "SELECT DISTINCT \(column) FROM \(table)") {
        guard let address = SIPURI(text)?.addressOfRecord.description, address != text else { continue }
        try db.execute(
          sql: "UPDATE OR IGNORE \(table) SET \(column) = ?1 WHERE \(column) = ?2", arguments: [address, text])
        // What is there under both is there once.
        guard table != "message" else { continue }
        try db.execute(sql: "DELETE FROM \(table) WHERE \(column) = ?", arguments: [text])
      }
    }
  }
}
