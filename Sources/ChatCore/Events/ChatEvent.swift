// ChatEvent.swift: everything a user interface or a script is told, and its JSON line (design: command line, JSON).
import Foundation
import MessageFormats

/// Something that happened in the account.
public enum ChatEvent: Sendable, Codable {
  /// How the connection to the server is.
  public enum Connection: Sendable, Equatable, Codable {
    case connecting
    case registered(device: String)
    /// Not connected; the agent keeps trying unless it says otherwise.
    case offline(reason: String)
  }
  /// What became of a member or a device.
  public enum Change: String, Sendable, Codable { case added, removed, changed }

  case connection(Connection)
  case room(RoomSummary, displayName: String)
  case participant(room: String, address: String, isAdmin: Bool, change: Change)
  case device(room: String, participant: String, device: String, change: Change)
  /// The room's administrators changed how long messages live: seconds after being read (0: they stay), and unread.
  case lifetime(room: String, seconds: Int, unread: Int?)
  /// A stranger made a room, and it waits for the user's word.
  case invitation(Invitation)
  /// Somebody came, went or changed the room, as it is kept with its messages.
  case roomEvent(RoomEvent)
  case message(Message)
  /// One of our messages was taken by the focus, or failed for good.
  case messageState(Message)
  /// A file of a message was offered, moves, or is there.
  case file(FileProgress)
  case delivery(room: String, messageID: String, by: String, state: Delivery.State, reason: String?, isComplete: Bool)
  /// A reaction, edit, retraction or expiry of an earlier message.
  case change(MessageChange)
  case composing(room: String, address: String, isActive: Bool)
  /// Something about keys that the user must see.
  case security(room: String?, device: String?, text: String)
  /// - `code`: as an exit code of the command line (sysexits).
  case error(room: String?, text: String, code: Int32 = 70)
  /// As many events are missing here: they came faster than they were read. Reading the database again makes up for it.
  case lost(count: Int)
}

extension ChatEvent {
  /// When messages of a room delete themselves, in words, of a `lifetime` event; nil when they stay.
  public static func lifetimeText(_ seconds: Int, unread: Int?) -> String? {
    Ephemeral.text(Ephemeral.sensible(seconds), unread: unread)
  }

  /// The event as one line of JSON with sorted keys. For a `message` see `EventFields`, which has more of it.
  public var jsonLine: String { JSONLine.string(jsonFields) }

  /// The event as an object of JSON; times are RFC 3339 in UTC. See limeade-rpc(7).
  public var jsonFields: [String: Any] {
    var object: [String: Any] = [:]
    switch self {
    case .connection(.connecting): object = ["event": "connecting"]
    case .connection(.registered(let device)): object = ["event": "registered", "device": device]
    case .connection(.offline(let reason)): object = ["event": "offline", "reason": reason]
    case .room(let summary, let name): object = ["event": "room"].merging(summary.jsonFields(name: name)) { $1 }
    case .participant(let room, let address, let isAdmin, let change):
      object = [
        "event": "participant", "room": room, "address": address, "admin": isAdmin, "change": change.rawValue,
      ]
    case .device(let room, let participant, let device, let change):
      object = [
        "event": "device", "room": room, "address": participant, "device": device, "change": change.rawValue,
      ]
    case .lifetime(let room, let seconds, let unread):
      object = ["event": "ephemeral", "room": room, "seconds": seconds]
      object["unread"] = unread
    case .invitation(let invitation): object = invitation.jsonFields
    case .roomEvent(let event): object = event.jsonFields
    case .message(let message): object = ["event": "message"].merging(message.jsonFields) { $1 }
    case .messageState(let message):
      object = ["event": message.state.rawValue, "room": message.room, "id": message.messageID]
      object["reason"] = message.failure
    case .file(let progress): object = ["event": "file"].merging(progress.jsonFields) { $1 }
    case .delivery(let room, let id, let by, let state, let reason, let isComplete):
      object = ["event": state.rawValue, "room": room, "id": id, "by": by, "complete": isComplete]
      object["reason"] = reason
    case .change(let change): object = change.jsonFields
    case .composing(let room, let address, let isActive):
      object = ["event": "composing", "room": room, "from": address, "active": isActive]
    case .security(let room, let device, let text):
      object = ["event": "security", "text": text]
      object["room"] = room
      object["device"] = device
    case .error(let room, let text, let code):
      object = ["event": "error", "text": text, "code": code]
      object["room"] = room
    case .lost(let count): object = ["event": "lost", "count": count]
    }
    return object
  }
}

