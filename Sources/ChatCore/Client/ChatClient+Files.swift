// ChatClient+Files.swift: what a user does with files, and with messages that have some.
import Foundation

extension ChatClient {
  /// Most files in one message.
  public nonisolated static let fileLimit = MessageContent.maximumFiles
  /// `failure` of a message whose uploads the user ended.
  public nonisolated static let cancelled = Uploads.cancelled

  /// Stores the message and copies of the files, encrypted in an encrypted room, and returns; events tell what becomes
  /// of them. The files may change or go after that.
  /// - Parameters:
  ///   - text: goes with the files; may be empty.
  ///   - paths: regular files, one at least.
  /// - Throws: `ChatError`, `FileTransferError`, `CancellationError`. Then nothing is sent.
  public func send(
    _ text: String, files paths: [String], to address: String, _ options: MessageOptions = MessageOptions()
  ) async throws -> Message {
    try await uploads.send(text, files: paths, to: address, options)
  }

  /// Sends the text and the files of a message to another room, with the name of its author.
  /// - Parameter unencrypted: also what was encrypted, into a room that is not.
  public func forward(
    _ messageID: String, from room: String, to target: String, unencrypted: Bool = false
  ) async throws -> Message {
    try await forwarder.forward(messageID, from: room, to: target, unencrypted: unencrypted)
  }

  /// Sends a message that failed once more, as a new one: its text and files, what it answers, how long it lives.
  /// - Throws: `ChatError`, `FileTransferError` when a file is neither where it was nor on the server.
  public func resend(_ message: Message) async throws -> Message { try await forwarder.resend(message) }

  /// Fetches a file of a message in the background; events tell how far it is.
  /// - Parameters:
  ///   - folder: made if absent.
  ///   - unencrypted: also a file without a key in an encrypted room.
  public func save(_ message: Message, _ index: Int, in folder: String, unencrypted: Bool = false) {
    downloads.save(message, index, in: folder, unencrypted: unencrypted)
  }

  /// Ends the message's uploads, so that it is not sent, and its downloads, whose bytes are kept.
  /// - Returns: whether there was something to end.
  @discardableResult
  public func cancelTransfers(of message: Message) async -> Bool {
    guard let row = message.id else { return false }
    let wasDownloading = await downloads.cancel(row)
    return await uploads.cancel(row) || wasDownloading
  }
}
