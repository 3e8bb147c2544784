// MessageWriter.swift: what is written is stored in the outbox, from where it is sent.
import Foundation
import GRDB
import MessageFormats

@ChatActor final class MessageWriter {
  /// Largest text that is sent, in bytes of UTF-8.
  nonisolated static let textLimit = 64 * 1024

  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let recipients: Recipients
  private let outbox: Outbox

  init(_ context: ChatContext, _ ownDevice: OwnDevice, _ recipients: Recipients, _ outbox: Outbox) {
    (self.context, self.ownDevice, self.recipients, self.outbox) = (context, ownDevice, recipients, outbox)
  }

  // MARK: Writing

  /// Stores the text in the outbox and returns at once; events tell what becomes of it.
  /// - Throws: `ChatError.untrusted` when the text requires trust and it is known already that some is missing;
  ///   `ChatError.newDevices` when a device is held and the text is not to wait.
  func send(
    _ text: String, to address: String, _ options: MessageOptions = MessageOptions()
  ) async throws -> Message {
    let messages = try await send([(text, options)], to: address)
    guard let message = messages.first else { throw ChatError.notConnected }
    return message
  }

  /// The same with several texts, in this order: all or none, and with one wait for the disk.
  func send(
    _ texts: [(text: String, options: MessageOptions)], to address: String
  ) async throws -> [Message] {
    for (text, _) in texts { try Self.checkSize(text) }
    guard let gruu = ownDevice.gruu else { throw ChatError.notConnected }
    guard let target = SIPURI(address) else { throw ChatError.badInput("'\(address)' is not a room address") }
    for (_, options) in texts { try await check(options, in: address) }
    let now = Date().wholeSeconds
    let alwaysNeedsTrust = context.account.requiresTrust
    let own = context.account.address.description
    let messages = try await context.store.database.write { db in
      try texts.map { text, options in
        if let known = try Self.written(db, options, in: address) { return known }
        let message = try Self.write(
          db, text, files: [], to: address, options, account: own, device: gruu, time: now)
        try Self.enqueue(
          db, message, from: gruu, to: target, requiresTrust: options.requireTrust || alwaysNeedsTrust,
          waits: options.waits)
        return message
      }
    }
    outbox.wake()
    return messages
  }

  nonisolated static func checkSize(_ text: String) throws {
    let size = text.utf8.count
    guard size <= textLimit else { throw ChatError.messageTooLarge(size, limit: textLimit) }
    try MessageText.check(text)
  }

  func check(_ options: MessageOptions, in room: String) async throws {
    if let lifetime = options.lifetime, Ephemeral.sensible(lifetime) == nil {
      throw ChatError.badInput("a message lives between 1 and \(Ephemeral.longest) seconds after being read")
    }
    if let lifetime = options.unreadLifetime, Ephemeral.sensible(lifetime) == nil {
      throw ChatError.badInput("an unread message lives between 1 and \(Ephemeral.longest) seconds")
    }
    if let id = options.messageID, !MessageID.isUsable(id) {
      throw ChatError.badInput("'\(id)' cannot be a message's id: it takes letters, digits, - and ~")
    }
    if options.requireTrust { return try await recipients.checkTrust(in: room) }
    if !options.waits { try await recipients.checkAdmission(in: room) }
  }

  /// The message that an earlier attempt has written under the id of the options.
  nonisolated static func written(_ db: Database, _ options: MessageOptions, in room: String) throws -> Message? {
    guard let id = options.messageID else { return nil }
    return try Message.fetchOne(
      db.cachedStatement(sql: "SELECT * FROM message WHERE room = ? AND messageID = ? AND isOutgoing"),
      arguments: [room, id])
  }

  /// Stores a new message of ours, which is to be sent.
  nonisolated static func write(
    _ db: Database, _ text: String, files: [MessageFile], to address: String, _ options: MessageOptions,
    account: String, device: SIPURI, time: Date
  ) throws -> Message {
    guard let room = try Room.find(db, address) else { throw ChatError.unknownRoom(address, known: []) }
    guard room.state != .left else { throw ChatError.notInRoom(try RoomQueries.name(db, of: room)) }
    var message = Message(
      room: address, messageID: options.messageID ?? MessageID.make(), sender: account,
      senderDevice: device.description,
      isOutgoing: true,
      text: text, time: time, receivedAt: time, isEncrypted: room.isEncrypted, trust: "unknown", state: .queued,
      isRead: true)
    if !files.isEmpty { message.attachments = files }
    message.forwardedFrom = options.forwardedFrom
    message.isAutomatic = options.isAutomatic
    message.lifetime = options.lifetime ?? (room.lifetime > 0 ? room.lifetime : nil)
    message.unreadLifetime = options.unreadLifetime ?? (options.lifetime == nil ? room.unreadLifetime : nil)
    if let id = options.replyTo {
      guard let answered = try MessageQueries.find(db, room: address, messageID: id) else {
        throw ChatError.noMessage(id)
      }
      (message.replyTo, message.replySender) = (id, answered.sender)
    }
    _ = try MessageQueries.insertOnce(db, &message)
    guard message.id != nil else { throw DatabaseError(message: "the message got no row") }
    try MessageQueries.expectDeliveries(db, of: message)
    return message
  }

  /// Puts a stored message, all of whose files have an address, into the outbox.
  nonisolated static func enqueue(
    _ db: Database, _ message: Message, from device: SIPURI, to room: SIPURI, requiresTrust: Bool, waits: Bool
  ) throws {
    var cpim = InnerMessage.text(message, from: device, to: room)
    if !message.files.isEmpty { MessageContent(text: message.text, files: message.files).write(to: &cpim) }
    var entry = OutboxEntry(
      room: message.room, message: message.id, content: cpim.serialized, messageID: message.messageID, isUrgent: true,
      mustBePlain: false, requiresTrust: requiresTrust, waits: waits, attempts: 0, createdAt: Date())
    try entry.insertQuickly(db)
  }
}
