// ChatClient+Changes.swift: reacting to, editing, retracting and forwarding messages (liblinphone 5.3 to 5.5).
import Foundation
import GRDB
import MessageFormats

/// What a text is beside itself.
public struct MessageOptions: Sendable {
  /// Message-ID of the message in the same room that this one answers.
  public var replyTo: String?
  /// Whom a forwarded text is from.
  public var forwardedFrom: String?
  /// Seconds from being read to being deleted; nil takes the room's, which usually is: never.
  public var lifetime: Int?
  /// Nothing leaves, now or later, while a device that would get it is not trusted.
  public var requireTrust: Bool
  /// Whether the message waits while a device that would get it is held, see `NewDevicePolicy`. Else it is refused.
  public var waits: Bool
  /// The new message's Message-ID, nil for one that is made here. When the room has a message of ours with it already,
  /// that one is meant, and nothing is sent: so a request whose answer was lost can be made again.
  public var messageID: String?

  public init(
    replyTo: String? = nil, forwardedFrom: String? = nil, lifetime: Int? = nil, requireTrust: Bool = false,
    waits: Bool = true, messageID: String? = nil
  ) {
    self.waits = waits
    self.messageID = messageID
    self.replyTo = replyTo
    self.forwardedFrom = forwardedFrom
    self.lifetime = lifetime
    self.requireTrust = requireTrust
  }
}

extension ChatClient {
  /// Reacts to a message with one emoji, in place of an earlier reaction; an empty text takes it back.
  /// - Throws: `ChatError.badInput` when the message is not here or the text is no reaction.
  public func react(_ text: String, to messageID: String, in room: String) async throws -> MessageChange {
    try MessageText.checkName(text)
    let text = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard text.utf8.count <= MessageChange.reactionLimit, !text.contains(where: \.isNewline) else {
      throw ChatError.badInput(
        "a reaction is one emoji or a short word, of at most \(MessageChange.reactionLimit) bytes")
    }
    return try await change(.reaction, of: messageID, in: room, text: text) { message in
      if message.isRetracted { throw ChatError.badInput("the message was retracted: there is nothing to react to") }
    }
  }

  /// Replaces the text of a message of this account for everyone. Members with a Linphone before 5.5 see the new text
  /// as another message.
  public func edit(_ messageID: String, in room: String, to text: String) async throws -> MessageChange {
    try Self.checkSize(text)
    return try await change(.edited, of: messageID, in: room, text: text) { message in
      try Self.checkIsOwn(message, what: "edited")
      if message.isRetracted { throw ChatError.badInput("the message was retracted and cannot be edited") }
    }
  }

  /// Deletes a message of this account for everyone. Members with a Linphone before 5.5 keep it.
  public func retract(_ messageID: String, in room: String) async throws -> MessageChange {
    let change = try await change(.retracted, of: messageID, in: room, text: "") { message in
      try Self.checkIsOwn(message, what: "retracted")
    }
    expiry.forgetOnDisk()
    return change
  }

  /// Sends the text and the files of a message to another room, with the name of its author.
  public func forward(_ messageID: String, from room: String, to target: String) async throws -> Message {
    guard let message = try await store.message(room: room, messageID: messageID)?.message else {
      throw Self.noMessage(messageID)
    }
    guard message.state != .undecryptable, !message.isRetracted, !message.preview.isEmpty else {
      throw ChatError.badInput("the message has nothing to forward")
    }
    guard message.lifetime == nil else {
      throw ChatError.badInput("the message deletes itself after reading: it is not forwarded")
    }
    // Whom a stranger's text is from nobody knows.
    let source = message.isStranger ? Self.unknownAuthor : message.forwardedFrom ?? message.sender
    let options = MessageOptions(forwardedFrom: source, waits: false)
    guard message.files.isEmpty else { return try await forward(message, to: target, options) }
    return try await send(message.text, to: target, options)
  }

  /// As Linphone names one that is not to be known.
  private nonisolated static let unknownAuthor = "Anonymous"

  // MARK: How

  nonisolated static func checkSize(_ text: String) throws {
    let size = text.utf8.count
    guard size <= textLimit else { throw ChatError.messageTooLarge(size, limit: textLimit) }
    try MessageText.check(text)
  }

  private nonisolated static func checkIsOwn(_ message: Message, what: String) throws {
    guard message.isOutgoing else {
      throw ChatError.badInput("only a message of your own can be \(what); this one is from \(message.sender)")
    }
    guard message.state != .failed else { throw ChatError.badInput("the message was not sent: nobody has it") }
  }

  nonisolated static func noMessage(_ messageID: String) -> ChatError {
    .badInput("no message \(messageID) is in this room; 'limeade history ROOM --ids' shows them")
  }

  /// Changes the message here and puts the change into the outbox, behind the message if that still waits.
  private func change(
    _ kind: MessageChange.Kind, of messageID: String, in room: String, text: String,
    check: @escaping @Sendable (Message) throws -> Void
  ) async throws -> MessageChange {
    guard let gruu = ownDevice.gruu else { throw ChatError.notConnected }
    guard let target = SIPURI(room) else { throw ChatError.badInput("'\(room)' is not a room address") }
    try await checkAdmission(in: room)
    let (own, needsTrust) = (account.address.description, account.requiresTrust)
    let now = Date().wholeSeconds
    let change = try await store.database.write { db -> MessageChange in
      guard let stored = try Room.fetchOne(db, key: room) else { throw ChatError.unknownRoom(room, known: []) }
      guard stored.state != .left else { throw ChatError.notInRoom(stored.subject) }
      guard let message = try MessageQueries.find(db, room: room, messageID: messageID, preferring: own) else {
        throw Self.noMessage(messageID)
      }
      try check(message)
      let change = MessageChange(
        kind, room: room, messageID: messageID, sender: own, text: text, time: now, state: .queued)
      _ = try change.apply(db, orInsert: message)
      let id = MessageID.make()
      let cpim = InnerMessage.change(change, id: id, lifetime: message.lifetime, from: gruu, to: target)
      var entry = OutboxEntry(
        room: room, message: nil, content: cpim.serialized, messageID: id, isUrgent: true, mustBePlain: false,
        requiresTrust: needsTrust, attempts: 0, createdAt: now)
      try entry.insertQuickly(db)
      return change
    }
    hub.send(.change(change))
    wakeOutbox()
    return change
  }

  /// Tells what became of a change of ours that was in the outbox. A failed one stays as it is here.
  func finishedChange(_ entry: OutboxEntry, state: Message.State, failure: String?) {
    guard entry.message == nil, entry.isUrgent, let cpim = try? CPIMMessage(parsing: entry.content),
      var change = MessageChange(
        cpim, room: entry.room, sender: account.address.description, now: .distantFuture)
    else { return }
    change.state = state
    change.failure = failure
    hub.send(.change(change))
  }
}
