// AccountOperations+Messages.swift: message.* and keys.*
import ChatCore
import Foundation
import MessageFormats

/// Puts a text into the outbox; events tell what becomes of it.
public struct SendText: ClientOperation {
  public static let method = "message.send"
  /// By its id.
  public static let isRepeatable = true
  public static let isQueued = true
  /// As the TO of `limeade send`.
  public var to: String
  /// May be empty when there are files.
  public var text: String
  /// Nothing leaves while a device that would get it is not trusted.
  public var requireTrust: Bool?
  /// The Message-ID of the message that this answers, or "last".
  public var replyTo: String?
  /// Seconds from being read to being deleted.
  public var ephemeral: Int?
  /// Seconds after which it is deleted unread.
  public var ephemeralUnread: Int?
  /// Absolute paths of files, which go with the text; that may be empty then.
  public var files: [String]?
  /// Kept back while a new device is held (see `keys.admit`), and sent after that; else it is refused.
  public var waits: Bool?
  /// The new message's Message-ID. Asked for a second time with the same one, the message is not sent a second time.
  public var id: String?
  /// As `ClientOperation.queue`.
  public var queue: Bool?
  /// A program answers by itself: other programs do not answer that.
  public var automatic: Bool?
  /// Gives the message its Message-ID, so that the operation can be repeated.
  public init(
    to: String, text: String, requireTrust: Bool = false, replyTo: String? = nil, ephemeral: Int? = nil,
    ephemeralUnread: Int? = nil, files: [String] = [], waits: Bool = false, queue: Bool? = nil,
    automatic: Bool? = nil
  ) {
    id = MessageID.make()
    (self.queue, self.automatic) = (queue, automatic)
    self.waits = waits
    (self.to, self.text, self.requireTrust) = (to, text, requireTrust)
    (self.replyTo, self.ephemeral, self.ephemeralUnread) = (replyTo, ephemeral, ephemeralUnread)
    self.files = files.isEmpty ? nil : files
  }
  public func perform(on client: ChatClient) async throws -> Message {
    let room = try await client.room(for: to).room.address
    var answered: String?
    if let replyTo {
      answered = try await client.store.messageID(replyTo, in: room, .others)
      // Who answers has read it, and what came before.
      if let answered { try await client.markRead(room, upTo: answered) }
    }
    let options = MessageOptions(
      replyTo: answered, lifetime: ephemeral, unreadLifetime: ephemeralUnread, requireTrust: requireTrust == true,
      waits: waits == true, messageID: id, isAutomatic: automatic == true)
    guard let files, !files.isEmpty else { return try await client.send(text, to: room, options) }
    guard files.allSatisfy({ $0.hasPrefix("/") }) else { throw ChatError.badInput("files needs absolute paths") }
    return try await client.send(text, files: files, to: room, options)
  }
}

/// Puts several texts into the outbox, all or none: with one wait for the disk, and in their order. They wait while a
/// new device is held.
public struct SendTexts: ClientOperation {
  public static let method = "message.sendAll"
  /// By their ids.
  public static let isRepeatable = true
  public static let isQueued = true
  /// More texts at a time are refused.
  public static let maximumTexts = 64
  /// As the TO of `limeade send`.
  public var to: String
  /// The first leaves first; at most `maximumTexts`.
  public var texts: [String]
  /// The new messages' Message-IDs, see `SendText.id`.
  public var ids: [String]?
  /// Gives each message its Message-ID, so that the operation can be repeated.
  public init(to: String, texts: [String]) {
    ids = texts.map { _ in MessageID.make() }
    (self.to, self.texts) = (to, texts)
  }
  public func perform(on client: ChatClient) async throws -> [Message] {
    guard texts.count <= Self.maximumTexts else {
      throw ChatError.badInput("at most \(Self.maximumTexts) texts can be sent at a time")
    }
    guard ids == nil || ids?.count == texts.count else { throw ChatError.badInput("each text needs an id of its own") }
    let room = try await client.room(for: to).room.address
    let messages = texts.enumerated().map { index, text in
      (text: text, options: MessageOptions(messageID: ids?[index]))
    }
    return try await client.send(messages, to: room)
  }
}

/// Ends a message's uploads, so that it is not sent, and its downloads.
public struct CancelTransfers: ClientOperation {
  public static let method = "message.cancel"
  public static let isRepeatable = true
  public static let isQueued = true
  /// The room's address.
  public var room: String
  /// The message's Message-ID.
  public var id: String
  public init(room: String, id: String) { (self.room, self.id) = (room, id) }
  /// - Returns: whether there was something to end.
  public func perform(on client: ChatClient) async throws -> Bool {
    guard let entry = try await client.store.message(room: room, messageID: id) else { return false }
    return await client.cancelTransfers(of: entry.message)
  }
}

