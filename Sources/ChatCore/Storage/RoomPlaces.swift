// RoomPlaces.swift: the number of each room in the user's list, and whether it is pinned, kept in the account's database.
import Foundation
import GRDB

/// Where a room stands in the user's list.
public struct RoomPlace: Hashable, Sendable {
  /// From 1; no two rooms have the same one.
  public var number: Int
  /// Stays at the top of the list.
  public var isPinned: Bool

  public init(number: Int, isPinned: Bool = false) { (self.number, self.isPinned) = (number, isPinned) }

  /// The lowest number that none of these has.
  public static func free(beside taken: some Sequence<Int>) -> Int {
    let taken = Set(taken)
    return (1...taken.count + 1).first { !taken.contains($0) } ?? 1
  }
}

extension AccountStore {
  static func createRoomPlaces(_ db: Database) throws {
    try db.create(table: "roomPlace") { table in
      table.primaryKey("room", .text).references("room", onDelete: .cascade, onUpdate: .cascade)
      table.column("number", .integer).notNull().unique()
      table.column("isPinned", .boolean).notNull().defaults(to: false)
    }
  }

  /// The places of all rooms. Those of `rooms` that have none get the lowest number that is free, in this order; rooms
  /// that were left give theirs up to them. Several programs that ask at once get the same.
  public func places(givenTo rooms: [String] = []) async throws -> [String: RoomPlace] {
    let known = try await database.read(Self.places)
    guard rooms.contains(where: { known[$0] == nil }) else { return known }
    return try await database.write { db in
      try db.execute(
        sql: "DELETE FROM roomPlace WHERE room IN (SELECT address FROM room WHERE state = 'left')")
      var places = try Self.places(db)
      for room in rooms where places[room] == nil {
        let number = RoomPlace.free(beside: places.values.map(\.number))
        let sql = "INSERT OR IGNORE INTO roomPlace (room, number) SELECT address, ? FROM room WHERE address = ?"
        try db.execute(sql: sql, arguments: [number, room])
        if db.changesCount > 0 { places[room] = RoomPlace(number: number) }
      }
      return places
    }
  }

  /// Pins a room to the top of the list, or no longer.
  public func pin(_ isPinned: Bool, room: String) async throws {
    _ = try await places(givenTo: [room])
    try await database.write { db in
      try db.execute(sql: "UPDATE roomPlace SET isPinned = ? WHERE room = ?", arguments: [isPinned, room])
    }
  }

  private static func places(_ db: Database) throws -> [String: RoomPlace] {
    Dictionary(
      try Row.fetchAll(db, sql: "SELECT room, number, isPinned FROM roomPlace").compactMap { row in
        guard let room = row["room"] as String?, let number = row["number"] as Int? else { return nil }
        return (room, RoomPlace(number: number, isPinned: (row["isPinned"] as Bool?) ?? false))
      }
    ) { first, _ in first }
  }
}
