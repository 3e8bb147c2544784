// ChangeWriter.swift: reacting to, editing and retracting messages (liblinphone 5.3 to 5.5).
import Foundation
import GRDB
import MessageFormats

@ChatActor final class ChangeWriter {
  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let recipients: Recipients
  private let outbox: Outbox
  private let expiry: Expiry

  init(_ context: ChatContext, _ ownDevice: OwnDevice, _ recipients: Recipients, _ outbox: Outbox, _ expiry: Expiry) {
    (self.context, self.ownDevice, self.recipients) = (context, ownDevice, recipients)
    (self.outbox, self.expiry) = (outbox, expiry)
  }

  /// Reacts to a message with one emoji, in place of an earlier reaction; an empty text takes it back.
  /// - Throws: `ChatError.badInput` when the message is not here or the text is no reaction.
  func react(_ text: String, to messageID: String, in room: String) async throws -> MessageChange {
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
  func edit(_ messageID: String, in room: String, to text: String) async throws -> MessageChange {
    try MessageWriter.checkSize(text)
    return try await change(.edited, of: messageID, in: room, text: text) { message in
      try Self.checkIsOwn(message, what: "edited")
      if message.isRetracted { throw ChatError.badInput("the message was retracted and cannot be edited") }
      if message.text == text { throw ChatError.badInput("the message has this text already: nothing was sent") }
    }
  }

  /// Deletes a message of this account for everyone. Members with a Linphone before 5.5 keep it.
  func retract(_ messageID: String, in room: String) async throws -> MessageChange {
    let change = try await change(.retracted, of: messageID, in: room, text: "") { message in
      try Self.checkIsOwn(message, what: "retracted")
    }
    expiry.forgetOnDisk()
    return change
  }

  // MARK: How

  private nonisolated static func checkIsOwn(_ message: Message, what: String) throws {
    guard message.isOutgoing else {
      throw ChatError.badInput("only a message of your own can be \(what); this one is from \(message.sender)")
    }
    guard message.state != .failed else { throw ChatError.badInput("the message was not sent: nobody has it") }
  }

  /// Changes the message here and puts the change into the outbox, behind the message if that still waits.
  private func change(
    _ kind: MessageChange.Kind, of messageID: String, in room: String, text: String,
    check: @escaping @Sendable (Message) throws -> Void
  ) async throws -> MessageChange {
    guard let gruu = ownDevice.gruu else { throw ChatError.notConnected }
    guard let target = SIPURI(room) else { throw ChatError.badInput("'\(room)' is not a room address") }
    try await recipients.checkAdmission(in: room)
    let (own, needsTrust) = (context.account.address.description, context.account.requiresTrust)
    let now = Date().wholeSeconds
    let change = try await context.store.database.write { db -> MessageChange in
      guard let stored = try Room.fetchOne(db, key: room) else { throw ChatError.unknownRoom(room, known: []) }
      guard stored.state != .left else { throw ChatError.notInRoom(try RoomQueries.name(db, of: stored)) }
      guard let message = try MessageQueries.find(db, room: room, messageID: messageID, preferring: own) else {
        throw ChatError.noMessage(messageID)
      }
      try check(message)
      if kind == .retracted {
        for text in [message.text, message.original ?? ""] where !text.isEmpty {
          try InputRecord.forget(db, room: room, line: text)
        }
      }
      let change = MessageChange(
        kind, room: room, messageID: messageID, sender: own, text: text, time: now, state: .queued)
      _ = try change.apply(db, orInsert: message)
      let id = MessageID.make()
      let cpim = InnerMessage.change(change, of: message, id: id, from: gruu, to: target)
      var entry = OutboxEntry(
        room: room, message: nil, content: cpim.serialized, messageID: id, isUrgent: true, mustBePlain: false,
        requiresTrust: needsTrust, attempts: 0, createdAt: now)
      try entry.insertQuickly(db)
      return change
    }
    context.hub.send(.change(change))
    outbox.wake()
    return change
  }
}
