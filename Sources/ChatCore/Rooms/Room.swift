// Room.swift: a chat room, its participants and their devices, as kept in the account's database.
import Foundation
import GRDB
import MessageFormats

/// A room's address: opaque, compared with all its URI parameters.
public struct RoomAddress: Hashable, Sendable, Codable, CustomStringConvertible {
  /// As the focus writes it.
  public let uri: SIPURI

  public init(_ uri: SIPURI) { self.uri = uri }
  /// nil when it is no SIP URI.
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
  /// Whether this account is in the room.
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
  /// As the focus has it; empty in one-to-one rooms.
  public var subject: String
  /// Whether messages go through LIME; fixed when the room is made.
  public var isEncrypted: Bool
  /// Whether it is the room with one person, which takes no further members.
  public var isOneToOne: Bool
  /// Of a one-to-one room: our factory named it as the one of its two members.
  public internal(set) var isConfirmed = false
  /// Followed from the focus's notifications.
  public var state: State
  /// Version of the last conference-info applied; 0 before the first.
  public var version: Int
  /// When this device first knew of the room.
  public var createdAt: Date
  /// Of the last message or change; orders the list.
  public var lastActivity: Date
  /// Seconds that the administrators let messages live after being read; 0 when they stay.
  public var lifetime = 0
  /// Seconds after which they let messages go unread; nil when those wait for their reader.
  public var unreadLifetime: Int?
  /// Receipts that leave; nil as the account says.
  public var receipts: ReceiptPolicy?
  /// Whether it is told that this account is writing; nil as the account says.
  public var typing: Bool?
  /// What of it is announced; nil as is configured for all rooms.
  public var notify: NotifyLevel?
  /// Nothing of it is announced before then.
  public var mutedUntil: Date?

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
    unreadLifetime = row.value("unreadLifetime")
    // What cannot be read is as the account says.
    receipts = row.value("receipts")
    typing = row.value("typing")
    notify = row.value("notify")
    mutedUntil = (row.value("mutedUntil") as StoredDate?)?.date
  }
}

extension Room {
  /// When its messages delete themselves, in words; nil when they stay.
  public var lifetimeText: String? {
    Ephemeral.text(lifetime > 0 ? lifetime : nil, unread: unreadLifetime)
  }
}

/// A member of a room.
public struct Participant: Codable, FetchableRecord, PersistableRecord, Sendable, Equatable {
  /// The room's address.
  public var room: String
  /// Address of record.
  public var address: String
  /// Whether the member may change the room.
  public var isAdmin: Bool
}

/// A member's device: the GRUU is also its LIME device id.
public struct Device: Codable, FetchableRecord, PersistableRecord, Sendable, Equatable {
  /// The room's address.
  public var room: String
  /// Address of record of the member.
  public var participant: String
  /// Public GRUU (RFC 5627).
  public var gruu: String
}

/// What a room list shows of a room.
public struct RoomSummary: Sendable, Equatable, Codable {
  /// As it is stored.
  public var room: Room
  /// All members, this account among them while it is in the room.
  public var participants: [Participant]
  /// Devices of all members.
  public var deviceCount: Int
  /// Messages of others that were not read.
  public var unread: Int
  /// Somebody added this account to it, and the user has not seen that.
  public var isNew = false
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
