// InputRecord.swift: what is typed and not sent yet, and the lines entered before, kept in the account's database.
import Foundation
import GRDB

/// A text that is being written.
public struct Draft: Hashable, Sendable {
  /// The room's address; empty for what is typed while no room is open.
  public var room: String
  /// What was typed so far.
  public var text: String
  /// The `id` of the message that it answers, changes or is otherwise about.
  public var about: Int64?

  public init(room: String, text: String, about: Int64? = nil) {
    (self.room, self.text, self.about) = (room, text, about)
  }
}

/// The drafts and entered lines of one program at a time that has an input line.
///
/// Several may run beside one another: each has a place of its own, held by a lock that ends with the process, and
/// writes only the drafts of that place. Whoever starts takes over what the places of ended programs hold. Entered lines
/// are common to all.
public final class InputRecord: Sendable {
  /// One thing to be written down.
  public enum Change: Hashable, Sendable {
    /// An empty text ends the draft.
    case draft(Draft)
    /// A line was entered in that room.
    case entered(room: String, line: String)
  }

  /// Lines that are kept for each room.
  public static let maximumLines = 200
  /// Bytes of a line; a longer one is not kept.
  static let maximumLine = 256 * 1024
  /// Programs beside one another; more than a person has terminals.
  private static let maximumPlaces = 64

  private let database: DatabasePool
  private let place: Int
  private let lock: FileLock

  /// Takes a place, and with it what was left by programs that have ended.
  /// - Throws: `StoreError` when there is none, or no lock can be had.
  public init(_ store: AccountStore) throws {
    database = store.database
    var held: (Int, FileLock)?
    for place in 1...Self.maximumPlaces where held == nil { held = try Self.lock(place, in: store).map { (place, $0) } }
    guard let held else { throw StoreError.inUse(store.directory.path, process: "several") }
    (place, lock) = held
    let places = try database.read { try Int.fetchAll($0, sql: "SELECT DISTINCT place FROM draft") }
    for other in places where other != place {
      guard let ended = try Self.lock(other, in: store) else { continue }
      try withExtendedLifetime(ended) { try takeOver(other) }
    }
  }

  /// nil while another program has the place.
  private static func lock(_ place: Int, in store: AccountStore) throws -> FileLock? {
    do {
      return try FileLock(path: store.directory.appendingPathComponent("input-\(place).lock").path)
    } catch StoreError.inUse { return nil }
  }

  /// A folder that is this program's alone, for what has to be in a file for a moment. It may be left from an earlier
  /// one that was killed.
  public func folder(in store: AccountStore) -> URL {
    store.directory.appendingPathComponent("input-\(place)", isDirectory: true)
  }

  static func createTables(_ db: Database) throws {
    try db.create(table: "draft") { table in
      table.column("place", .integer).notNull()
      table.column("room", .text).notNull()
      table.column("text", .text).notNull()
      table.column("about", .integer)
      table.column("time", .datetime).notNull()
      table.primaryKey(["place", "room"])
    }
    try db.create(table: "enteredLine") { table in
      table.autoIncrementedPrimaryKey("id")
      table.column("room", .text).notNull()
      table.column("text", .text).notNull()
    }
    try db.create(index: "enteredLine_by_room", on: "enteredLine", columns: ["room", "id"])
  }

  // MARK: Reading

  /// All of this program's.
  public func drafts() throws -> [Draft] {
    try database.read { db in
      try Row.fetchAll(db, sql: "SELECT room, text, about FROM draft WHERE place = ? ORDER BY room", arguments: [place])
        .compactMap(Self.draft)
    }
  }

  private static func draft(_ row: Row) -> Draft? {
    guard let room = row.value("room") as String?, let text = row.value("text") as String? else { return nil }
    return Draft(room: room, text: text, about: row.value("about"))
  }

  /// The lines entered in a room, oldest first.
  public func lines(of room: String) async throws -> [String] {
    try await database.read { db in
      try String.fetchAll(
        db, sql: "SELECT text FROM enteredLine WHERE room = ? ORDER BY id DESC LIMIT ?",
        arguments: [room, Self.maximumLines]
      ).reversed()
    }
  }

  // MARK: Writing

  /// In one commit, so that a text is always either a draft or a line.
  public func write(_ changes: [Change], at now: Date = Date()) async throws {
    guard !changes.isEmpty else { return }
    let place = place
    try await database.write { db in
      for change in changes {
        switch change {
        case .draft(let draft): try Self.put(db, draft, place: place, at: now)
        case .entered(let room, let line): try Self.add(db, line, room: room)
        }
      }
    }
  }

  private static func put(_ db: Database, _ draft: Draft, place: Int, at now: Date) throws {
    guard !draft.text.isEmpty else {
      return try db.execute(sql: "DELETE FROM draft WHERE place = ? AND room = ?", arguments: [place, draft.room])
    }
    try db.execute(
      sql: "INSERT OR REPLACE INTO draft (place, room, text, about, time) VALUES (?, ?, ?, ?, ?)",
      arguments: [place, draft.room, draft.text, draft.about, StoredDate(now)])
  }

  private static func add(_ db: Database, _ line: String, room: String) throws {
    guard !line.isEmpty, line.utf8.count <= maximumLine else { return }
    let newest = "SELECT text FROM enteredLine WHERE room = ? ORDER BY id DESC LIMIT 1"
    guard try String.fetchOne(db, sql: newest, arguments: [room]) != line else { return }
    try db.execute(sql: "INSERT INTO enteredLine (room, text) VALUES (?, ?)", arguments: [room, line])
    try db.execute(
      sql: """
        DELETE FROM enteredLine WHERE room = ? AND id <=
          (SELECT id FROM enteredLine WHERE room = ? ORDER BY id DESC LIMIT 1 OFFSET ?)
        """, arguments: [room, room, maximumLines])
  }

  /// Of two drafts for one room the later one goes on as the draft, and the other is among the lines.
  private func takeOver(_ other: Int) throws {
    try database.write { db in
      let sql = "SELECT room, text, about, time FROM draft WHERE place = ?"
      for row in try Row.fetchAll(db, sql: sql, arguments: [other]) {
        guard let draft = Self.draft(row) else { continue }
        let mine = try Row.fetchOne(db, sql: sql + " AND room = ?", arguments: [place, draft.room])
        if let mine, let own = Self.draft(mine), own.text != draft.text {
          let isLater = (row.value("time") as String? ?? "") > (mine.value("time") as String? ?? "")
          try Self.add(db, isLater ? own.text : draft.text, room: draft.room)
          guard isLater else { continue }
        }
        try db.execute(
          sql: "INSERT OR REPLACE INTO draft (place, room, text, about, time) VALUES (?, ?, ?, ?, ?)",
          arguments: [place, draft.room, draft.text, draft.about, row.value("time") as String? ?? ""])
      }
      try db.execute(sql: "DELETE FROM draft WHERE place = ?", arguments: [other])
    }
  }

  /// Takes what was typed out too when a room is forgotten or a message retracted: nothing of it is to stay.
  static func forget(_ db: Database, room: String, line: String? = nil) throws {
    if let line {
      return try db.execute(
        sql: "DELETE FROM enteredLine WHERE room = ? AND (text = ? OR text LIKE '/%' AND substr(text, -length(?)) = ?)",
        arguments: [room, line, line, line])
    }
    for table in ["draft", "enteredLine"] {
      try db.execute(sql: "DELETE FROM \(table) WHERE room = ?", arguments: [room])
    }
  }
}
