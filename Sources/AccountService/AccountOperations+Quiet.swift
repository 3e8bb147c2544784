// AccountOperations+Quiet.swift: account.set, block.* and room.invitations|accept|decline: who may reach this account how.
import ChatCore
import Foundation

/// What all rooms are told that have no setting of their own, over what is configured.
public struct SetAccountNotices: StoreOperation {
  public static let method = "account.set"
  /// "all", "delivered", "none"; "account" goes back to what is configured.
  public var receipts: String?
  /// "on", "off", or "account".
  public var typing: String?
  public init(receipts: String? = nil, typing: String? = nil) { (self.receipts, self.typing) = (receipts, typing) }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> RoomNotices {
    try SetRoomNotices("", receipts: receipts, typing: typing).check()
    let (receipts, typing) = (receipts, typing)
    return try await store.setAccountNotices { notices in
      if let receipts { notices.receipts = ReceiptPolicy(receipts) }
      if let typing { notices.typing = SetRoomNotices.switches[typing.lowercased()] }
    }
  }
}

/// What this person writes is kept and not shown, and they get no receipts.
public struct BlockAddress: StoreOperation {
  public static let method = "block.add"
  /// A SIP address or a contact's name; another name is one of the account's domain.
  public var address: String
  public init(_ address: String) { self.address = address }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> [String] {
    try await store.block(store.person(address, for: account.address), for: account)
    return try await store.blocked().sorted()
  }
}

/// Takes a block back; what was kept is shown.
public struct UnblockAddress: StoreOperation {
  public static let method = "block.remove"
  /// As `BlockAddress.address`.
  public var address: String
  public init(_ address: String) { self.address = address }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> [String] {
    try await store.block(store.person(address, for: account.address), false, for: account)
    return try await store.blocked().sorted()
  }
}

/// The people who are blocked.
public struct ListBlocked: StoreOperation {
  public static let method = "block.list"
  public init() {}
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> [String] {
    try await store.blocked().sorted()
  }
}

/// Invitations of strangers, also those that were declined.
public struct ListInvitations: StoreOperation {
  public static let method = "room.invitations"
  public init() {}
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> [Invitation] {
    try await store.invitations()
  }
}

/// Enters a room that a stranger made.
public struct AcceptInvitation: ClientOperation {
  public static let method = "room.accept"
  /// The room's address, the beginning of its name, or somebody's address; nil for the only one that waits.
  public var room: String?
  public init(_ room: String?) { self.room = room }
  public func perform(on client: ChatClient) async throws -> RoomSummary {
    try await client.accept(try await client.store.invitation(room, for: client.account))
  }
}

/// Stays out of a room that a stranger made, without a word to anybody.
/// - Returns: the invitation as it was.
public struct DeclineInvitation: StoreOperation {
  public static let method = "room.decline"
  /// As `AcceptInvitation.room`.
  public var room: String?
  public init(_ room: String?) { self.room = room }
  public func perform(on store: AccountStore, of account: AccountConfiguration) async throws -> Invitation {
    let invitation = try await store.invitation(room, for: account)
    try await store.decline(invitation)
    return invitation
  }
}
