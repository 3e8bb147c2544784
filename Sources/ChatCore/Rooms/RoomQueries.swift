// RoomQueries.swift: reading and writing rooms, participants and devices inside a database transaction.
import Foundation
import GRDB
import MessageFormats

enum RoomQueries {
  static func summary(_ db: Database, _ address: String) throws -> RoomSummary? {
    guard let room = try Room.find(db, address) else { return nil }
    return try summary(db, room)
  }

  /// As users know it: who asked for a one-to-one room chose its subject, and nobody sees that.
  static func name(_ db: Database, of room: Room) throws -> String {
    guard room.isOneToOne || room.subject.isEmpty else { return room.subject }
    let own = try Setting.gruu.read(db).map(Admissions.user(of:))
    let others = try participants(db, room: room.address).map(\.address).filter { $0 != own }
    return others.isEmpty ? room.subject : others.joined(separator: ", ")
  }

  /// The last used first.
  /// - Parameter all: also those that are only for notifications.
  static func summaries(_ db: Database, all: Bool = true) throws -> [RoomSummary] {
    // Not room by room: there may be a thousand.
    let members = Dictionary(
      grouping: try Participant.fetchReadable(db, sql: "SELECT * FROM participant ORDER BY room, address"), by: \.room)
    let devices = try counts(db, "SELECT room, count(*) FROM device GROUP BY room")
    let unread = try counts(
      db, "SELECT room, count(*) FROM message WHERE NOT isRead AND NOT isOutgoing GROUP BY room")
    let new = try String.fetchSet(db, sql: "SELECT DISTINCT room FROM roomEvent WHERE NOT isRead")
    return try Room.fetchReadable(db, sql: "SELECT * FROM room ORDER BY lastActivity DESC, address").map { room in
      RoomSummary(
        room: room, participants: members[room.address] ?? [], deviceCount: devices[room.address] ?? 0,
        unread: unread[room.address] ?? 0, isNew: new.contains(room.address),
        isForNotifications: try isForNotifications(db, room))
    }.filter { all || !$0.isForNotifications }
  }

  private static func counts(_ db: Database, _ sql: String) throws -> [String: Int] {
    Dictionary(
      try Row.fetchAll(db, sql: sql).compactMap { row in (row.value("room") as String?).map { ($0, row[1] as Int) } }
    ) { first, _ in first }
  }

  private static func summary(_ db: Database, _ room: Room) throws -> RoomSummary {
    func count(_ sql: String) throws -> Int {
      try Int.fetchOne(db.cachedStatement(sql: sql), arguments: [room.address]) ?? 0
    }
    return RoomSummary(
      room: room,
      participants: try participants(db, room: room.address),
      deviceCount: try count("SELECT count(*) FROM device WHERE room = ?"),
      unread: try count("SELECT count(*) FROM message WHERE room = ? AND NOT isRead AND NOT isOutgoing"),
      isNew: try RoomEvent.isUnread(db, room: room.address),
      isForNotifications: try isForNotifications(db, room))
  }

