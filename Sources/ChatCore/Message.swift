// Message.swift: a chat message and, for each member, what is known of its delivery (RFC 5438).
import Foundation
import GRDB

/// A message as stored and shown.
public struct Message: Codable, FetchableRecord, MutablePersistableRecord, Sendable, Equatable {
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

  public var id: Int64?
  public var room: String
  /// The imdn Message-ID (RFC 5438 §6.3).
  public var messageID: String
  /// Address of record of the sender.
  public var sender: String
  public var senderDevice: String?
  public var isOutgoing: Bool
  public var text: String
  /// When the sender wrote it, by its own clock.
  public var time: Date
  public var receivedAt: Date
  public var isEncrypted: Bool
  /// What was known of the sender's device when the message came: unknown, untrusted, trusted, unsafe.
  public var trust: String
  public var state: State
  public var failure: String?
  public var isRead: Bool

  public mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}

/// What one member did with one of our messages.
public struct Delivery: Codable, FetchableRecord, PersistableRecord, Sendable, Equatable {
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

  public var message: Int64
  public var participant: String
  public var state: State
  public var reason: String?
  public var time: Date?
}

/// A message with its deliveries, for display.
public struct MessageWithDeliveries: Sendable, Equatable {
  public var message: Message
  public var deliveries: [Delivery]

  /// Members that reported at least `state`, and members there are.
  public func count(atLeast state: Delivery.State) -> (done: Int, of: Int) {
    (deliveries.count { $0.state >= state }, deliveries.count)
  }
}

/// Something that waits to be sent to a room.
struct OutboxEntry: Codable, FetchableRecord, MutablePersistableRecord, Sendable {
  static let databaseTableName = "outbox"

  var id: Int64?
  var room: String
  /// The message row it belongs to; nil for notifications.
  var message: Int64?
  /// The serialized inner CPIM message.
  var content: Data
  var messageID: String?
  /// False for IMDN and typing, which go out with `Priority: non-urgent`.
  var isUrgent: Bool
  /// Notifications of failed decryption go out unencrypted even in an encrypted room.
  var mustBePlain: Bool
  /// Fails, rather than leaves, when a device that would get it is not trusted.
  var requiresTrust = false
  var attempts: Int
  var createdAt: Date

  mutating func didInsert(_ inserted: InsertionSuccess) { id = inserted.rowID }
}