/// Sends a message of this account that failed once more, as a new one, with its files and what it answers.
public struct ResendMessage: ClientOperation {
  public static let method = "message.resend"
  public static let isQueued = true
  /// The room's address.
  public var room: String
  /// Message-ID of the message that failed.
  public var id: String
  public init(room: String, id: String) { (self.room, self.id) = (room, id) }
  public func perform(on client: ChatClient) async throws -> Message {
    guard let entry = try await client.store.message(room: room, messageID: id) else {
      throw ChatError.badInput("no message \(id) is in this room")
    }
    return try await client.resend(entry.message)
  }
}

/// A message by its Message-ID, with what each member did with it; `null` when it is not in the room.
public struct FindMessage: StoreOperation {
  public static let method = "message.show"
  /// The room's address.
  public var room: String
  /// Its Message-ID.
  public var id: String
  public init(room: String, id: String) { (self.room, self.id) = (room, id) }
  public func perform(
    on store: AccountStore, of account: AccountConfiguration
  ) async throws -> MessageWithDeliveries? {
    try await store.message(room: room, messageID: id)
  }
}

/// The newest messages of a room, or of all rooms, oldest first. With `before` or `after` a page beside a message.
public struct ReadHistory: StoreOperation {
  public static let method = "message.history"
  /// How many messages come without a `limit`.
  public static let defaultLimit = 200
  /// As `ShowRoom.room`; nil for all rooms.
  public var room: String?
  /// Words that a message must hold; nil for any text.
  public var search: String?
  /// Messages written before it are left out.
  public var since: Date?
  /// At most so many messages; nil for `defaultLimit`.
  public var limit: Int?
  /// The number (`id`) of a message: those older than it, the nearest ones.
  public var before: Int64?
  /// The number of a message: those newer than it, the nearest ones.
  public var after: Int64?
  public init(
    room: String? = nil, search: String? = nil, since: Date? = nil, limit: Int? = nil, before: Int64? = nil,
    after: Int64? = nil
  ) {
    (self.room, self.search, self.since, self.limit) = (room, search, since, limit)
    (self.before, self.after) = (before, after)
  }
  public func perform(
    on store: AccountStore, of account: AccountConfiguration
  ) async throws -> [MessageWithDeliveries] {
    var address: String?
    if let room { address = try await store.room(named: room, for: account.address).room.address }
    guard before == nil || after == nil else { throw ChatError.badInput("before and after exclude each other") }
    return try await store.history(
      HistoryRequest(
        room: address, search: search, since: since, before: try await Self.position(before, store),
        after: try await Self.position(after, store), limit: max(0, limit ?? Self.defaultLimit)))
  }

  private static func position(_ number: Int64?, _ store: AccountStore) async throws -> MessagePosition? {
    guard let number else { return nil }
    guard let entry = try await store.message(number: number) else {
      throw ChatError.badInput("there is no message number \(number)")
    }
    return MessagePosition(entry.message)
  }
}

/// Tells the senders that their messages were displayed.
public struct MarkRoomRead: ClientOperation {
  public static let method = "message.markRead"
  public static let isRepeatable = true
  public static let isQueued = true
  /// As `ShowRoom.room`.
  public var room: String
  /// Only these, by their numbers; nil for all.
  public var messages: [Int64]?
  public init(_ room: String, messages: [Int64]? = nil) { (self.room, self.messages) = (room, messages) }
  public func perform(on client: ChatClient) async throws -> Done {
    try await client.markRead(try await known(room, client).room.address, rows: messages)
    return Done()
  }
}

/// Tells the room that this account is writing, or has stopped. Nothing without a connection.
public struct SetComposing: ClientOperation {
  public static let method = "message.composing"
  public static let isRepeatable = true
  public static let isQueued = true
  /// The room's address.
  public var room: String
  /// Whether it is writing.
  public var active: Bool
  public init(room: String, active: Bool) { (self.room, self.active) = (room, active) }
  public func perform(on client: ChatClient) async throws -> Done {
    await client.sendComposing(active, to: room)
    return Done()
  }
}