  /// liblinphone names such a room "<sip:bob@sip.example.org>'s IMDNs". It is the one-to-one room of the pair, so the
  /// first text makes it an ordinary one.
  private static func isForNotifications(_ db: Database, _ room: Room) throws -> Bool {
    guard isNamedForNotifications(room) else { return false }
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM message WHERE room = ?)"
    return try Bool.fetchOne(db, sql: sql, arguments: [room.address]) ?? false
  }

  static func isNamedForNotifications(_ room: Room) -> Bool {
    room.isOneToOne && room.subject.hasSuffix("'s IMDNs")
  }

  static func devices(_ db: Database, room: String) throws -> [Device] {
    try Device.fetchAll(
      db.cachedStatement(sql: "SELECT * FROM device WHERE room = ? ORDER BY gruu"), arguments: [room])
  }

  static func participants(_ db: Database, room: String) throws -> [Participant] {
    try Participant.fetchAll(
      db.cachedStatement(sql: "SELECT * FROM participant WHERE room = ? ORDER BY address"), arguments: [room])
  }

  /// The one-to-one room of `own` and `address` with that encryption, if there is one that the factory confirmed and
  /// whose only members they are.
  static func oneToOne(_ db: Database, with address: String, of own: String, encrypted: Bool) throws -> Room? {
    try Room.fetchOne(
      db,
      sql: """
        SELECT room.* FROM room JOIN participant ON participant.room = room.address
        WHERE isOneToOne AND isConfirmed AND isEncrypted = ? AND state <> 'left' AND participant.address = ?
          AND NOT EXISTS (
            SELECT 1 FROM participant other WHERE other.room = room.address AND other.address NOT IN (?, ?))
        ORDER BY lastActivity DESC
        """, arguments: [encrypted, address, address, own])
  }

  /// Rooms we are in and have not written into.
  static func countUnanswered(_ db: Database) throws -> Int {
    try Int.fetchOne(
      db,
      sql: """
        SELECT count(*) FROM room
        WHERE state <> 'left' AND NOT EXISTS (SELECT 1 FROM message WHERE room = room.address AND isOutgoing)
        """) ?? 0
  }

  /// Inserts the room, or brings one that was left back to life, in whichever spelling its address came.
  static func join(
    _ db: Database, uri: SIPURI, subject: String, encrypted: Bool, oneToOne: Bool, now: Date
  ) throws -> Room {
    if var room = try Room.find(db, uri) {
      if !subject.isEmpty { room.subject = subject }
      // A room never turns from encrypted to plain: the focus does not decide that after the fact.
      room.isEncrypted = room.isEncrypted || encrypted
      // A message that came first did not tell; afterwards it is what it was.
      if room.version == 0 { room.isOneToOne = room.isOneToOne || oneToOne }
      if room.state == .left {
        room.state = .joining
        room.version = 0
        room.isConfirmed = false
      }
      try room.update(db)
      return room
    }
    let room = Room(
      address: uri.description, key: uri.conferenceKey, subject: subject, isEncrypted: encrypted, isOneToOne: oneToOne,
      state: .joining, version: 0, createdAt: now, lastActivity: now)
    try room.insert(db)
    return room
  }

  /// Replaces members and devices by those of the conference state and says what changed.
  static func store(_ db: Database, state: ConferenceState, room: inout Room) throws -> [ChatEvent] {
    let address = room.address
    var events: [ChatEvent] = []
    let oldMembers = try participants(db, room: address)
    let oldDevices = try devices(db, room: address)
    let newMembers = state.participants.map {
      Participant(room: address, address: $0.address.description, isAdmin: $0.isAdmin)
    }
    let newDevices = state.participants.flatMap { member in
      let participant = member.address.description
      return member.devices.map { Device(room: address, participant: participant, gruu: $0.description) }
    }
    let membersBefore = Dictionary(oldMembers.map { ($0.address, $0) }) { first, _ in first }
    for member in newMembers where membersBefore[member.address] != member {
      try member.save(db)
      let change: ChatEvent.Change = membersBefore[member.address] == nil ? .added : .changed
      events.append(.participant(room: address, address: member.address, isAdmin: member.isAdmin, change: change))
    }
    let membersNow = Set(newMembers.map(\.address))
    for member in oldMembers where !membersNow.contains(member.address) {
      try member.delete(db)
      events.append(
        .participant(room: address, address: member.address, isAdmin: member.isAdmin, change: .removed))
    }
    let devicesBefore = Set(oldDevices.map(\.gruu))
    for device in newDevices where !devicesBefore.contains(device.gruu) {
      try device.save(db)
      try FormerDevice.forget(db, device)
      events.append(.device(room: address, participant: device.participant, device: device.gruu, change: .added))
    }
    let devicesNow = Set(newDevices.map(\.gruu))
    for device in oldDevices where !devicesNow.contains(device.gruu) {
      try device.delete(db)
      try FormerDevice.record(db, device, at: Date())
      events.append(.device(room: address, participant: device.participant, device: device.gruu, change: .removed))
    }
    if !state.subject.isEmpty { room.subject = state.subject }
    room.version = state.version
    let before = (room.lifetime, room.unreadLifetime)
    room.lifetime = Ephemeral.sensible(state.ephemeralLifetime) ?? 0
    room.unreadLifetime = Ephemeral.sensible(state.ephemeralUnreadLifetime)
    if room.state == .active, before != (room.lifetime, room.unreadLifetime) {
      events.append(.lifetime(room: address, seconds: room.lifetime, unread: room.unreadLifetime))
    }
    if room.state == .joining { room.state = .active }
    try room.update(db)
    return events
  }
}
