// RoomEvent.swift: what happened in a room beside its messages, as its focus told it (RFC 4575), kept like these.
import Foundation
import GRDB
import MessageFormats

/// Who came and went, and what was changed. Only what the focus says makes one: its state of the room, its invitation
/// and the end of its dialog.
public struct RoomEvent: DatedRecord, MutablePersistableRecord, Sendable, Equatable {
  /// What happened.
  public enum Kind: String, Codable, Sendable {
    /// `address` is this account where somebody else made the room and added it.
    case made
    /// A one-to-one room was opened by the other one.
    case opened
    case added
    /// This device came into a room that its account is in.
    case entered
    /// Went by itself.
    case left
    case removed
    /// Is no member any more, and the focus does not say why: Flexisip does not.
    case gone
    case admin
    case unadmin
    /// `text` is the name.
    case renamed
    /// `seconds` and `unread` say when messages delete themselves.
    case ephemeral
    /// The focus ended the room.
    case ended
    /// The focus does not know the room.
    case forgotten
  }

  /// More are not kept of a room; the oldest go.
  static let kept = 500
  /// Longer names are cut.
  static let longestText = 300

  /// Its row in the database, by the order of arrival; nil before it is stored.
  public var id: Int64?
  /// The room's address.
  public var room: String
  /// When it happened, as far as the focus's word on that can be; else when it came.
  public var time: Date
  /// By this device's clock.
  public var receivedAt: Date
  public var kind: Kind
  /// This account's own address, which words call "you".
  public var account: String
  /// Whom it is about: an address of record.
  public var address: String?
  /// Who did it; nil where the focus says nothing that proves it.
  public var by: String?
  /// See `Kind.renamed`.
  public var text: String?
  /// Seconds that messages live after being read; 0 when they stay.
  public var seconds: Int?
  /// Seconds that they live unread.
  public var unread: Int?
  /// Whether the user has seen it. Only that this account was added is news.
  public var isRead: Bool

  init(
    _ kind: Kind, room: String, account: SIPURI, time: Date, receivedAt: Date? = nil, address: String? = nil,
    by: String? = nil,
    text: String? = nil, isRead: Bool = true
  ) {
    (self.kind, self.room, self.time, self.receivedAt) = (kind, room, time, receivedAt ?? time)
    self.account = account.description
    (self.address, self.by, self.text, self.isRead) = (address, by, text, isRead)
  }

  /// For GRDB: the row that the event got.
  public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

extension RoomEvent {
  /// Whether it is of this account that somebody else let into the room.
  public var isInvitation: Bool { isOwn && by != account && [.made, .added, .opened].contains(kind) }

  /// Whether it is about this account.
  public var isOwn: Bool { address == account }

  /// One line for people: `carol made this room and added you, bob`.
  /// - Parameter name: how an address is shown.
  public func words(name: (String) -> String) -> String {
    let own = isOwn
    let who = own ? "you" : address.map(name) ?? "somebody"
    let actor = by.map { $0 == account ? "you" : name($0) }
    switch kind {
    case .made where own && by != account:
      return "\(actor ?? "somebody") made this room and added you, \(name(account))"
    case .made: return "\(actor ?? "somebody") made this room"
    case .opened: return actor.map { "\($0) opened this chat" } ?? "this chat was opened"
    case .added where own: return actor.map { "\($0) added you, \(name(account))" } ?? "you were added to this room"
    case .added: return actor.map { "\($0) added \(who)" } ?? "\(who) joined"
    case .entered: return "this device came into the room"
    case .left: return "\(who) left"
    case .removed where by == account: return "you removed \(who)"
    case .removed: return "\(who) \(own ? "were" : "was") removed" + (actor.map { " by \($0)" } ?? "")
    case .gone: return "\(who) \(own ? "are" : "is") no longer in this room"
    case .admin:
      return actor.map { "\($0) made \(who) an administrator" } ?? "\(who) \(own ? "are" : "is") now an administrator"
    case .unadmin where by == account && !own: return "you took the administrator's rights of \(who) away"
    case .unadmin: return "\(who) \(own ? "are" : "is") no longer an administrator"
    case .renamed: return (actor.map { "\($0) renamed this room: " } ?? "this room is now called ") + (text ?? "")
    case .ephemeral:
      let rule = ChatEvent.lifetimeText(seconds ?? 0, unread: unread) ?? "no longer deleted by themselves"
      return (actor.map { "\($0) changed this room: " } ?? "") + "messages of this room are \(rule)"
    case .ended: return "this room has ended"
    case .forgotten: return "the server does not know this room any more"
    }
  }

  /// The event as an object of JSON. See limeade-rpc(7).
  public var jsonFields: [String: Any] {
    var object: [String: Any] = [
      "event": "roomEvent", "room": room, "kind": kind.rawValue, "time": JSONLine.time(time),
    ]
    object["address"] = address
    object["by"] = by
    object["name"] = text
    object["seconds"] = seconds
    object["unread"] = unread
    return object
  }
}