extension Message {
  /// The fields of the design's `message` event.
  public var jsonFields: [String: Any] {
    var object: [String: Any] = [
      "room": room, "id": messageID, "from": sender, "text": text, "time": JSONLine.time(time),
      "encrypted": isEncrypted, "trust": trust, "outgoing": isOutgoing, "state": state.rawValue,
    ]
    object["device"] = senderDevice
    object["reason"] = failure
    if !files.isEmpty {
      object["files"] = files.enumerated().map { index, file in
        file.jsonFields.merging(["id": fileID(index)]) { $1 }
      }
    }
    object["replyTo"] = replyTo
    object["replyToSender"] = replySender
    object["forwardedFrom"] = forwardedFrom
    object["claimedTime"] = claimedTime.map(JSONLine.time)
    if isStranger { object["stranger"] = true }
    if isAutomatic { object["automatic"] = true }
    object["edited"] = editedAt.map(JSONLine.time)
    object["original"] = original
    if isOriginalMissing { object["originalMissing"] = true }
    if isRetracted { object["retracted"] = true }
    object["ephemeral"] = lifetime
    object["ephemeralUnread"] = unreadLifetime
    object["expires"] = expiresAt.map(JSONLine.time)
    return object
  }
}

extension MessageWithDeliveries {
  /// A line of `history --json`: the message with what became of it.
  public func jsonFields(
    in setting: MessageSetting?, for account: SIPURI, isBlocked: Bool = false
  ) -> [String: Any] {
    var object = message.jsonFields(in: setting, for: account)
    if isBlocked { object["blocked"] = true }
    object["event"] = "message"
    if message.isOutgoing {
      object["deliveries"] = deliveries.map { delivery in
        var object = ["by": delivery.participant, "state": delivery.state.rawValue]
        object["time"] = delivery.time.map(JSONLine.time)
        object["reason"] = delivery.reason
        return object
      }
    }
    if !reactions.isEmpty { object["reactions"] = reactions.map { ["by": $0.sender, "text": $0.text] } }
    if let quote, let text = quote.text { object["quote"] = ["from": quote.sender, "text": text] }
    return object
  }
}

extension MessageChange {
  var jsonFields: [String: Any] {
    var object: [String: Any] = [
      "event": kind.rawValue, "room": room, "id": messageID, "from": sender, "time": JSONLine.time(time),
    ]
    if kind == .reaction || kind == .edited { object["text"] = text }
    if kind != .expired { object["state"] = state.rawValue }
    object["reason"] = failure
    return object
  }
}

extension RoomSummary {
  /// The room as an object of JSON.
  /// - Parameter name: as it is shown to this account.
  public func jsonFields(name: String) -> [String: Any] {
    var object: [String: Any] = [
      "room": room.address, "name": name, "encrypted": room.isEncrypted, "oneToOne": room.isOneToOne,
      "state": room.state.rawValue, "unread": unread, "devices": deviceCount,
      "participants": participants.map { ["address": $0.address, "admin": $0.isAdmin] as [String: Any] },
    ]
    if room.lifetime > 0 { object["ephemeral"] = room.lifetime }
    if isNew { object["new"] = true }
    object["ephemeralUnread"] = room.unreadLifetime
    return object
  }
}
