// AccountStore+Reading.swift: what others ask of an account's data.
import Foundation
import GRDB

/// Reading the database needs no connection: `history` and `room list` work while another process holds the account.
extension AccountStore {
  /// Rooms, the last used first, without those that are only for notifications.
  public func rooms() async throws -> [RoomSummary] {
    try await database.read { try RoomQueries.summaries($0, all: false) }
  }

  /// A message by its Message-ID, an own one before one of others; nil when it is not in the room.
  public func message(room: String, messageID: String) async throws -> MessageWithDeliveries? {
    try await database.read { db in
      let sql = "SELECT * FROM message WHERE room = ? AND messageID = ? ORDER BY isOutgoing DESC"
      guard let message = try Message.fetchOne(db, sql: sql, arguments: [room, messageID]) else { return nil }
      return try MessageQueries.withDeliveries(db, message)
    }
  }

  /// - Parameter number: its `id`.
  public func message(number: Int64) async throws -> MessageWithDeliveries? {
    try await database.read { db in
      try Message.fetchOne(db, key: number).map { try MessageQueries.withDeliveries(db, $0) }
    }
  }

  /// nil for a room that is not known.
  public func summary(ofRoom address: String) async throws -> RoomSummary? {
    try await database.read { try RoomQueries.summary($0, address) }
  }

  /// The GRUU of the last registration, which is the LIME device id; nil before the first.
  public func deviceID() async throws -> String? { try await database.read { try Setting.gruu.read($0) } }
}
