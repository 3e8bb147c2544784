// AccountOperations+Rooms.swift: account.show and room.*
import ChatCore
import Foundation
import MessageFormats

/// Which account the holder has, and which program it is.
public struct ShowAccount: StoreOperation {
  public static let method = "account.show"
  /// Counts up when programs of different versions no longer understand each other.
  public static let protocolVersion = 2

  /// The holder's account and version.
  public struct Output: Codable, Sendable {
    /// Its name in the configuration.
    public var account: String
    /// The SIP address.
    public var address: String
    /// This device's GRUU; absent before the first registration.
    public var device: String?
    /// The holder's version, as `limeade --version` says it.
    public var version: String
    /// The holder's `protocolVersion` of this operation.
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

/// All rooms that the database has, also those that were left.
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
  /// The room with what a reader wants to know of its members' keys.
  public struct Output: Codable, Sendable {
    /// The room with its members and counts of messages.
    public var summary: RoomSummary
    /// Every member's devices, as the focus told them.
    public var devices: [Device]
    /// What is known of the keys of these devices.
    public var trust: RoomTrust
  }

  /// A room's address, a person's address for the one-to-one room, or the beginning of a room's name.
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
  /// As the TO of `limeade send`.
  public var to: String
  public init(to: String) { self.to = to }
  public func perform(on client: ChatClient) async throws -> RoomSummary { try await client.room(for: to) }
}

/// Asks the conference factory for a room with these members.
public struct CreateRoom: ClientOperation {
  public static let method = "room.create"
  /// The room's subject.
  public var name: String
  /// SIP addresses or contacts; other names alone are of the account's domain.
  public var members: [String]
  /// Without end-to-end encryption.
  public var plain: Bool?
  /// Seconds that messages of all members live after being read; nil when each member decides for its own.
  public var ephemeral: Int?
  public init(name: String, members: [String], plain: Bool = false, ephemeral: Int? = nil) {
    (self.name, self.members, self.plain, self.ephemeral) = (name, members, plain, ephemeral)
  }
  public func perform(on client: ChatClient) async throws -> RoomSummary {
    try MessageText.checkName(name)
    let room = try await client.createRoom(
      named: name, members: try addresses(members, client), encrypted: plain != true, lifetime: ephemeral)
    try await client.store.noteUse(of: name, for: room.room.address)
    return room
  }
}

/// What became of somebody who was to be invited or removed.
public struct MemberChange: Codable, Sendable, Equatable {
  /// Address of record.
  public var address: String
  /// Whether it was done, and shows in the room's state.
  public var change: MembershipChange
  /// Of a refusal.
  public var why: String?