/// Fetches a file of a message in the background; events tell how far it is.
public struct SaveFile: ClientOperation {
  public static let method = "message.save"
  public static let isRepeatable = true
  public static let isQueued = true
  /// The room's address.
  public var room: String
  /// The message's Message-ID.
  public var id: String
  /// Absolute path of the folder, which is made if absent.
  public var folder: String
  /// Which of the message's files, from 0.
  public var index: Int?
  /// Also when it is saved already.
  public var again: Bool?
  /// Also when it has no key of its own in an encrypted room.
  public var unencrypted: Bool?
  public init(
    room: String, id: String, folder: String, index: Int = 0, again: Bool = false, unencrypted: Bool = false
  ) {
    (self.room, self.id, self.folder, self.index, self.again) = (room, id, folder, index, again)
    self.unencrypted = unencrypted
  }
  public func perform(on client: ChatClient) async throws -> Done {
    guard folder.hasPrefix("/") else { throw ChatError.badInput("folder needs an absolute path") }
    let index = index ?? 0
    guard let message = try await client.store.message(room: room, messageID: id)?.message,
      message.files.indices.contains(index)
    else { throw ChatError.badInput("no file \(index) of a message \(id) is in this room") }
    if again == true || message.files[index].state != .saved {
      await client.save(message, index, in: folder, unencrypted: unencrypted == true)
    }
    return Done()
  }
}

/// This device's keys, and what is known of the keys of others.
public struct ShowKeys: StoreOperation {
  public static let method = "keys.show"
  public init() {}
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> KeyReport {
    guard let keys = try await store.keys(curve: account.curve) else { throw ChatError.noKeys }
    return keys
  }
}

/// The codes to compare with somebody. Keys that are not known yet are not fetched: that would need a connection.
public struct VerifyKeys: StoreOperation {
  public static let method = "keys.verify"
  /// A SIP address, a contact's name, or a name alone of the account's domain.
  public var address: String
  public init(_ address: String) { self.address = address }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> Verification {
    let uri = try store.person(address, for: account.address)
    return try await store.verification(of: uri, curve: account.curve)
  }
}

/// As `VerifyKeys`, after fetching keys that are not known yet.
public struct FetchKeys: ClientOperation {
  public static let method = "keys.fetch"
  public static let isRepeatable = true
  /// A SIP address, a contact's name, or a name alone of the account's domain.
  public var address: String
  public init(_ address: String) { self.address = address }
  public func perform(on client: ChatClient) async throws -> Verification {
    try await client.verification(of: address)
  }
}

/// Decides on a device; texts that waited for it go out.
public protocol DeviceDecision: StoreOperation where Output == DeviceTrust {
  /// A GRUU, or a part of it that no other known device has.
  var device: String { get }
}

extension DeviceDecision {
  public func perform(on client: ChatClient) async throws -> DeviceTrust {
    let trust = try await perform(on: client.store, of: client.account)
    await client.trustChanged()
    return trust
  }
}

/// The user has compared the codes: the device counts as trusted.
public struct TrustDevice: DeviceDecision {
  public static let method = "keys.trust"
  /// As `DeviceDecision.device`.
  public var device: String
  public init(_ device: String) { self.device = device }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> DeviceTrust {
    try await store.trust(device: device, curve: account.curve)
  }
}

/// A new device gets what is sent although it was not compared.
public struct AdmitDevice: DeviceDecision {
  public static let method = "keys.admit"
  /// As `DeviceDecision.device`.
  public var device: String
  public init(_ device: String) { self.device = device }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> DeviceTrust {
    try await store.admit(device: device, curve: account.curve)
  }
}

/// A device gets nothing, and the others of its rooms do.
public struct ExcludeDevice: DeviceDecision {
  public static let method = "keys.exclude"
  /// As `DeviceDecision.device`.
  public var device: String
  public init(_ device: String) { self.device = device }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> DeviceTrust {
    try await store.exclude(device: device, curve: account.curve)
  }
}

/// Flags a device as unsafe: nothing is sent to rooms it is in.
public struct DistrustDevice: DeviceDecision {
  public static let method = "keys.distrust"
  /// As `DeviceDecision.device`.
  public var device: String
  public init(_ device: String) { self.device = device }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> DeviceTrust {
    try await store.distrust(device: device, curve: account.curve)
  }
}

/// Forgets a device's key and sessions: the next key that is offered for it is taken as its own.
public struct ForgetDevice: DeviceDecision {
  public static let method = "keys.forget"
  /// A second time there may be no such device.
  public static let isRepeatable = false
  /// As `DeviceDecision.device`.
  public var device: String
  public init(_ device: String) { self.device = device }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> DeviceTrust {
    try await store.forget(device: device, curve: account.curve)
  }
}

/// Does the daily upkeep of this device's keys on the key server now.
public struct PublishKeys: ClientOperation {
  public static let method = "keys.publish"
  public static let isRepeatable = true
  public init() {}
  public func perform(on client: ChatClient) async throws -> KeyUpdate { try await client.updateKeys() }
}
