// AccountOperations+Changes.swift: message.react, edit, retract and forward: what is done with a message that is there.
import ChatCore
import Foundation

/// `id` of all of these: a Message-ID, or "last". Events tell when the change has left.
public struct ReactToMessage: ClientOperation {
  public static let method = "message.react"
  public static let isQueued = true
  /// As `ShowRoom.room`.
  public var room: String
  /// Of the message that is reacted to.
  public var id: String
  /// One emoji; empty takes the reaction back.
  public var emoji: String
  /// As `ClientOperation.queue`.
  public var queue: Bool?
  /// - Parameter queue: false keeps nothing for a server that is away.
  public init(room: String, id: String, emoji: String, queue: Bool? = nil) {
    (self.room, self.id, self.emoji) = (room, id, emoji)
    self.queue = queue
  }
  public func perform(on client: ChatClient) async throws -> MessageChange {
    let room = try await known(room, client).room.address
    let id = try await client.store.messageID(id, in: room, .others)
    try await client.markRead(room, upTo: id)
    return try await client.react(emoji, to: id, in: room)
  }
}

/// Gives an own message another text, for all members who take such changes.
public struct EditMessage: ClientOperation {
  public static let method = "message.edit"
  public static let isQueued = true
  /// As `ShowRoom.room`.
  public var room: String
  /// Of an own message.
  public var id: String
  /// What stands in place of the old text.
  public var text: String
  /// As `ClientOperation.queue`.
  public var queue: Bool?
  /// - Parameter queue: false keeps nothing for a server that is away.
  public init(room: String, id: String, text: String, queue: Bool? = nil) {
    (self.room, self.id, self.text) = (room, id, text)
    self.queue = queue
  }
  public func perform(on client: ChatClient) async throws -> MessageChange {
    let room = try await known(room, client).room.address
    return try await client.edit(try await client.store.messageID(id, in: room, .own), in: room, to: text)
  }
}

/// Deletes an own message for all members who take such changes.
public struct RetractMessage: ClientOperation {
  public static let method = "message.retract"
  public static let isQueued = true
  /// As `ShowRoom.room`.
  public var room: String
  /// Of an own message.
  public var id: String
  /// As `ClientOperation.queue`.
  public var queue: Bool?
  /// - Parameter queue: false keeps nothing for a server that is away.
  public init(room: String, id: String, queue: Bool? = nil) {
    (self.room, self.id) = (room, id)
    self.queue = queue
  }
  public func perform(on client: ChatClient) async throws -> MessageChange {
    let room = try await known(room, client).room.address
    return try await client.retract(try await client.store.messageID(id, in: room, .own), in: room)
  }
}

/// - Returns: the new message, in the other room.
public struct ForwardMessage: ClientOperation {
  public static let method = "message.forward"
  public static let isQueued = true
  /// As `ShowRoom.room`: where the message is.
  public var room: String
  /// Of the message whose text and files are sent on.
  public var id: String
  /// As the TO of `limeade send`.
  public var to: String
  /// Also what was encrypted, into a room that is not. Default: no.
  public var unencrypted: Bool?
  /// As `ClientOperation.queue`.
  public var queue: Bool?
  /// - Parameters:
  ///   - unencrypted: also what was encrypted, into a room that is not.
  ///   - queue: false keeps nothing for a server that is away.
  public init(room: String, id: String, to: String, unencrypted: Bool = false, queue: Bool? = nil) {
    (self.room, self.id, self.to, self.unencrypted) = (room, id, to, unencrypted ? true : nil)
    self.queue = queue
  }
  public func perform(on client: ChatClient) async throws -> Message {
    let room = try await known(room, client).room.address
    let id = try await client.store.messageID(id, in: room, .anyone)
    return try await client.forward(
      id, from: room, to: try await client.room(for: to).room.address, unencrypted: unencrypted == true)
  }
}
