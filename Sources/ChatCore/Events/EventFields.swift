// EventFields.swift: the fields of an event's JSON with what its room is to this account (limeade-rpc(7)).
import Foundation
import MessageFormats

/// What a message is to this account, beside the message itself.
public struct MessageSetting: Sendable, Equatable {
  /// As it is shown.
  public var roomName: String
  /// Whether the room is the one of two people.
  public var isOneToOne: Bool

  /// - Parameter account: to whom the room is shown.
  public init(_ room: RoomSummary, for account: SIPURI) {
    (roomName, isOneToOne) = (room.displayName(for: account), room.room.isOneToOne)
  }
}

extension Message {
  /// The fields of the message with those of its setting; nil where the room is not known any more.
  public func jsonFields(in setting: MessageSetting?, for account: SIPURI) -> [String: Any] {
    var object = jsonFields
    object["roomName"] = setting?.roomName ?? room
    object["oneToOne"] = setting?.isOneToOne ?? false
    object["mention"] = !isOutgoing && Mention(account.user ?? "").isIn(text)
    return object
  }
}

/// Remembers the rooms that messages were in, so that each is looked up once.
public struct EventFields: Sendable {
  private let account: SIPURI
  private let look: @Sendable (String) async -> RoomSummary?
  private var settings: [String: MessageSetting] = [:]

  /// - Parameter look: finds a room by its address.
  public init(for account: SIPURI, _ look: @escaping @Sendable (String) async -> RoomSummary?) {
    (self.account, self.look) = (account, look)
  }

  /// Before `jsonFields` of the same event.
  public mutating func learn(_ event: ChatEvent) async {
    switch event {
    case .room(let summary, _): settings[summary.room.address] = MessageSetting(summary, for: account)
    case .message(let message) where settings[message.room] == nil:
      settings[message.room] = await look(message.room).map { MessageSetting($0, for: account) }
    default: break
    }
  }

  /// The event as an object of JSON; times are RFC 3339 in UTC.
  public func jsonFields(of event: ChatEvent) -> [String: Any] {
    guard case .message(let message) = event else { return event.jsonFields }
    return ["event": "message"].merging(message.jsonFields(in: settings[message.room], for: account)) { $1 }
  }

  /// The same as one line with sorted keys.
  public func jsonLine(of event: ChatEvent) -> String { JSONLine.string(jsonFields(of: event)) }
}
