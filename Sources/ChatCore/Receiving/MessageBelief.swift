// MessageBelief.swift: what proves whose a message is: LIME says which device wrote it, the room's state whose that is.
import Foundation
import GRDB
import Lime
import MessageFormats

/// Who wrote something that came, and how far that is proved.
struct Author: Sendable {
  /// GRUU; in plain rooms, where nothing proves it, perhaps without device.
  var device: SIPURI
  /// Address of record.
  var address: String
  /// Whether LIME authenticated the device.
  var isEncrypted: Bool
  /// What was known of the device before: see `Message.trust`.
  var trust: String
  /// The identity key that authenticated it.
  var identity: Data?
  /// Whether the device, or without encryption the address, is a member's by the room's state.
  var isMember: Bool

  /// A device that a message was exchanged with before, and that nobody flagged.
  var isKnown: Bool { [PeerStatus.untrusted.rawValue, PeerStatus.trusted.rawValue].contains(trust) }
}

/// What the room's state says of the author of something.
enum Standing: Sendable, Equatable {
  case member
  /// It is not in the state any longer, since then as far as we know.
  case former(until: Date)
  case unknown
}

/// The circumstances in which something arrives.
struct Arrival: Sendable {
  var now: Date
  /// Whether what waited at the server while we were away may still come.
  var isCatchingUp: Bool
  /// Older times of writing are not believed.
  var earliest: Date
  /// Whether the room's state may still tell of the author.
  var mayWait: Bool

  /// How long after learning that a device left its earlier messages are taken for a member's: those that waited at the
  /// server come within minutes, others within a moment.
  private var grace: TimeInterval { isCatchingUp ? 300 : 10 }

  /// Whether the author is a member, or may have been one when it wrote.
  func mayBeMember(_ standing: Standing) -> Bool {
    switch standing {
    case .member: true
    case .former(let end): now.timeIntervalSince(end) < grace
    case .unknown: false
    }
  }

  /// Whether the author is a member, or was one when it wrote, by the time that it claims.
  func isMember(_ standing: Standing, writing time: Date?) -> Bool {
    guard case .former(let end) = standing else { return standing == .member }
    return mayBeMember(standing) && time.map { $0 < end } ?? false
  }
}

/// A device that was in a room's state, for as long as what it sent may be under way.
struct FormerDevice: DatedRecord, PersistableRecord {
  var room: String
  var gruu: String
  var participant: String
  /// When we learned that it is gone.
  var leftAt: Date

  /// Seconds; nothing asks for older ones.
  private static let kept: TimeInterval = 900

  static func record(_ db: Database, _ device: Device, at time: Date) throws {
    try FormerDevice(room: device.room, gruu: device.gruu, participant: device.participant, leftAt: time).save(db)
    try db.execute(
      sql: "DELETE FROM formerDevice WHERE leftAt < ?", arguments: [StoredDate(time.addingTimeInterval(-kept))])
  }

  static func forget(_ db: Database, _ device: Device) throws {
    try db.execute(
      sql: "DELETE FROM formerDevice WHERE room = ? AND gruu = ?", arguments: [device.room, device.gruu])
  }

  static func createTable(_ db: Database) throws {
    try db.create(table: "formerDevice") { table in
      table.column("room", .text).notNull().references("room", onDelete: .cascade)
      table.column("gruu", .text).notNull()
      table.column("participant", .text).notNull()
      table.column("leftAt", .datetime).notNull()
      table.primaryKey(["room", "gruu"])
    }
  }
}

extension RoomQueries {
  /// What the state of a room says of a device that LIME authenticated: it must be there as its own user's.
  static func standing(_ db: Database, ofDevice device: SIPURI, in room: String) throws -> Standing {
    if try isDevice(db, device, in: room) { return .member }
    let former = try FormerDevice.fetchAll(db, sql: "SELECT * FROM formerDevice WHERE room = ?", arguments: [room])
    let last = former.filter { isSame($0.gruu, device) && isSame($0.participant, device.addressOfRecord) }
    return last.map(\.leftAt).max().map(Standing.former) ?? .unknown
  }

  /// The same of a user, where nothing proves the device.
  static func standing(_ db: Database, ofUser address: SIPURI, in room: String) throws -> Standing {
    let address = address.addressOfRecord
    if try participants(db, room: room).contains(where: { isSame($0.address, address) }) { return .member }
    let former = try FormerDevice.fetchAll(db, sql: "SELECT * FROM formerDevice WHERE room = ?", arguments: [room])
    return former.filter { isSame($0.participant, address) }.map(\.leftAt).max().map(Standing.former) ?? .unknown
  }

  /// Whether a device is in the state of a room, as one of the user whose address of record it has.
  static func isDevice(_ db: Database, _ device: SIPURI, in room: String) throws -> Bool {
    let address = device.addressOfRecord
    // The usual spelling first: a room may have thousands of devices.
    let exact = try String.fetchOne(
      db.cachedStatement(sql: "SELECT participant FROM device WHERE room = ? AND gruu = ?"),
      arguments: [room, device.description])
    if let exact { return isSame(exact, address) }
    return try devices(db, room: room).contains { isSame($0.gruu, device) && isSame($0.participant, address) }
  }

  private static func isSame(_ stored: String, _ uri: SIPURI) -> Bool {
    stored == uri.description || SIPURI(stored)?.deviceKey == uri.deviceKey
  }
}

extension Message {
  /// Of two messages under one id and sender the better proved one stays.
  var proof: Int {
    if state == .undecryptable { return 3 }
    return isEncrypted ? (isStranger ? 2 : 4) : (isStranger ? 0 : 1)
  }

  var isChanged: Bool { editedAt != nil || isRetracted }

  /// Whether an edit or retraction by this author counts.
  ///
  /// The same identity key, or another device of the same user that our user trusts. Where neither is encrypted, there
  /// is nothing to tell devices by.
  func mayBeChanged(by author: Author) -> Bool {
    guard author.isMember, !isStranger, sender == author.address else { return false }
    if author.isEncrypted, author.trust == PeerStatus.trusted.rawValue { return true }
    if !isEncrypted, !author.isEncrypted { return true }
    guard author.isEncrypted, let identity = author.identity else { return false }
    if let own = self.identity { return own == identity }
    return senderDevice.flatMap { SIPURI($0)?.deviceKey } == author.device.deviceKey
  }

  /// Takes over the lower of two marks.
  mutating func lower(to author: Author) { lower(to: author.trust, isEncrypted: author.isEncrypted) }

  private mutating func lower(to mark: String, isEncrypted: Bool) {
    self.isEncrypted = self.isEncrypted && isEncrypted
    guard !isOutgoing else { return }
    let order = [PeerStatus.unsafe, .unknown, .untrusted, .trusted].map(\.rawValue)
    func rank(_ trust: String) -> Int { order.firstIndex(of: trust) ?? 0 }
    if rank(mark) < rank(trust) { trust = mark }
  }

  /// The author of a change is all that is known of who wrote the message.
  mutating func take(from author: Author) {
    (senderDevice, identity) = (author.device.description, author.identity)
    if !isOutgoing { trust = author.trust }
  }

  /// The original of a message of which only a change was here: it is from who wrote that, and the mark is the lower.
  mutating func takeAuthor(of original: Message) {
    (senderDevice, identity) = (original.senderDevice, original.identity)
    lower(to: original.trust, isEncrypted: original.isEncrypted)
  }
}
