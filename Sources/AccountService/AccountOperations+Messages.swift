// AccountOperations+Messages.swift: message.* and keys.*
import ChatCore
import Foundation
import MessageFormats

/// Puts a text into the outbox; events tell what becomes of it.
public struct SendText: ClientOperation {
  public static let method = "message.send"
  /// As the TO of `limeade send`.
  public var to: String
  public var text: String
  /// Nothing leaves while a device that would get it is not trusted.
  public var requireTrust: Bool?
  /// The Message-ID of the message that this answers, or "last".
  public var replyTo: String?
  /// Seconds from being read to being deleted.
  public var ephemeral: Int?
  /// Absolute paths of files, which go with the text; that may be empty then.
  public var files: [String]?
  public init(
    to: String, text: String, requireTrust: Bool = false, replyTo: String? = nil, ephemeral: Int? = nil,
    files: [String] = []
  ) {
    (self.to, self.text, self.requireTrust) = (to, text, requireTrust)
    (self.replyTo, self.ephemeral, self.files) = (replyTo, ephemeral, files.isEmpty ? nil : files)
  }
  public func perform(on client: ChatClient) async throws -> Message {
    let room = try await client.room(for: to).room.address
    var answered: String?
    if let replyTo { answered = try await client.store.messageID(replyTo, in: room, .others) }
    let options = MessageOptions(replyTo: answered, lifetime: ephemeral, requireTrust: requireTrust == true)
    guard let files, !files.isEmpty else { return try await client.send(text, to: room, options) }
    guard files.allSatisfy({ $0.hasPrefix("/") }) else { throw ChatError.badInput("files needs absolute paths") }
    return try await client.send(text, files: files, to: room, options)
  }
}

/// Ends a message's uploads, so that it is not sent, and its downloads.
public struct CancelTransfers: ClientOperation {
  public static let method = "message.cancel"
  public static let isRepeatable = true
  /// The room's address.
  public var room: String
  public var id: String
  public init(room: String, id: String) { (self.room, self.id) = (room, id) }
  /// - Returns: whether there was something to end.
  public func perform(on client: ChatClient) async throws -> Bool {
    guard let entry = try await client.store.message(room: room, messageID: id) else { return false }
    return await client.cancelTransfers(of: entry.message)
  }
}

/// A message by its Message-ID, with what each member did with it; `null` when it is not in the room.
public struct FindMessage: StoreOperation {
  public static let method = "message.show"
  /// The room's address.
  public var room: String
  public var id: String
  public init(room: String, id: String) { (self.room, self.id) = (room, id) }
  public func perform(
    on store: AccountStore, of account: AccountConfiguration
  ) async throws -> MessageWithDeliveries? {
    try await store.message(room: room, messageID: id)
  }
}

/// The newest messages of a room, or of all rooms, oldest first.
public struct ReadHistory: StoreOperation {
  public static let method = "message.history"
  public static let defaultLimit = 200
  public var room: String?
  public var search: String?
  public var since: Date?
  public var limit: Int?
  public init(room: String? = nil, search: String? = nil, since: Date? = nil, limit: Int? = nil) {
    (self.room, self.search, self.since, self.limit) = (room, search, since, limit)
  }
  public func perform(
    on store: AccountStore, of account: AccountConfiguration
  ) async throws -> [MessageWithDeliveries] {
    var address: String?
    if let room { address = try await store.room(named: room, for: account.address).room.address }
    return try await store.history(
      HistoryRequest(room: address, search: search, since: since, limit: max(0, limit ?? Self.defaultLimit)))
  }
}

/// Tells the senders that their messages were displayed.
public struct MarkRoomRead: ClientOperation {
  public static let method = "message.markRead"
  public static let isRepeatable = true
  public var room: String
  public init(_ room: String) { self.room = room }
  public func perform(on client: ChatClient) async throws -> Done {
    try await client.markRead(try await known(room, client).room.address)
    return Done()
  }
}

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
  /// A SIP address; a name alone is one of the account's domain.
  public var address: String
  public init(_ address: String) { self.address = address }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> Verification {
    guard let uri = SIPAddress.parse(address, domain: account.address.host) else {
      throw ChatError.badInput("'\(address)' is not a SIP address")
    }
    return try await store.verification(of: uri, curve: account.curve)
  }
}

/// `device` of these three: a GRUU, or a part of it that no other known device has.
public struct TrustDevice: StoreOperation {
  public static let method = "keys.trust"
  public var device: String
  public init(_ device: String) { self.device = device }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> DeviceTrust {
    try await store.trust(device: device, curve: account.curve)
  }
}

public struct DistrustDevice: StoreOperation {
  public static let method = "keys.distrust"
  public var device: String
  public init(_ device: String) { self.device = device }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> DeviceTrust {
    try await store.distrust(device: device, curve: account.curve)
  }
}

public struct ForgetDevice: StoreOperation {
  public static let method = "keys.forget"
  /// A second time there may be no such device.
  public static let isRepeatable = false
  public var device: String
  public init(_ device: String) { self.device = device }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> DeviceTrust {
    try await store.forget(device: device, curve: account.curve)
  }
}

public struct PublishKeys: ClientOperation {
  public static let method = "keys.publish"
  public static let isRepeatable = true
  public init() {}
  public func perform(on client: ChatClient) async throws -> KeyUpdate { try await client.updateKeys() }
}
