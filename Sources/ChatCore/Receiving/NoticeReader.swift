// NoticeReader.swift: what members say of our messages, and our other devices of theirs (RFC 5438)
import Foundation
import GRDB
import Lime
import MessageFormats

struct NoticeReader: Sendable {
  /// A device's failed-decryption notices lead to a new session at most this often; they are unauthenticated.
  private static let rekeyInterval: TimeInterval = 60

  private let context: ChatContext
  private let rekeyLimiter = RateLimiter()

  init(_ context: ChatContext) { self.context = context }

  func apply(
    _ db: Database, _ notices: [IMDNMessage], room: Room, author: Author, gruu: SIPURI
  ) throws -> Received {
    var received = Received()
    for notice in notices {
      guard author.isEncrypted || !room.isEncrypted else {
        // Anyone on the way can write that. A device that cannot decrypt has no other way to say so: it is kept, and
        // is nothing that became of a message.
        if notice.reasonCode == IMDNMessage.Reason.notAcceptable.code {
          try keep(db, notice, in: room, by: author)
          if let event = try repairSession(db, with: author.device, room: room) { received.events.append(event) }
        }
        continue
      }
      guard author.isMember else {
        context.logger.notice("a notice of \(author.device), who is no member, in \(room.address)")
        continue
      }
      if author.address == context.account.address.description {
        if case .displayed = notice.kind, author.device != gruu {
          received.roomsRead.formUnion(try readElsewhere(db, notice.messageID, room: room, author: author))
        }
      } else {
        received.events += try apply(db, notice, room: room, author: author)
      }
    }
    return received
  }

  /// What is said without proof, for the history.
  private func keep(_ db: Database, _ notice: IMDNMessage, in room: Room, by author: Author) throws {
    guard try RoomQueries.isDevice(db, author.device, in: room.address),
      let target = try MessageQueries.sent(db, messageID: notice.messageID), target.room == room.address
    else { return }
    let reason = "\(author.device) says, without proof, that it could not decrypt it"
    try MessageQueries.keep(db, reason, of: target.row, by: author.address)
  }

  /// What another member says of a message of ours.
  private func apply(
    _ db: Database, _ notice: IMDNMessage, room: Room, author: Author
  ) throws -> [ChatEvent] {
    let (state, reason): (Delivery.State, String?)
    var events: [ChatEvent] = []
    switch notice.kind {
    case .delivered: (state, reason) = (.delivered, nil)
    case .displayed: (state, reason) = (.displayed, nil)
    case .failed, .error:
      // Who does not say whether a message was read has it all the same.
      guard notice.notification != .display else { return [] }
      let isUndecryptable = notice.reasonCode == IMDNMessage.Reason.notAcceptable.code
      let cause = notice.reasonCode.map { "reason \($0)" } ?? "no reason given"
      (state, reason) = (
        .failed, isUndecryptable ? "\(author.device) could not decrypt it" : "not delivered (\(cause))"
      )
      if isUndecryptable, let event = try repairSession(db, with: author.device, room: room) { events.append(event) }
    // The first two come before what counts, the last says that nothing will come.
    case .processed, .stored, .forbidden: return []
    }
    guard let target = try MessageQueries.sent(db, messageID: notice.messageID),
      try speaks(db, author, in: room, of: target.room)
    else { return events }
    if let message = try MessageQueries.confirmSent(db, row: target.row) { events.append(.messageState(message)) }
    if let event = try MessageQueries.applyDelivery(
      db, row: target.row, by: author.address, state: state, reason: reason, time: context.clock.now())
    {
      events.append(event)
    }
    return events
  }

  /// Whether a notice that came through `room` can be about a message of room `other`.
  ///
  /// From liblinphone 5.4 on those about messages of large rooms come through the one-to-one room with the author, who
  /// must be a member of the message's room too, and say it no less safely.
  private func speaks(_ db: Database, _ author: Author, in room: Room, of other: String) throws -> Bool {
    if other == room.address { return true }
    guard room.isOneToOne, let target = try Room.find(db, other) else { return false }
    if author.isEncrypted { return try RoomQueries.isDevice(db, author.device, in: other) }
    return try !target.isEncrypted && RoomQueries.standing(db, ofUser: author.device, in: other) == .member
  }

  /// Another device of ours displayed messages: they are read here too.
  /// - Returns: the rooms where there were any.
  private func readElsewhere(
    _ db: Database, _ messageID: String, room: Room, author: Author
  ) throws -> Set<String> {
    let unread = try MessageQueries.unread(db, messageID: messageID)
    var rooms: Set<String> = []
    for message in unread where try speaks(db, author, in: room, of: message.room) {
      // The device must be ours by the state, in plain rooms too.
      guard try author.isEncrypted ? isOurs(db, author) : RoomQueries.isDevice(db, author.device, in: message.room)
      else { continue }
      try MessageQueries.markRead(db, message, now: context.clock.now())
      rooms.insert(message.room)
    }
    return rooms
  }

  /// Whether a device of our address, that the state shows, is one of those that were here before: the focus can add
  /// one.
  private func isOurs(_ db: Database, _ author: Author) throws -> Bool {
    if author.trust == PeerStatus.trusted.rawValue { return true }
    let admission = try Admissions(db).admission(of: author.device.description, participant: author.address)
    return author.isKnown && admission != .excluded && !admission.isHeld(by: context.account.newDevices)
  }

  /// A member could not decrypt us: the next message to that device starts a new session. Such notices are not
  /// authenticated, so only members' devices count, and only once a minute.
  private func repairSession(_ db: Database, with device: SIPURI, room: Room) throws -> ChatEvent? {
    guard room.isEncrypted, let own = try Setting.gruu.read(db) else { return nil }
    guard try RoomQueries.isDevice(db, device, in: room.address),
      rekeyLimiter.allows(device.description, every: Self.rekeyInterval)
    else { return nil }
    let lime = LimeAccount(device: DeviceID(own), curve: context.account.curve, now: context.clock.now)
    try lime.markSessionsStale(db, with: DeviceID(device.description))
    if let names = try DeviceAlgorithms.recent(db, of: device.description), !names.isEmpty {
      let reason = DeviceAlgorithms.reason(names, own: context.account.curve)
      return .security(
        room: room.address, device: device.description, text: "\(device) could not decrypt a message: \(reason)")
    }
    return .security(
      room: room.address, device: device.description,
      text: "\(device) could not decrypt a message; a new session starts with the next one")
  }
}
