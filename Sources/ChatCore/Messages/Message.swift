// Message.swift: a chat message and, for each member, what is known of its delivery (RFC 5438).
import Foundation
import GRDB

/// A message as stored and shown.
public struct Message: DatedRecord, MutablePersistableRecord, Sendable, Equatable {
  /// How far the message is.
  public enum State: String, Codable, Sendable {
    /// Waits in the outbox.
    case queued
    /// The focus took it.
    case sent
    /// It will not be sent; `failure` says why.
    case failed
    case received
    /// It could not be decrypted; `failure` says why, `text` is empty.
    case undecryptable
  }

  /// Its row in the database, by the order of arrival; nil before it is stored.
  public var id: Int64?
  /// The room's address.
  public var room: String
  /// The imdn Message-ID (RFC 5438 §6.3).
  public var messageID: String
  /// Address of record of the sender.
  public var sender: String
  /// GRUU of the sending device, which LIME authenticated if the message is encrypted.
  public var senderDevice: String?
  /// Whether this account sent it.
  public var isOutgoing: Bool
  /// Its words; empty for files alone, and when it was retracted or could not be decrypted.
  public var text: String
  /// Its place in the room: when the sender wrote it by its own clock, or when it came if that cannot be.
  public var time: Date
  /// When the sender says that it wrote it, where that is not `time`.
  public var claimedTime: Date?
  /// By this device's clock.
  public var receivedAt: Date
  /// Whether it came, or goes, through LIME.
  public var isEncrypted: Bool
  /// Whether its author was, by the room's state, no member's device: then `sender` says no more than that it claims so.
  public var isStranger = false
  /// What was known of the sender's device when the message came: unknown, untrusted, trusted, unsafe. Of an edited
  /// message the lower of text and edit.
  public var trust: String
  /// The identity key of the device that wrote it, for those of others.
  public var identity: Data?
  /// Of own messages, where the message is on its way; `received` for those of others.
  public var state: State
  /// Why it failed, in words; nil unless it has.
  public var failure: String?
  /// Whether the user has seen it; own messages count as read.
  public var isRead: Bool
  /// nil for none: see `files`.
  var attachments: [MessageFile]? {
    didSet { fileNames = attachments.map { $0.map(\.name).joined(separator: " ") } }
  }
  /// The names of the files, for the search index.
  private(set) var fileNames: String?

  /// Message-ID of the message that this one answers, and the address of its author.
  public var replyTo: String?
  /// See `replyTo`.
  public var replySender: String?
  /// Whom the text is from that was forwarded: an address, or "Anonymous".
  public var forwardedFrom: String?
  /// Whether a program wrote it as an answer, so that no other one answers it.
  public var isAutomatic = false
  /// When its author last replaced the text.
  public var editedAt: Date?
  /// The text before it was edited.
  public var original: String?
  /// Only its edit or retraction is here: what it was like before, or whether it was at all, only its author says.
  public var isOriginalMissing = false
  /// Deleted for everyone by its author; `text` is empty.
  public var isRetracted = false
  /// Seconds from being read to being deleted; nil for messages that stay.
  public var lifetime: Int?
  /// Seconds from arriving to being deleted unread; where `lifetime` is nil, from being read too. nil for those that wait
  /// for their reader.
  public var unreadLifetime: Int?
  /// When the message is deleted; nil while its time has not started.
  public var expiresAt: Date?

  /// For GRDB: the row that the message got.
  public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }

  /// Seconds from being read to being deleted.
  var lifetimeOnceRead: Int? { lifetime ?? unreadLifetime }

  /// When the message deletes itself, in words; nil for one that stays.
  public var lifetimeText: String? { Ephemeral.text(lifetime, unread: unreadLifetime) }

  /// By the sender's clock: what notifications about the message name (RFC 5438 §7.1.1).
  var writtenAt: Date { claimedTime ?? time }
}

/// What one member thinks of a message: the last one of each member counts.
public struct Reaction: DatedRecord, PersistableRecord, Sendable, Equatable {
  /// The room's address.
  public var room: String
  /// Of the message it is about.
  public var messageID: String
  /// Address of record.
  public var sender: String
  /// Usually one emoji; empty when it was taken back.
  public var text: String
  /// By the sender's clock.
  public var time: Date
}

/// The message that a reply answers.
public struct Quote: Sendable, Equatable, Codable {
  /// Address of the author of the message that is answered.
  public var sender: String
  /// nil when the message is not here: it is from before we came, or was deleted.
  public var text: String?

  public init(sender: String, text: String?) {
    self.sender = sender
    self.text = text
  }
}

/// What one member did with one of our messages.
public struct Delivery: DatedRecord, PersistableRecord, Sendable, Equatable {
  /// How far the message came; later states include earlier ones.
  public enum State: String, Codable, Sendable, Comparable {
    case pending, failed, delivered, displayed

    private var rank: Int {
      switch self {
      case .pending: 0
      case .failed: 1
      case .delivered: 2
      case .displayed: 3
      }
    }
    public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
  }

  /// The row of the message: `Message.id`.
  public var message: Int64
  /// The member's address.
  public var participant: String
  /// The furthest of this member's devices.
  public var state: State
  /// Why a device of the member did not get it or could not decrypt it, in words; nil unless one did not.
  public var reason: String?
  /// When the member's notification came; nil while `pending`.
  public var time: Date?
}

/// A message with its deliveries, its reactions and what it answers, for display.
public struct MessageWithDeliveries: Sendable, Equatable, Codable {
  /// As it is stored.
  public var message: Message
  /// One for each member who should get it; none for messages of others.
  public var deliveries: [Delivery]
  /// In the order in which they were made.
  public var reactions: [Reaction] = []
  /// Of replies.
  public var quote: Quote?

  /// Members that reported at least `state`, and members there are.
  public func count(atLeast state: Delivery.State) -> (done: Int, of: Int) {
    (deliveries.count { $0.state >= state }, deliveries.count)
  }
}

/// Something that waits to be sent to a room.
struct OutboxEntry: DatedRecord, MutablePersistableRecord, Sendable {
  static let databaseTableName = "outbox"

  var id: Int64?
  var room: String
  /// The message row it belongs to; nil for notifications and for changes of earlier messages.
  var message: Int64?
  /// The serialized inner CPIM message.
  var content: Data
  var messageID: String?
  /// True for texts and their changes; false for IMDN and typing, which go out with `Priority: non-urgent`.
  var isUrgent: Bool
  /// Notifications of failed decryption go out unencrypted even in an encrypted room.
  var mustBePlain: Bool
  /// Fails, rather than leaves, when a device that would get it is not trusted.
  var requiresTrust = false
  /// Waits, rather than fails, while a device that would get it is held.
  var waits = true
  var attempts: Int
  var createdAt: Date

  mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}
