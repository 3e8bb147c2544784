// EventLine.swift: an event as one line for people (listen, chat --plain).
import ChatCore
import Foundation
import TerminalUI

/// How people are called in a line: by their addresses, or as the user knows them.
typealias PersonName = @Sendable (_ address: String) -> String

enum EventLine {
  /// nil for events that a reader of messages does not need.
  static func text(of event: ChatEvent, name: PersonName = { $0 }) -> String? {
    switch event {
    case .message(let message): line(for: message, name: name)
    case .connection(.registered(let device)): "-- registered as \(device)"
    case .connection(.offline(let reason)): "-- offline: \(ExitStatus.line(reason))"
    case .connection(.connecting), .composing: nil
    case .device(_, let participant, let device, let change):
      "-- \(change.rawValue) device of \(SafeLine.text(name(participant))): \(SafeLine.text(device))"
    case .room(let summary, let roomName):
      summary.room.state == .left ? "-- no longer a member of \(SafeLine.text(roomName))" : nil
    // For people there is one line of what happened.
    case .participant, .lifetime: nil
    case .roomEvent(let event): "-- \(words(of: event, name: name))"
    case .invitation(let invitation):
      "-- you are invited to \(SafeLine.text(invitation.words(name: name))): 'limeade room accept' or 'decline'"
    case .messageState(let message):
      message.state == .failed
        ? "-- not sent (\(ExitStatus.line(message.failure ?? "unknown reason"))): \(SafeLine.text(message.preview))"
        : "-- \(message.state.rawValue): \(SafeLine.text(message.preview))"
    case .file(let progress): FileText.event(progress)
    case .delivery(_, let id, let by, let state, let reason, _):
      "-- \(state.rawValue) \(id) \(SafeLine.text(name(by)))" + (reason.map { ": \(ExitStatus.line($0))" } ?? "")
    case .change(let change): text(of: change, name)
    case .security(_, _, let text): "!! \(ExitStatus.line(text))"
    case .error(_, let text, _): "!! \(ExitStatus.line(text))"
    case .lost(let count): "!! \(count) events are missing here: they came faster than they were read"
    }
  }

  static func words(of event: RoomEvent, name: PersonName = { $0 }) -> String { SafeLine.text(event.words(name: name)) }

  /// `09:14 sip:bob@sip.example.org [encrypted] text`
  static func line(for message: Message, name: PersonName = { $0 }) -> String {
    let time = Clock().time(of: message.time)
    let mark =
      switch (message.state, message.isEncrypted) {
      case (.undecryptable, _): "cannot be decrypted: \(SafeLine.text(message.failure ?? ""))"
      case (_, true): "encrypted"
      case (_, false): "not encrypted"
      }
    let warning = message.isStranger ? ", NOT FROM A MEMBER" : ""
    return "\(time) \(SafeLine.text(name(message.sender))) [\(mark)\(warning)] \(body(of: message, name))"
  }

  /// The same with what it answers and the reactions to it.
  static func line(for entry: MessageWithDeliveries, name: PersonName = { $0 }) -> String {
    let quote = entry.quote.map {
      "  (in reply to \(SafeLine.text(name($0.sender))): \(SafeLine.text($0.text ?? "…")))"
    }
    let reactions =
      entry.reactions.isEmpty
      ? ""
      : "  {" + entry.reactions.map { SafeLine.text("\($0.text) \(name($0.sender))") }.joined(separator: ", ") + "}"
    return line(for: entry.message, name: name) + (quote ?? "") + reactions
  }

  private static func body(of message: Message, _ name: PersonName) -> String {
    if message.isRetracted { return "(retracted)" }
    let source = message.forwardedFrom.map { "(forwarded from \(SafeLine.text(name($0)))) " } ?? ""
    let edited =
      message.editedAt == nil
      ? "" : message.isOriginalMissing ? "  (edited, what it was before is not here)" : "  (edited)"
    let claimed = message.claimedTime.map { "  (\(Clock().stamp(of: $0)) by its sender's clock)" } ?? ""
    let lifetime = message.lifetimeText.map { "  (\($0))" } ?? ""
    let parts = [SafeLine.text(message.text)] + message.files.map { "[file] \(FileText.summary($0))" }
    return source + parts.filter { !$0.isEmpty }.joined(separator: "  ") + edited + claimed + lifetime
  }

  private static func text(of change: MessageChange, _ name: PersonName) -> String? {
    let sender = SafeLine.text(name(change.sender))
    let id = SafeLine.text(change.messageID)
    if let failure = change.failure { return "-- the change of \(id) was not sent: \(ExitStatus.line(failure))" }
    // Our own were told when they were made.
    guard change.state == .received || change.state == .queued else { return nil }
    return switch change.kind {
    case .reaction where change.text.isEmpty: "-- \(sender) took back the reaction to \(id)"
    case .reaction: "-- \(sender) reacted to \(id): \(SafeLine.text(change.text))"
    case .edited: "-- \(sender) edited \(id): \(SafeLine.text(change.text))"
    case .retracted: "-- \(sender) retracted \(id)"
    case .expired: "-- \(id) of \(sender) has expired"
    }
  }
}

extension ChatEvent {
  /// The room it happened in, if in one.
  var room: String? {
    switch self {
    case .connection, .lost: nil
    case .room(let summary, _): summary.room.address
    case .participant(let room, _, _, _), .device(let room, _, _, _), .composing(let room, _, _): room
    case .lifetime(let room, _, _): room
    case .roomEvent(let event): event.room
    case .invitation: nil
    case .delivery(let room, _, _, _, _, _): room
    case .message(let message), .messageState(let message): message.room
    case .change(let change): change.room
    case .file(let progress): progress.room
    case .security(let room, _, _), .error(let room, _, _): room
    }
  }
}
