// Receipts.swift: what is told of messages that came and of writing: switched for the account and for each room.
import Foundation
import GRDB
import MessageFormats

/// Which receipts (RFC 5438) leave.
public enum ReceiptPolicy: String, Sendable, Codable, CaseIterable, DatabaseValueConvertible {
  /// That a message was delivered, and that it was displayed.
  case all
  /// Only that it was delivered.
  case delivered
  case none

  /// - Parameter text: also "on" and "off", for all and none.
  public init?(_ text: String) {
    switch text.lowercased() {
    case "on": self = .all
    case "off": self = .none
    default: self.init(rawValue: text.lowercased())
    }
  }

  /// What is no receipt is always told: that a message could not be decrypted asks for a new session.
  func allows(_ kind: IMDNMessage.Kind) -> Bool {
    switch kind {
    case .delivered: self != .none
    case .displayed: self == .all
    default: true
    }
  }
}

/// What a room has of its own; nil is as the account says.
public struct RoomNotices: Sendable, Codable, Equatable {
  /// What the senders of messages are told.
  public var receipts: ReceiptPolicy?
  /// Whether it is told that this account is writing.
  public var typing: Bool?
  /// What of it is announced.
  public var notify: NotifyLevel?
  /// Nothing of it is announced before then.
  public var mutedUntil: Date?

  public init(
    receipts: ReceiptPolicy? = nil, typing: Bool? = nil, notify: NotifyLevel? = nil, mutedUntil: Date? = nil
  ) {
    (self.receipts, self.typing, self.notify, self.mutedUntil) = (receipts, typing, notify, mutedUntil)
  }

  static func addColumns(_ db: Database) throws {
    try db.alter(table: "room") { table in
      table.add(column: "receipts", .text)
      table.add(column: "typing", .boolean)
    }
  }
}

extension Room {
  /// What the room has of its own.
  public var notices: RoomNotices {
    RoomNotices(receipts: receipts, typing: typing, notify: notify, mutedUntil: mutedUntil)
  }

  /// The room's own setting, else the account's.
  public func receipts(in account: AccountConfiguration) -> ReceiptPolicy { receipts ?? account.receipts }
  /// The room's own setting, else the account's.
  public func typing(in account: AccountConfiguration) -> Bool { typing ?? account.typing }
}

extension ChatContext {
  /// Puts a notice into the outbox, unless the user does not want the room to have it. All of them go this way.
  func enqueue(
    _ db: Database, notice: IMDNMessage, room address: String, gruu: SIPURI, time: Date, mustBePlain: Bool = false
  ) throws {
    guard let target = SIPURI(address), let room = try Room.find(db, address), room.state != .left,
      room.receipts(in: try account.settled(db)).allows(notice.kind)
    else { return }
    let cpim = InnerMessage.imdn(notice, from: gruu, to: target, time: time)
    var entry = OutboxEntry(
      room: address, message: nil, content: cpim.serialized, messageID: nil, isUrgent: false, mustBePlain: mustBePlain,
      attempts: 0, createdAt: time)
    try entry.insertQuickly(db)
  }
}

extension AccountStore {
  /// - Parameters:
  ///   - room: its address.
  ///   - change: gets what the room has now.
  public func setNotices(
    of room: String, _ change: @escaping @Sendable (inout RoomNotices) -> Void
  ) async throws -> RoomNotices {
    try await database.write { db in
      guard var stored = try Room.find(db, room) else { throw ChatError.unknownRoom(room, known: []) }
      var notices = stored.notices
      change(&notices)
      (stored.receipts, stored.typing) = (notices.receipts, notices.typing)
      (stored.notify, stored.mutedUntil) = (notices.notify, notices.mutedUntil)
      try stored.update(db)
      return notices
    }
  }
}
