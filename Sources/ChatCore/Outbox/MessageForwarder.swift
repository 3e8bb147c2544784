// MessageForwarder.swift: sending what is here already once more: to another room, or because it failed.
import FileTransfer
import Foundation
import GRDB
import MessageFormats

@ChatActor final class MessageForwarder {
  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let recipients: Recipients
  private let writer: MessageWriter
  private let uploads: Uploads
  private let outbox: Outbox

  init(
    _ context: ChatContext, _ ownDevice: OwnDevice, _ recipients: Recipients, _ writer: MessageWriter,
    _ uploads: Uploads, _ outbox: Outbox
  ) {
    (self.context, self.ownDevice, self.recipients) = (context, ownDevice, recipients)
    (self.writer, self.uploads, self.outbox) = (writer, uploads, outbox)
  }

  /// Sends the text and the files of a message to another room, with the name of its author.
  /// - Parameter unencrypted: also what was encrypted, into a room that is not.
  func forward(
    _ messageID: String, from room: String, to target: String, unencrypted: Bool
  ) async throws -> Message {
    guard let message = try await context.store.message(room: room, messageID: messageID)?.message else {
      throw ChatError.noMessage(messageID)
    }
    guard message.state != .undecryptable, !message.isRetracted, !message.preview.isEmpty else {
      throw ChatError.badInput("the message has nothing to forward")
    }
    guard message.lifetimeOnceRead == nil else {
      throw ChatError.badInput("the message deletes itself after reading: it is not forwarded")
    }
    if !unencrypted { try await checkSecrecy(of: message, in: target) }
    // Whom a stranger's text is from nobody knows.
    let source = message.isStranger ? Self.unknownAuthor : message.forwardedFrom ?? message.sender
    let options = MessageOptions(forwardedFrom: source, waits: false)
    guard message.files.isEmpty else { return try await forward(message, to: target, options) }
    return try await writer.send(message.text, to: target, options)
  }

  /// What was written where the server cannot read it does not go where it can, and neither do the keys of its files.
  private func checkSecrecy(of message: Message, in target: String) async throws {
    try await context.store.database.read { db in
      let source = try Room.find(db, message.room)
      guard message.isEncrypted || source?.isEncrypted == true, let room = try Room.find(db, target), !room.isEncrypted
      else { return }
      throw ChatError.badInput(
        "\(try RoomQueries.name(db, of: room)) is not encrypted, and the message is: its server could read it; "
          + "--unencrypted forwards it all the same")
    }
  }

  /// As Linphone names one that is not to be known.
  private static let unknownAuthor = "Anonymous"

  /// The files of a message, which are on a server already, once more in another room.
  private func forward(_ message: Message, to address: String, _ options: MessageOptions) async throws -> Message {
    guard let gruu = ownDevice.gruu, let target = SIPURI(address) else { throw ChatError.notConnected }
    if !options.waits { try await recipients.checkAdmission(in: address) }
    guard message.files.allSatisfy(\.isOffered) else {
      throw ChatError.badInput("the message's files are not on the file server yet")
    }
    let isEncrypted = try await context.store.database.read { try Room.find($0, address)?.isEncrypted ?? false }
    if isEncrypted, let file = message.files.first(where: { !$0.isEncrypted }) {
      throw ChatError.badInput(
        "\(file.name) is not encrypted on the file server, and the room is: save it, and send it as a new file")
    }
    let files = message.files.map { file in
      var file = file
      (file.state, file.path, file.copy, file.failure) = (.uploaded, nil, nil, nil)
      return file
    }
    let (own, now) = (context.account.address.description, Date().wholeSeconds)
    let needsTrust = options.requireTrust || context.account.requiresTrust
    let sent = try await context.store.database.write { db -> Message in
      let sent = try MessageWriter.write(
        db, message.text, files: files, to: address, options, account: own, device: gruu, time: now)
      try MessageWriter.enqueue(db, sent, from: gruu, to: target, requiresTrust: needsTrust, waits: options.waits)
      return sent
    }
    outbox.wake()
    return sent
  }

  /// Sends a message that failed once more, as a new one: its text and files, what it answers, how long it lives.
  /// - Throws: `ChatError`, `FileTransferError` when a file is neither where it was nor on the server.
  func resend(_ message: Message) async throws -> Message {
    guard message.isOutgoing, message.state == .failed else {
      throw ChatError.badInput("only a message of your own that failed is sent once more")
    }
    let options = MessageOptions(
      replyTo: message.replyTo, forwardedFrom: message.forwardedFrom, lifetime: message.lifetime,
      unreadLifetime: message.unreadLifetime, isAutomatic: message.isAutomatic)
    if message.files.isEmpty { return try await writer.send(message.text, to: message.room, options) }
    if message.files.allSatisfy({ $0.isOffered && !$0.isExpired }) {
      return try await forward(message, to: message.room, options)
    }
    let paths = message.files.compactMap(\.path)
    guard paths.count == message.files.count else {
      throw ChatError.badInput("not all files of the message are on this machine: send them anew")
    }
    return try await uploads.send(message.text, files: paths, to: message.room, options)
  }
}
