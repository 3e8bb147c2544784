// ChatClient+Messages.swift: what a user does with messages.
import Foundation
import MessageFormats

extension ChatClient {
  /// Largest text that is sent, in bytes of UTF-8.
  public nonisolated static let textLimit = MessageWriter.textLimit

  // MARK: Writing

  /// Stores the text in the outbox and returns at once; events tell what becomes of it.
  /// - Throws: `ChatError.untrusted` when the text requires trust and it is known already that some is missing;
  ///   `ChatError.newDevices` when a device is held and the text is not to wait.
  public func send(
    _ text: String, to address: String, _ options: MessageOptions = MessageOptions()
  ) async throws -> Message {
    try await writer.send(text, to: address, options)
  }

  /// The same with several texts, in this order: all or none, and with one wait for the disk.
  public func send(_ texts: [(text: String, options: MessageOptions)], to address: String) async throws -> [Message] {
    try await writer.send(texts, to: address)
  }

  /// Waits until nothing is left that can be sent now, but no longer than `limit`.
  public func flushOutbox(within limit: Duration = .seconds(5)) async { await outbox.flush(within: limit) }

  // MARK: Changing

  /// Reacts to a message with one emoji, in place of an earlier reaction; an empty text takes it back.
  /// - Throws: `ChatError.badInput` when the message is not here or the text is no reaction.
  public func react(_ text: String, to messageID: String, in room: String) async throws -> MessageChange {
    try await changes.react(text, to: messageID, in: room)
  }

  /// Replaces the text of a message of this account for everyone. Members with a Linphone before 5.5 see the new text
  /// as another message.
  public func edit(_ messageID: String, in room: String, to text: String) async throws -> MessageChange {
    try await changes.edit(messageID, in: room, to: text)
  }

  /// Deletes a message of this account for everyone. Members with a Linphone before 5.5 keep it.
  public func retract(_ messageID: String, in room: String) async throws -> MessageChange {
    try await changes.retract(messageID, in: room)
  }

  // MARK: Telling

  /// Marks messages of the room as read and tells the senders (display notifications), if they are to know.
  /// - Parameter rows: which, by their `id`; nil for all.
  public func markRead(_ address: String, rows: [Int64]? = nil) async throws {
    try await notices.markRead(address, rows: rows)
  }

  /// The same with a message that was answered, and those before it.
  public func markRead(_ address: String, upTo messageID: String) async throws {
    try await notices.markRead(address, rows: try await store.unread(upTo: messageID, in: address))
  }

  /// Tells the room that we are writing, or stopped (RFC 3994), if it is to know. Not stored: only worth something now.
  public func sendComposing(_ isActive: Bool, to address: String) async {
    await notices.sendComposing(isActive, to: address)
  }
}
