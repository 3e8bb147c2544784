// MessageChange.swift: what happens to a message after it was written: reaction, edit, retraction, expiry.
import Foundation
import GRDB
import MessageFormats

/// A change of an earlier message, by its author or, for reactions, by anyone in the room.
public struct MessageChange: Sendable, Equatable, Codable {
  /// What is changed.
  public enum Kind: String, Sendable, Codable {
    /// `text` is the emoji; empty when the reaction was taken back.
    case reaction
    /// `text` is the new text.
    case edited
    /// Deleted for everyone by its author.
    case retracted
    /// An ephemeral message reached its end and was deleted here.
    case expired
  }

  /// Longer reactions are not kept, in bytes of UTF-8. The longest emoji have some 40.
  public static let reactionLimit = 64

  /// Says what `text` is.
  public var kind: Kind
  /// The room's address.
  public var room: String
  /// Message-ID of the message that changes.
  public var messageID: String
  /// Address of record.
  public var sender: String
  /// The reaction or the new text, by `kind`.
  public var text: String
  /// When the change was made, by its author's clock.
  public var time: Date
  /// received; or of our own: queued, sent, failed.
  public var state: Message.State
  /// Why a change of our own failed, in words.
  public var failure: String?

  public init(
    _ kind: Kind, room: String, messageID: String, sender: String, text: String = "", time: Date,
    state: Message.State = .received
  ) {
    self.kind = kind
    self.room = room
    self.messageID = messageID
    self.sender = sender
    self.text = text
    self.time = time
    self.state = state
  }

  /// The change that an inner message carries, or nil when it is a message of its own.
  init?(_ cpim: CPIMMessage, room: String, sender: String, now: Date) {
    // A clock that is ahead must not outdo every later change.
    let time = min(cpim.dateTime ?? now, now)
    let change: (Kind, String, String)? =
      if let target = cpim.retracts {
        (.retracted, target, "")
      } else if let target = cpim.replaces {
        (.edited, target, MessageText.received(cpim.text))
      } else if cpim.isReaction, let target = cpim.inReplyTo {
        (.reaction, target, MessageText.received(cpim.text).trimmingCharacters(in: .whitespacesAndNewlines))
      } else { nil }
    guard let (kind, messageID, text) = change else { return nil }
    self.init(kind, room: room, messageID: messageID, sender: sender, text: text, time: time)
  }
}

extension MessageChange {
  enum Result {
    case applied
    /// It says nothing new.
    case nothing
    /// Its author may not change the message.
    case refused
  }

  /// Brings the change into the database.
  ///
  /// Only who wrote a message changes it: see `Message.mayBeChanged`. An edit of a message that is not here, as for a
  /// member who came later, becomes the message, and a retraction a mark in its place, so that an original that comes
  /// late stays changed.
  /// - Parameters:
  ///   - fallback: the message to insert when there is none; its id and sender are the change's.
  ///   - author: nil for this device.
  func apply(_ db: Database, orInsert fallback: Message, by author: Author? = nil) throws -> Result {
    switch kind {
    case .reaction: return try applyReaction(db) ? .applied : .nothing
    case .edited, .retracted: break
    case .expired: return .nothing
    }
    let sql = "SELECT * FROM message WHERE room = ? AND messageID = ? AND sender = ?"
    guard var message = try Message.fetchOne(db, sql: sql, arguments: [room, messageID, sender]), !message.isStranger
    else { return try insert(db, fallback) ? .applied : .nothing }
    if let author, !message.mayBeChanged(by: author) { return .refused }
    guard !message.isRetracted else { return .nothing }
    let wasUnreadable = message.state == .undecryptable
    if kind == .retracted {
      message.retract()
      try db.execute(sql: "DELETE FROM reaction WHERE room = ? AND messageID = ?", arguments: [room, messageID])
    } else {
      if let before = message.editedAt, before > time || message.text == text { return .nothing }
      if message.original == nil, message.state != .undecryptable, !message.isOriginalMissing {
        message.original = message.text
      }
      message.text = text
      message.editedAt = time
    }
    if wasUnreadable {
      (message.state, message.failure, message.isOriginalMissing) = (.received, nil, true)
      // Of what could not be decrypted only a claim was known.
      if let author { message.take(from: author) }
    }
    if let author { message.lower(to: author) }
    try message.update(db)
    return .applied
  }

  private func insert(_ db: Database, _ fallback: Message) throws -> Bool {
    var message = fallback
    message.messageID = messageID
    message.sender = sender
    message.isOriginalMissing = true
    if kind == .retracted { message.retract() } else { message.editedAt = time }
    return try MessageQueries.insertOnce(db, &message).isShown
  }

  private func applyReaction(_ db: Database) throws -> Bool {
    guard text.utf8.count <= Self.reactionLimit else { return false }
    let key = ["room": room, "messageID": messageID, "sender": sender]
    let before = try Reaction.fetchOne(db, key: key)
    if let before, before.time > time || before.text == text { return false }
    if before == nil, text.isEmpty { return false }
    // One that was taken back stays as an empty one, or an older one that comes late would return.
    try Reaction(room: room, messageID: messageID, sender: sender, text: text, time: time).save(db)
    return true
  }
}

extension Message {
  fileprivate mutating func retract() {
    text = ""
    original = nil
    attachments = nil
    isRetracted = true
    // There is nothing left to read.
    isRead = true
    replyTo = nil
    replySender = nil
    forwardedFrom = nil
    if state == .undecryptable { state = .received }
    failure = nil
  }
}
