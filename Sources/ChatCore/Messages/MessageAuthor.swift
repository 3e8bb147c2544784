// MessageAuthor.swift: naming a message by its id, or as the last one.
import Foundation
import GRDB

/// Whose message "last" is.
public enum MessageAuthor: Sendable {
  case own, others, anyone
}

extension AccountStore {
  /// - Parameter text: a Message-ID, or "last" for the newest message that is not retracted.
  /// - Throws: `ChatError.badInput` when there is no such message.
  public func messageID(_ text: String, in room: String, _ author: MessageAuthor) async throws -> String {
    let found = try await database.read { db -> String? in
      guard text == "last" else { return try MessageQueries.find(db, room: room, messageID: text)?.messageID }
      let condition =
        switch author {
        case .own: "AND isOutgoing"
        case .others: "AND NOT isOutgoing"
        case .anyone: ""
        }
      let sql = """
        SELECT messageID FROM message WHERE room = ? \(condition) AND NOT isRetracted ORDER BY time DESC, id DESC
        """
      return try String.fetchOne(db, sql: sql, arguments: [room])
    }
    if let found { return found }
    guard text == "last" else { throw ChatError.noMessage(text) }
    switch author {
    case .own: throw ChatError.badInput("you have written nothing in this room")
    case .others: throw ChatError.badInput("nobody else has written in this room")
    case .anyone: throw ChatError.badInput("there is no message in this room yet")
    }
  }
}
