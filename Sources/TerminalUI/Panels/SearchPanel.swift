// SearchPanel.swift: searching messages: what was typed, what was found, and which of it is chosen.
import Foundation

/// One search, as the program is asked for it.
public struct SearchRequest: Hashable, Sendable {
  /// The words as typed; a message must hold all of them.
  public var text: String
  /// nil: every room.
  public var room: RoomRow.ID?
  /// Older ones than this result.
  public var before: MessageRow.ID?
}

/// A message that was found, as one line of the panel.
public struct SearchResult: Identifiable, Hashable, Sendable {
  /// Names the message for a jump to it.
  public var id: MessageRow.ID
  /// The room it is in, which a jump opens.
  public var room: RoomRow.ID
  /// Shown when every room is searched.
  public var roomName: String
  /// When it was written.
  public var time: Date
  /// The sender's display name.
  public var sender: String
  /// What the sender's colour is made from, as `MessageRow.senderID`.
  public var senderID: String
  /// Whether this account sent it.
  public var isOwn: Bool
  /// The whole text; the panel cuts it to a line.
  public var text: String

  public init(
    id: MessageRow.ID, room: RoomRow.ID, roomName: String, time: Date, sender: String, senderID: String, isOwn: Bool,
    text: String
  ) {
    self.id = id
    self.room = room
    self.roomName = roomName
    self.time = time
    self.sender = sender
    self.senderID = senderID
    self.isOwn = isOwn
    self.text = text
  }
}

/// Stands in the panes' place. The newest result is at the top.
public struct SearchPanel: Hashable, Sendable {
  /// The words being typed.
  public internal(set) var input: InputLine
  /// The room that is searched while not everywhere; nil when none was open.
  public let room: RoomRow.ID?
  /// Whether all rooms are searched, and not only `room`.
  public internal(set) var isEverywhere: Bool
  /// Newest first.
  public internal(set) var results: [SearchResult] = []
  /// True until the answer to the last request is there.
  public internal(set) var isWaiting = false
  /// There may be older results.
  var hasMore = false
  var position = 0

  init(room: RoomRow.ID?, isEverywhere: Bool, text: String = "") {
    input = InputLine(text: text)
    self.room = room
    self.isEverywhere = isEverywhere || room == nil
  }

  var request: SearchRequest { SearchRequest(text: input.text, room: isEverywhere ? nil : room, before: nil) }

  var chosen: SearchResult? { results.indices.contains(position) ? results[position] : nil }
}
