// RoomMigrationTests.swift: rooms and people that an older database has under several spellings become one
import Foundation
import GRDB
import TestSupport
import Testing

@testable import ChatCore

@Suite struct RoomMigrationTests {
  private static let first = "sip:conference-focus@sip.example.org;gr=G;conf-id=C"
  private static let second = "sip:conference-focus@sip.example.org;conf-id=C;gr=G"
  private static let other = "sip:conference-focus@sip.example.org;conf-id=D;gr=G"

  /// A database as it was before rooms had keys, filled by `fill`, and opened again.
  private static func migrated(_ fill: (Database) throws -> Void) throws -> AccountStore {
    let folder = try TemporaryFolder()
    do {
      let store = try AccountStore(directory: folder.url)
      try store.database.writeWithoutTransaction { db in
        try db.execute(
          sql: """
            DROP INDEX room_by_key;
            ALTER TABLE room DROP COLUMN key;
            ALTER TABLE room DROP COLUMN isConfirmed;
            DELETE FROM grdb_migrations WHERE identifier = 'chat rooms 1';
            PRAGMA user_version = 0;
            """)
        try fill(db)
      }
      try store.database.close()
    }
    return try AccountStore(directory: folder.url)
  }

  private static func room(
    _ db: Database, _ address: String, encrypted: Bool, state: String = "active", subject: String = ""
  ) throws {
    try db.execute(
      sql: """
        INSERT INTO room (address, subject, isEncrypted, isOneToOne, state, version, createdAt, lastActivity)
        VALUES (?, ?, ?, 0, ?, 7, '2026-11-01 10:00:00.000', '2026-11-01 10:00:00.000')
        """, arguments: [address, subject, encrypted, state])
  }

  private static func message(
    _ db: Database, _ room: String, _ id: String, text: String, sender: String = "sip:bob@sip.example.org",
    state: String = "received"
  ) throws {
    try db.execute(
      sql: """
        INSERT INTO message (room, messageID, sender, isOutgoing, text, time, receivedAt, isEncrypted, trust, state, isRead)
        VALUES (?, ?, ?, 0, ?, '2026-11-01 10:00:00.000', '2026-11-01 10:00:00.000', 1, 'unknown', ?, 0)
        """, arguments: [room, id, sender, text, state])
  }

  @Test func twinsAreJoinedAndNothingIsLost() throws {
    let store = try Self.migrated { db in
      try Self.room(db, Self.first, encrypted: true, subject: "Secret")
      try Self.room(db, Self.second, encrypted: false, state: "joining")
      try Self.room(db, Self.other, encrypted: true, subject: "Other")
      try Self.message(db, Self.first, "a", text: "before")
      try Self.message(db, Self.second, "b", text: "after")
      // The same message, which could be read under one spelling only.
      try Self.message(db, Self.first, "c", text: "", state: "undecryptable")
      try Self.message(db, Self.second, "c", text: "readable")
      try Self.message(db, Self.second, "a", text: "before")
      try Self.message(db, Self.other, "a", text: "elsewhere")
      for room in [Self.first, Self.second] {
        try db.execute(
          sql: "INSERT INTO participant (room, address, isAdmin) VALUES (?, 'sip:bob@SIP.example.org', 0)",
          arguments: [room])
      }
      try db.execute(
        sql: """
          INSERT INTO outbox (room, content, isUrgent, mustBePlain, createdAt)
          VALUES (?, 'x', 1, 0, '2026-11-01 10:00:00.000')
          """, arguments: [Self.second])
    }
    try store.database.read { db in
      let rooms = try Room.order(sql: "subject").fetchAll(db)
      #expect(rooms.map(\.address) == [Self.other, Self.first])
      #expect(rooms[1].isEncrypted && rooms[1].state == .active && rooms[1].subject == "Secret")
      // The focus is asked for everything.
      #expect(rooms[1].version == 0)
      let texts = try String.fetchAll(
        db, sql: "SELECT text FROM message WHERE room = ? ORDER BY messageID", arguments: [Self.first])
      #expect(texts == ["before", "after", "readable"])
      #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM message") == 4)
      #expect(try String.fetchAll(db, sql: "SELECT room FROM outbox") == [Self.first])
      #expect(try RoomQueries.participants(db, room: Self.first).map(\.address) == ["sip:bob@sip.example.org"])
      #expect(try Room.find(db, Self.second)?.address == Self.first)
    }
  }

  @Test func peopleAreOneInEverySpelling() throws {
    let store = try Self.migrated { db in
      try Self.room(db, Self.first, encrypted: true)
      try Self.message(db, Self.first, "a", text: "one", sender: "sip:bob@SIP.Example.org")
      try Self.message(db, Self.first, "b", text: "two")
      for (participant, state) in [("sip:bob@SIP.Example.org", "delivered"), ("sip:bob@sip.example.org", "displayed")] {
        try db.execute(
          sql: "INSERT INTO delivery (message, participant, state) VALUES (1, ?, ?)", arguments: [participant, state])
      }
    }
    try store.database.read { db in
      let senders = try String.fetchAll(db, sql: "SELECT DISTINCT sender FROM message")
      #expect(senders == ["sip:bob@sip.example.org"])
      #expect(try String.fetchAll(db, sql: "SELECT state FROM delivery") == ["displayed"])
    }
  }
}