  init(address: String, _ change: MembershipChange, why: String? = nil) {
    (self.address, self.change, self.why) = (address, change, why)
  }
}

/// The operations on a known room and people's addresses.
public struct InviteToRoom: ClientOperation {
  public static let method = "room.invite"
  /// As `ShowRoom.room`.
  public var room: String
  /// SIP addresses or contacts; other names alone are of the account's domain.
  public var members: [String]
  public init(room: String, members: [String]) { (self.room, self.members) = (room, members) }
  public func perform(on client: ChatClient) async throws -> [MemberChange] {
    try await changes(of: members, in: room, client) { try await client.invite($0, to: $1) }
  }
}

/// Takes members out of a room; the account must be its administrator.
public struct RemoveFromRoom: ClientOperation {
  public static let method = "room.remove"
  /// As `ShowRoom.room`.
  public var room: String
  /// SIP addresses or contacts; other names alone are of the account's domain.
  public var members: [String]
  public init(room: String, members: [String]) { (self.room, self.members) = (room, members) }
  public func perform(on client: ChatClient) async throws -> [MemberChange] {
    try await changes(of: members, in: room, client) { try await client.remove($0, from: $1) }
  }
}

/// Makes members administrators of a room, or takes that away.
public struct MakeRoomAdmin: ClientOperation {
  public static let method = "room.admin"
  /// As `ShowRoom.room`.
  public var room: String
  /// SIP addresses or contacts; other names alone are of the account's domain.
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

/// Gives a room another subject; the account must be its administrator.
public struct RenameRoom: ClientOperation {
  public static let method = "room.rename"
  /// As `ShowRoom.room`.
  public var room: String
  /// The new subject.
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

/// Sets how long messages of all members live after being read; the account must be the room's administrator.
public struct SetRoomLifetime: ClientOperation {
  public static let method = "room.ephemeral"
  /// A second time it has nothing more to change.
  public static let isRepeatable = true
  /// As `ShowRoom.room`.
  public var room: String
  /// 0 when they stay.
  public var seconds: Int
  public init(room: String, seconds: Int) { (self.room, self.seconds) = (room, seconds) }
  public func perform(on client: ChatClient) async throws -> Done {
    try await client.setLifetime(of: try await known(room, client).room.address, to: seconds)
    return Done()
  }
}

/// What a room is told of messages that came and of writing. What is not given stays as it is.
public struct SetRoomNotices: StoreOperation {
  public static let method = "room.set"
  /// Takes a setting of the room's own away.
  public static let asAccount = "account"
  /// As `ShowRoom.room`.
  public var room: String
  /// "all", "delivered", "none", or "account".
  public var receipts: String?
  /// "on", "off", or "account".
  public var typing: String?
  /// What of it is announced: "all", "mentions", "none", or "account".
  public var notify: String?
  /// "on", "off", or a time such as "2h": nothing of it is announced so long.
  public var mute: String?
  public init(
    _ room: String, receipts: String? = nil, typing: String? = nil, notify: String? = nil, mute: String? = nil
  ) {
    (self.room, self.receipts, self.typing, self.notify, self.mute) = (room, receipts, typing, notify, mute)
  }

  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> RoomNotices {
    try check()
    let (receipts, typing, notify) = (receipts, typing, notify?.lowercased())
    let isMuted = mute.map { $0.lowercased() != "off" }
    let end = try isMuted == true ? mute.map { try MuteTime.end($0) } : nil
    let address = try await store.room(named: room, for: account.address).room.address
    return try await store.setNotices(of: address) { notices in
      if let receipts { notices.receipts = ReceiptPolicy(receipts) }
      if let typing { notices.typing = Self.switches[typing.lowercased()] }
      if let notify { notices.notify = NotifyLevel(rawValue: notify) }
      if isMuted != nil { notices.mutedUntil = end }
    }
  }

  static let switches = ["on": true, "off": false]

  /// - Throws: `ChatError.badInput` for a word that is none of them.
  public func check() throws {
    if let receipts, receipts != Self.asAccount, ReceiptPolicy(receipts) == nil {
      throw ChatError.badInput("receipts are all, delivered, none, or account, not '\(receipts)'")
    }
    if let typing, typing != Self.asAccount, Self.switches[typing.lowercased()] == nil {
      throw ChatError.badInput("typing is on, off, or account, not '\(typing)'")
    }
    if let notify, notify != Self.asAccount, NotifyLevel(rawValue: notify.lowercased()) == nil {
      throw ChatError.badInput("notify is all, mentions, none, or account, not '\(notify)'")
    }
    if let mute, mute.lowercased() != "off" { _ = try MuteTime.end(mute) }
  }
}

/// - Returns: the room as it was before.
public struct LeaveRoom: ClientOperation {
  public static let method = "room.leave"
  /// As `ShowRoom.room`.
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
  /// As `ShowRoom.room`.
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
  try texts.map { try client.store.person($0, for: client.account.address) }
}

/// Carries out `change` for each address, also after a refusal.
/// - Throws: the first refusal when all were refused; else whatever else goes wrong, at once.
private func changes(
  of members: [String], in room: String, _ client: ChatClient,
  _ change: (SIPURI, String) async throws -> MembershipChange
) async throws -> [MemberChange] {
  let addresses = try addresses(members, client)
  let room = try await known(room, client).room.address
  var changes: [MemberChange] = []
  var refusal: ChatError?
  for address in addresses {
    do {
      changes.append(MemberChange(address: address.addressOfRecord.description, try await change(address, room)))
    } catch let error as ChatError {
      guard case .refused = error else { throw error }
      refusal = refusal ?? error
      changes.append(MemberChange(address: address.addressOfRecord.description, .refused, why: error.description))
    }
  }
  if let refusal, changes.allSatisfy({ $0.change == .refused }) { throw refusal }
  return changes
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
