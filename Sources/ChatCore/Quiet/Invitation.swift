// Invitation.swift: invitations of strangers to rooms, which wait for the user's word.
import Foundation
import GRDB
import MessageFormats

/// What is done with a room that a stranger made.
public enum InvitationPolicy: String, Sendable, CaseIterable {
  /// It opens.
  case accept
  /// It waits for the user.
  case ask
}

/// A room that a stranger wants this account in. Until it is accepted, its conference server hears from this device
/// what it hears from one that is away.
public struct Invitation: DatedRecord, PersistableRecord, Sendable, Equatable {
  /// The room's address.
  public var room: String
  /// The same for all spellings of it.
  var key: String
  /// As its maker named it.
  public var subject: String
  public var isEncrypted: Bool
  public var isOneToOne: Bool
  /// Addresses of record of those who are in it, as the invitation lists them.
  public var people: [String]
  public var time: Date
  /// It stays away until the user accepts it after all.
  public var isDeclined: Bool

  /// More do not wait; later ones are refused as if this device were away.
  static let maximum = 100
  /// People of an invitation that are kept.
  static let maximumPeople = 20
}

extension Invitation {
  static func createTable(_ db: Database) throws {
    try db.create(table: "invitation") { table in
      table.primaryKey("key", .text)
      table.column("room", .text).notNull()
      table.column("subject", .text).notNull()
      table.column("isEncrypted", .boolean).notNull()
      table.column("isOneToOne", .boolean).notNull()
      table.column("people", .text).notNull()
      table.column("time", .datetime).notNull()
      table.column("isDeclined", .boolean).notNull()
    }
  }

  static func find(_ db: Database, _ room: SIPURI) throws -> Invitation? {
    try fetchReadable(
      db, sql: "SELECT * FROM invitation WHERE key = ?", arguments: [room.conferenceKey]
    ).first
  }

  static func all(_ db: Database) throws -> [Invitation] {
    try fetchReadable(db, sql: "SELECT * FROM invitation ORDER BY time, key")
  }

  /// What was declined longest ago gives way to what comes.
  static func makeRoom(_ db: Database, for limit: Int) throws {
    try db.execute(
      sql: """
        DELETE FROM invitation WHERE (SELECT count(*) FROM invitation) >= ?
          AND key = (SELECT key FROM invitation WHERE isDeclined ORDER BY time LIMIT 1)
        """, arguments: [limit])
  }

  /// Whether the user has written in a room with somebody: then a room of theirs opens by itself. Known people besides
  /// do not count, or a stranger need only list one.
  static func isKnown(_ db: Database, _ address: String) throws -> Bool {
    try Bool.fetchOne(
      db,
      sql: """
        SELECT EXISTS (
          SELECT 1 FROM participant WHERE address = ?
            AND EXISTS (SELECT 1 FROM message WHERE room = participant.room AND isOutgoing))
        """, arguments: [address]) ?? false
  }

  /// For people: `Ops, with sip:carol@sip.example.org`.
  /// - Parameter name: how an address is shown.
  public func words(name: (String) -> String) -> String {
    let others = people.isEmpty ? "people who are not named" : NameList.text(people.map(name))
    return isOneToOne ? "a chat with \(others)" : "the room \(subject), with \(others)"
  }

  /// As an object of JSON. See limeade-rpc(7).
  public var jsonFields: [String: Any] {
    [
      "event": "invitation", "room": room, "name": subject, "encrypted": isEncrypted, "oneToOne": isOneToOne,
      "people": people, "time": JSONLine.time(time), "declined": isDeclined,
    ]
  }
}

extension AccountStore {
  /// The oldest first; also those that were declined.
  public func invitations() async throws -> [Invitation] { try await database.read { try Invitation.all($0) } }

  /// The invitation that a text means: the room's address, the beginning of its name, or the address of somebody in a
  /// one-to-one room; nil text the only one that waits.
  /// - Throws: `ChatError.badInput` when it is none or several.
  public func invitation(_ text: String?, for account: AccountConfiguration) async throws -> Invitation {
    let all = try await invitations()
    let found: [Invitation]
    if let text {
      let key = RoomLookup.key(of: text)
      let person = SIPAddress.parse(text, domain: account.address.host)?.addressOfRecord.description
      let exact = all.filter { $0.room == text || ($0.isOneToOne && person.map($0.people.contains) ?? false) }
      found = exact.isEmpty ? all.filter { !$0.isOneToOne && RoomLookup.key(of: $0.subject).hasPrefix(key) } : exact
    } else {
      found = all.filter { !$0.isDeclined }
    }
    guard let one = found.first else {
      throw ChatError.badInput(text.map { "no invitation '\($0)' waits" } ?? "no invitation waits")
    }
    guard found.count == 1 else {
      let choice = found.map { "\($0.isOneToOne ? NameList.text($0.people) : $0.subject) (\($0.room))" }
      throw ChatError.badInput("several invitations fit; name one by its address: \(NameList.text(choice))")
    }
    return one
  }

  /// From here on it does not wait any more.
  public func decline(_ invitation: Invitation) async throws {
    try await database.write { db in
      var declined = invitation
      declined.isDeclined = true
      try declined.save(db)
    }
  }
}
