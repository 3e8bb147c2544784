// RoomRow.swift: a room in the list, and the open room's header and members.

/// One line of the room list.
public struct RoomRow: Identifiable, Hashable, Sendable {
  /// A room of several people, or with one person.
  public enum Kind: Hashable, Sendable { case group, direct }

  /// Whether something can be sent to the room.
  public enum Presence: Hashable, Sendable {
    case active
    /// Being created or joined.
    case joining
    /// Cannot be reached at present, or was left.
    case offline
  }

  /// The room's address.
  public var id: String
  /// The one by which Alt and a digit open it; stays when rooms change places.
  public var number: Int
  /// As the list shows it: the subject, or the other person's name.
  public var name: String
  /// Orders and marks the room in the list.
  public var kind: Kind
  /// Whether messages in it are encrypted end to end.
  public var isEncrypted: Bool
  /// How many messages were not read.
  public var unread: Int
  /// How many of the unread messages mention the account.
  public var mentions: Int
  /// Drawn behind the name, unless something can be sent.
  public var presence: Presence
  /// Larger is more recent; orders the switcher and the search for the next unread room.
  public var activity: Int64
  /// Whether somebody else is writing in it.
  public var isTyping: Bool
  /// Whether the user keeps it at the top of the list; marked there.
  public var isPinned = false
  /// Whether nothing of it is announced.
  public var isMuted = false
  /// Something was typed in it and not sent; `UserInterface` knows.
  public internal(set) var hasDraft = false

  public init(
    id: String, number: Int = 0, name: String, kind: Kind = .group, isEncrypted: Bool = true, unread: Int = 0,
    mentions: Int = 0,
    presence: Presence = .active, activity: Int64 = 0, isTyping: Bool = false
  ) {
    self.id = id
    self.number = number
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

  /// Its number, or its place in the list (from 0) when it has none.
  func label(at index: Int) -> Int { number > 0 ? number : index + 1 }
}

/// How far the open room's encryption can be trusted: the levels of Linphone.
public enum RoomSecurity: Hashable, Sendable {
  case notEncrypted
  case encrypted(trustedDevices: Int, devices: Int)
  /// Encrypted, and every device trusted.
  case trusted
  /// A member's device is marked unsafe or its identity has changed.
  case unsafe

  /// As the header shows it.
  public var words: String {
    switch self {
    case .notEncrypted: "not encrypted"
    case .encrypted(let trusted, let devices):
      trusted == 0 ? "E2EE untrusted" : "E2EE trusted \(trusted)/\(devices)"
    case .trusted: "E2EE trusted"
    case .unsafe: "E2EE UNSAFE"
    }
  }
}

extension RoomSecurity {
  /// For where there is little room.
  var shortWords: String {
    switch self {
    case .notEncrypted: "plain"
    case .encrypted: "E2EE"
    case .trusted: "trusted"
    case .unsafe: "UNSAFE"
    }
  }
}

/// The first row of the screen: what the open room is.
public struct RoomHeader: Hashable, Sendable {
  /// The room's subject, or the other person's name.
  public var name: String
  /// Drawn in words; an unsafe room gets another style.
  public var security: RoomSecurity
  /// Devices of all members; nil draws no count.
  public var deviceCount: Int?
  /// When messages delete themselves, in words; nil when they stay.
  public var lifetime: String?

  public init(name: String = "", security: RoomSecurity = .notEncrypted, deviceCount: Int? = nil) {
    self.name = name
    self.security = security
    self.deviceCount = deviceCount
  }
}

/// A member in the list, with the devices below.
public struct MemberRow: Identifiable, Hashable, Sendable {
  /// How far a device is trusted, or a member by the least trusted device.
  public enum Trust: Hashable, Sendable {
    case trusted, untrusted, unsafe, notEncrypted
    /// No message was exchanged with it yet; as little trusted.
    case unknown
    /// New: it gets nothing until the user decides.
    case held
    /// It gets nothing.
    case excluded

    var letter: String {
      switch self {
      case .trusted: "t"
      case .untrusted, .unknown: "e"
      case .held: "?"
      case .excluded: "x"
      case .unsafe: "U"
      case .notEncrypted: "-"
      }
    }

    /// As lists and the comparing panel show it.
    public var words: String {
      switch self {
      case .trusted: "trusted"
      case .untrusted: "untrusted"
      case .unknown: "unknown"
      case .held: "NEW: gets nothing until you decide"
      case .excluded: "excluded: gets nothing"
      case .unsafe: "UNSAFE"
      case .notEncrypted: "not encrypted"
      }
    }
  }

  /// A device below its member.
  public struct DeviceRow: Identifiable, Hashable, Sendable {
    /// Its address.
    public var id: String
    /// How far this device is trusted.
    public var trust: Trust

    public init(id: String, trust: Trust) {
      self.id = id
      self.trust = trust
    }

    /// The end of the address, by which people tell devices apart: "…6f2a91c3".
    var shortName: String { "…" + DisplayText.line(String(id.suffix(8))) }
  }

  /// The member's address.
  public var id: String
  /// Display name.
  public var name: String
  /// Whether it is this account.
  public var isSelf: Bool
  /// Whether the member may invite and remove others.
  public var isAdmin: Bool
  /// The least of the devices' trust.
  public var trust: Trust
  /// In the order in which they are drawn.
  public var devices: [DeviceRow]

  public init(
    id: String, name: String, isSelf: Bool = false, isAdmin: Bool = false, trust: Trust = .untrusted,
    devices: [DeviceRow] = []
  ) {
    self.id = id
    self.name = name
    self.isSelf = isSelf
    self.isAdmin = isAdmin
    self.trust = trust
    self.devices = devices
  }
}
