// MessageRow.swift: one message or notice as the screen shows it.
import Foundation

/// A message of the open room, or a notice among its messages.
public struct MessageRow: Identifiable, Hashable, Sendable {
  /// What is drawn: a message with its sender, or a notice.
  public enum Kind: Hashable, Sendable {
    case text
    /// Something that happened in the room, or an answer of the program; drawn without a sender.
    case notice(Level)
  }

  /// How urgent a notice is; each level has its style and its sign before the text.
  public enum Level: Hashable, Sendable { case information, warning, error }

  /// How the message was protected. Drawn as a letter.
  public enum Encryption: Hashable, Sendable {
    case notEncrypted
    /// End-to-end encrypted, the device untrusted.
    case encrypted
    /// End-to-end encrypted, the device trusted.
    case trusted
    /// From or to a device marked unsafe.
    case unsafe
    /// The text then says why.
    case undecryptable
    /// Not from a member's device: whoever it is, the name is only claimed.
    case stranger

    /// One ASCII letter or sign before the text.
    public var letter: String {
      switch self {
      case .notEncrypted: "-"
      case .encrypted: "e"
      case .trusted: "t"
      case .unsafe: "U"
      case .undecryptable: "X"
      case .stranger: "?"
      }
    }

    /// For /info and where there is room.
    public var words: String {
      switch self {
      case .notEncrypted: "not encrypted"
      case .encrypted: "encrypted, untrusted"
      case .trusted: "encrypted, trusted"
      case .unsafe: "unsafe"
      case .undecryptable: "cannot decrypt"
      case .stranger: "not from a member"
      }
    }
  }

  /// Where an own message is. Drawn as a letter, and as words when it reached only some or failed.
  public enum Delivery: Hashable, Sendable {
    case queued
    case sending
    /// At the server.
    case sent
    case delivered(Int, of: Int)
    case displayed(Int, of: Int)
    case failed(reason: String)

    /// One ASCII letter or sign before the text of an own message.
    public var letter: String {
      switch self {
      case .queued: "q"
      case .sending: ">"
      case .sent: "s"
      case .delivered(let count, let total): count >= total ? "D" : "d"
      case .displayed(let count, let total): count >= total ? "R" : "r"
      case .failed: "!"
      }
    }

    /// For /info, and on the screen when not all members got the message.
    public var words: String {
      switch self {
      case .queued: "queued"
      case .sending: "sending"
      case .sent: "sent"
      case .delivered(let count, let total): "delivered" + (total > 1 ? " \(count) of \(total)" : "")
      case .displayed(let count, let total): "read" + (total > 1 ? " by \(count) of \(total)" : "")
      case .failed(let reason): "not delivered: \(reason)"
      }
    }

    /// Worth words of its own on the screen: reached only some of several people.
    var isPartial: Bool {
      switch self {
      case .delivered(let count, let total), .displayed(let count, let total): count < total && total > 1
      default: false
      }
    }
  }

  /// Unique in its room; what intents call the message by.
  public var id: String
  /// When it was written, as far as that is believed.
  public var time: Date
  /// Text of somebody or notice; notices are made by `notice`.
  public var kind: Kind
  /// Display name.
  public var sender: String
  /// What the sender's colour is made from: an address, so that it stays when the name changes.
  public var senderID: String
  /// Whether this account sent it.
  public var isOwn: Bool
  /// Calls the user by name.
  public var isMention = false
  /// May have several lines, and come from the network as it is.
  public var text: String
  /// How it was protected on its way; `.notEncrypted` for notices.
  public var encryption: Encryption
  /// Of own messages.
  public var delivery: Delivery?
  /// What commands call the message; nil for notices.
  public var messageID: String?
  /// The text as it was written, of an own message that can be edited.
  public var editableText: String?
  /// Its text was taken back: there is nothing to answer.
  public var isRetracted = false
  /// Names of the files that it offers.
  public var files: [String] = []
  /// Whether one of its files is called a picture.
  public var hasPicture = false
  /// Sender and text of the message that this one answers: one line above the text.
  public var quote: String?
  /// One for each member who reacted: a line below the text.
  public var reactions: [String] = []
  /// Such as "edited": in brackets behind the text.
  public var remarks: [String] = []

  /// A message; a notice is made by `notice`.
  /// - Parameter senderID: by default the sender's name.
  public init(
    id: String, time: Date, sender: String, senderID: String? = nil, isOwn: Bool = false, text: String,
    encryption: Encryption = .encrypted, delivery: Delivery? = nil
  ) {
    self.id = id
    self.time = time
    kind = .text
    self.sender = sender
    self.senderID = senderID ?? sender
    self.isOwn = isOwn
    self.text = text
    self.encryption = encryption
    self.delivery = delivery
  }

  /// A line of the program among the messages, without a sender.
  public static func notice(id: String, time: Date, text: String, level: Level = .information) -> MessageRow {
    var row = MessageRow(id: id, time: time, sender: "", text: text, encryption: .notEncrypted)
    row.kind = .notice(level)
    return row
  }
}
