// Room.swift: a chat room, its participants and their devices, as kept in the account's database.
import Foundation
import GRDB
import MessageFormats

/// A room's address: opaque, compared with all its URI parameters.
public struct RoomAddress: Hashable, Sendable, Codable, CustomStringConvertible {
  public let uri: SIPURI

  public init(_ uri: SIPURI) { self.uri = uri }
  public init?(_ string: String) {
    guard let uri = SIPURI(string) else { return nil }
    self.uri = uri
  }

  public var description: String { uri.description }
  /// The "recipient user id" of LIME's associated data: the address without its `gr` parameter.
  public var limeUser: String { uri.without(parameter: "gr").description }
}

/// A room as stored.
public struct Room: DatedRecord, PersistableRecord, Sendable, Equatable {
  public enum State: String, Codable, Sendable {
    /// Known, but the focus has not yet sent its state.
    case joining
    case active
    /// We left, were removed, or the focus ended the room.
    case left
  }

  /// As it was first written, which is how the focus is addressed.
  public var address: String
  /// The same for all spellings of the address: ``SIPURI/conferenceKey``.
  var key: String
  public var subject: String
  public var isEncrypted: Bool
  public var isOneToOne: Bool
  /// Of a one-to-one room: our factory named it as the one of its two members.
  public internal(set) var isConfirmed = false
  public var state: State
  /// Version of the last conference-info applied; 0 before the first.
  public var version: Int
  public var createdAt: Date
  public var lastActivity: Date
  /// Seconds that the administrators let messages live after being read; 0 when they stay.
  public var lifetime = 0
  /// Receipts that leave; nil as the account says.
  public var receipts: ReceiptPolicy?
  /// Whether it is told that this account is writing; nil as the account says.
  public var typing: Bool?

  /// By a statement that is prepared once: it is read for each message.
  static func find(_ db: Database, _ address: String) throws -> Room? {
    if let room = try fetchOne(db.cachedStatement(sql: "SELECT * FROM room WHERE address = ?"), arguments: [address]) {
      return room
    }
    return try SIPURI(address).flatMap { try find(db, $0) }
  }

  /// In whichever spelling.
  static func find(_ db: Database, _ uri: SIPURI) throws -> Room? {
    try fetchOne(db.cachedStatement(sql: "SELECT * FROM room WHERE key = ?"), arguments: [uri.conferenceKey])
  }
}

extension Room {
  /// By hand: it is read for each message.
  public init(row: Row) throws {
    address = try row.checked("address")
    key = try row.checked("key")
    isConfirmed = try row.checked("isConfirmed")
    subject = try row.checked("subject")
    isEncrypted = try row.checked("isEncrypted")
    isOneToOne = try row.checked("isOneToOne")
    let text: String = try row.checked("state")
    guard let state = State(rawValue: text) else { throw DatabaseError(message: "a room's state is '\(text)'") }
    self.state = state
    version = try row.checked("version")
    createdAt = (try row.checked("createdAt") as StoredDate).date
    lastActivity = (try row.checked("lastActivity") as StoredDate).date
    lifetime = try row.checked("lifetime")
    // What cannot be read is as the account says.
    receipts = row.value("receipts")
    typing = row.value("typing")
  }
}

/// A member of a room.
public struct Participant: Codable, FetchableRecord, PersistableRecord, Sendable, Equatable {
  public var room: String
  public var address: String
  public var isAdmin: Bool
}

/// A member's device: the GRUU is also its LIME device id.
public struct Device: Codable, FetchableRecord, PersistableRecord, Sendable, Equatable {
  public var room: String
  public var participant: String
  public var gruu: String
}

/// What a room list shows of a room.
public struct RoomSummary: Sendable, Equatable, Codable {
  public var room: Room
  public var participants: [Participant]
  public var deviceCount: Int
  public var unread: Int
  /// Made by liblinphone from 5.4 on for nothing but its delivery notifications of large rooms, and no text in it yet:
  /// not worth showing.
  public var isForNotifications = false

  /// The subject, or for a one-to-one room the other's address. A subject that looks like an address stands in quotes:
  /// whoever made the room chose it.
  public func displayName(for account: SIPURI) -> String {
    guard room.isOneToOne || room.subject.isEmpty else {
      // Most names have no character of an address, and there may be a thousand.
      guard room.subject.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "@") }) else {
        return room.subject
      }
      if let wish = try? RoomLookup.wish(room.subject), case .name = wish { return room.subject }
      return "\"\(room.subject)\""
    }
    let others = participants.map(\.address).filter { $0 != account.description }
    return others.isEmpty ? room.subject : others.joined(separator: ", ")
  }
}
