// RoomRow.swift: a room in the list, and the open room's header and members.

/// One line of the room list.
public struct RoomRow: Identifiable, Hashable, Sendable {
  public enum Kind: Hashable, Sendable { case group, direct }

  public enum Presence: Hashable, Sendable {
    case active
    /// Being created or joined.
    case joining
    /// Cannot be reached at present, or was left.
    case offline
  }

  public var id: String
  public var name: String
  public var kind: Kind
  public var isEncrypted: Bool
  public var unread: Int
  /// How many of the unread messages mention the account.
  public var mentions: Int
  public var presence: Presence
  /// Larger is more recent; orders the switcher and the search for the next unread room.
  public var activity: Int64
  public var isTyping: Bool

  public init(
    id: String, name: String, kind: Kind = .group, isEncrypted: Bool = true, unread: Int = 0, mentions: Int = 0,
    presence: Presence = .active, activity: Int64 = 0, isTyping: Bool = false
  ) {
    self.id = id
    self.name = name
    self.kind = kind
    self.isEncrypted = isEncrypted
    self.unread = unread
    self.mentions = mentions
    self.presence = presence
    self.activity = activity
    self.isTyping = isTyping
  }

  /// Unread in a way that concerns the user in person.
  var isImportant: Bool { mentions > 0 || (kind == .direct && unread > 0) }
}

/// How far the open room's encryption can be trusted: the levels of Linphone.
public enum RoomSecurity: Hashable, Sendable {
  case notEncrypted
  case encrypted(verifiedDevices: Int, devices: Int)
  /// Encrypted, and every device verified.
  case verified
  /// A member's device is marked unsafe or its identity has changed.
  case unsafe

  public var words: String {
    switch self {
    case .notEncrypted: "not encrypted"
    case .encrypted(let verified, let devices):
      verified == 0 ? "E2EE not verified" : "E2EE verified \(verified)/\(devices)"
    case .verified: "E2EE verified"
    case .unsafe: "E2EE UNSAFE"
    }
  }
}

public struct RoomHeader: Hashable, Sendable {
  public var name: String
  public var security: RoomSecurity
  /// Devices of all members; nil draws no count.
  public var deviceCount: Int?

  public init(name: String = "", security: RoomSecurity = .notEncrypted, deviceCount: Int? = nil) {
    self.name = name
    self.security = security
    self.deviceCount = deviceCount
  }
}

public struct MemberRow: Identifiable, Hashable, Sendable {
  public enum Trust: Hashable, Sendable { case verified, notVerified, unsafe, notEncrypted }

  public var id: String
  public var name: String
  public var isSelf: Bool
  public var isAdmin: Bool
  public var devices: Int
  public var trust: Trust

  public init(
    id: String, name: String, isSelf: Bool = false, isAdmin: Bool = false, devices: Int = 1,
    trust: Trust = .notVerified
  ) {
    self.id = id
    self.name = name
    self.isSelf = isSelf
    self.isAdmin = isAdmin
    self.devices = devices
    self.trust = trust
  }
}
