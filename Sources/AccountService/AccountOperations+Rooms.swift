// AccountOperations+Rooms.swift: account.show and room.*
import ChatCore
import Foundation
import MessageFormats

/// Which account the holder has, and which program it is.
public struct ShowAccount: StoreOperation {
  public static let method = "account.show"
  /// Counts up when programs of different versions no longer understand each other.
  public static let protocolVersion = 1

  public struct Output: Codable, Sendable {
    public var account: String
    public var address: String
    /// This device's GRUU; absent before the first registration.
    public var device: String?
    public var version: String
    public var protocolVersion: Int
    /// Identifier of the holder's process.
    public var process: Int32
  }

  public init() {}
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> Output {
    Output(
      account: account.name, address: account.address.description, device: try await store.deviceID(),
      version: Version.current, protocolVersion: Self.protocolVersion, process: getpid())
  }
}

public struct ListRooms: StoreOperation {
  public static let method = "room.list"
  public init() {}
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> [RoomSummary] {
    try await store.rooms()
  }
}

/// Unread messages that call the account by its name: how many in which room.
public struct CountMentions: StoreOperation {
  public static let method = "room.mentions"
  public init() {}
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> [String: Int] {
    try await store.mentions(of: Mention(account.address.user ?? ""))
  }
}

/// A room that is known, by its address or the beginning of its name, with its devices.
public struct ShowRoom: StoreOperation {
  public static let method = "room.show"
  public struct Output: Codable, Sendable {
    public var summary: RoomSummary
    public var devices: [Device]
    public var trust: RoomTrust
  }

  public var room: String
  public init(_ room: String) { self.room = room }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> Output {
    let summary = try await store.room(named: room, for: account.address)
    return Output(
      summary: summary, devices: try await store.devices(room: summary.room.address),
      trust: try await store.trust(room: summary.room.address, curve: account.curve))
  }
}

/// As the TO of `limeade send`: a SIP address means the one-to-one room with that person, made if absent.
public struct OpenRoom: ClientOperation {
  public static let method = "room.open"
  public static let isRepeatable = true
  public var to: String
  public init(to: String) { self.to = to }
  public func perform(on client: ChatClient) async throws -> RoomSummary { try await client.room(for: to) }
}

public struct CreateRoom: ClientOperation {
  public static let method = "room.create"
  public var name: String
  public var members: [String]
  public var plain: Bool?
  public init(name: String, members: [String], plain: Bool = false) {
    (self.name, self.members, self.plain) = (name, members, plain)
  }
  public func perform(on client: ChatClient) async throws -> RoomSummary {
    try MessageText.checkName(name)
    let room = try await client.createRoom(
      named: name, members: try addresses(members, client), encrypted: plain != true)
    try await client.store.noteUse(of: name, for: room.room.address)
    return room
  }
}

/// The operations on a known room and people's addresses.
public struct InviteToRoom: ClientOperation {
  public static let method = "room.invite"
  public var room: String
  public var members: [String]
  public init(room: String, members: [String]) { (self.room, self.members) = (room, members) }
  public func perform(on client: ChatClient) async throws -> Done {
    try await forEach(members, in: room, client) { try await client.invite($0, to: $1) }
  }
}

public struct RemoveFromRoom: ClientOperation {
  public static let method = "room.remove"
  public var room: String
  public var members: [String]
  public init(room: String, members: [String]) { (self.room, self.members) = (room, members) }
  public func perform(on client: ChatClient) async throws -> Done {
    try await forEach(members, in: room, client) { try await client.remove($0, from: $1) }
  }
}

public struct MakeRoomAdmin: ClientOperation {
  public static let method = "room.admin"
  public var room: String
  public var members: [String]
  /// Takes the right away.
  public var revoke: Bool?
  public init(room: String, members: [String], revoke: Bool = false) {
    (self.room, self.members, self.revoke) = (room, members, revoke)
  }
  public func perform(on client: ChatClient) async throws -> Done {
    let isAdmin = revoke != true
    return try await forEach(members, in: room, client) { try await client.makeAdmin($0, in: $1, isAdmin) }
  }
}

public struct RenameRoom: ClientOperation {
  public static let method = "room.rename"
  public var room: String
  public var name: String
  public init(room: String, name: String) { (self.room, self.name) = (room, name) }
  public func perform(on client: ChatClient) async throws -> Done {
    let address = try await known(room, client).room.address
    try MessageText.checkName(name)
    try await client.rename(address, to: name)
    try await client.store.noteUse(of: name, for: address)
    return Done()
  }
}

/// What a room is told of messages that came and of writing. What is not given stays as it is.
public struct SetRoomNotices: StoreOperation {
  public static let method = "room.set"
  /// Takes a setting of the room's own away.
  public static let asAccount = "account"
  public var room: String
  /// "all", "delivered", "none", or "account".
  public var receipts: String?
  /// "on", "off", or "account".
  public var typing: String?
  public init(_ room: String, receipts: String? = nil, typing: String? = nil) {
    (self.room, self.receipts, self.typing) = (room, receipts, typing)
  }

  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> RoomNotices {
    try check()
    let (receipts, typing) = (receipts, typing)
    let address = try await store.room(named: room, for: account.address).room.address
    return try await store.setNotices(of: address) { notices in
      if let receipts { notices.receipts = ReceiptPolicy(receipts) }
      if let typing { notices.typing = Self.switches[typing.lowercased()] }
    }
  }

  private static let switches = ["on": true, "off": false]

  /// - Throws: `ChatError.badInput` for a word that is none of them.
  public func check() throws {
    if let receipts, receipts != Self.asAccount, ReceiptPolicy(receipts) == nil {
      throw ChatError.badInput("receipts are all, delivered, none, or account, not '\(receipts)'")
    }
    if let typing, typing != Self.asAccount, Self.switches[typing.lowercased()] == nil {
      throw ChatError.badInput("typing is on, off, or account, not '\(typing)'")
    }
  }
}

/// - Returns: the room as it was before.
public struct LeaveRoom: ClientOperation {
  public static let method = "room.leave"
  public var room: String
  public init(_ room: String) { self.room = room }
  public func perform(on client: ChatClient) async throws -> RoomSummary {
    let summary = try await known(room, client)
    try await client.leave(summary.room.address)
    try await client.store.forgetNames(of: summary.room.address)
    return summary
  }
}

/// Removes the room with its messages from this device, also one whose focus answers nothing.
/// - Returns: the room as it was before.
public struct ForgetRoom: ClientOperation {
  public static let method = "room.forget"
  public var room: String
  public init(_ room: String) { self.room = room }
  public func perform(on client: ChatClient) async throws -> RoomSummary {
    let summary = try await known(room, client)
    try await client.forget(summary.room.address)
    return summary
  }
}

// MARK: Names

func known(_ room: String, _ client: ChatClient) async throws -> RoomSummary {
  try await client.store.room(named: room, for: client.account.address)
}

private func addresses(_ texts: [String], _ client: ChatClient) throws -> [SIPURI] {
  try texts.map { try SIPAddress.checked($0, domain: client.account.address.host) }
}

/// Carries out `change` for each address; a refusal ends it.
private func forEach(
  _ members: [String], in room: String, _ client: ChatClient, _ change: (SIPURI, String) async throws -> Void
) async throws -> Done {
  let addresses = try addresses(members, client)
  let room = try await known(room, client).room.address
  for address in addresses { try await change(address, room) }
  return Done()
}
