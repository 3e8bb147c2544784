// ConferenceRoom.swift: members, devices, roles and versions of one chat room (RFC 4353, RFC 4575)
import Foundation
import MessageFormats

/// One room's state and the rules for changing it. A pure value: it sends nothing; each change gets the next version
/// and is kept for subscribers that are behind, and what has to happen on the wire comes back as `Steps`.
struct ConferenceRoom: Sendable {
  /// No more changes than this are kept for subscribers that were away; they get the full state instead.
  static let maximumHistory = 200
  /// More members than this are left out.
  static let maximumMembers = 500

  /// What a device is to the room.
  enum DeviceState: Sendable, Equatable {
    /// The focus will invite it, or has done so without an answer yet.
    case invited
    /// It has a dialog, knows the state and gets messages.
    case present
  }

  struct Device: Sendable, Equatable {
    let gruu: SIPURI
    var state: DeviceState
  }

  struct Member: Sendable, Equatable {
    /// Address-of-record
    let user: SIPURI
    var isAdmin: Bool
    var devices: [Device] = []
  }

  /// One change of state, which becomes one notification.
  enum Change: Sendable, Equatable {
    case memberAdded(Member)
    case memberRemoved(user: SIPURI)
    case roleChanged(user: SIPURI, isAdmin: Bool)
    case deviceAdded(user: SIPURI, device: Device)
    case devicePresent(user: SIPURI, device: Device)
    case deviceRemoved(user: SIPURI, gruu: SIPURI)
    case subjectChanged(String)
    case lifetimeChanged(Lifetime?)
  }

  /// Seconds after which messages delete themselves; 0 for never.
  struct Lifetime: Sendable, Equatable {
    /// From being read on.
    var read: Int
    /// Of a message that nobody reads; clients up to 5.4 know none.
    var unread = 0

    var isLimited: Bool { read > 0 || unread > 0 }
  }

  struct VersionedChange: Sendable, Equatable {
    let version: UInt32
    let change: Change
  }

  /// What the focus has to do on the wire after a change.
  struct Steps: Sendable, Equatable {
    /// Devices to INVITE
    var invite: [SIPURI] = []
    /// Devices to end the dialog with
    var bye: [SIPURI] = []

    static func + (left: Steps, right: Steps) -> Steps {
      Steps(invite: left.invite + right.invite, bye: left.bye + right.bye)
    }
  }

  enum Refusal: Error, Equatable {
    case notAdmin
    case notMember
    /// One-to-one rooms have no changes of members and roles.
    case oneToOne
    case noSuchMember
  }

  /// As the focus writes it. A restart of the focus may write it otherwise.
  var address: SIPURI
  let isEncrypted: Bool
  let isOneToOne: Bool
  private(set) var subject: String
  /// As the administrators have it for all; nil where each device decides for itself.
  private(set) var lifetime: Lifetime?
  /// In the order in which they came: the first one left becomes admin when no admin remains.
  private(set) var members: [Member] = []
  /// Of the last change; a room's first full state has at least 1.
  private(set) var version: UInt32 = 0
  private(set) var history: [VersionedChange] = []

  init(
    address: SIPURI, subject: String, isEncrypted: Bool = false, isOneToOne: Bool = false, lifetime: Lifetime? = nil
  ) {
    self.address = address
    self.subject = subject
    self.lifetime = lifetime
    self.isEncrypted = isEncrypted
    self.isOneToOne = isOneToOne
  }

  var isEmpty: Bool { members.isEmpty }

  func member(_ user: SIPURI) -> Member? { members.first { $0.user == user } }

  func device(_ gruu: SIPURI) -> Device? {
    member(gruu.withoutParameters)?.devices.first { $0.gruu == gruu }
  }

  /// All devices but the sender's, in order; messages go to each of them.
  func recipients(ofMessageFrom sender: SIPURI) -> [Device] {
    members.flatMap(\.devices).filter { $0.gruu != sender }
  }

  /// The changes after a version that a subscriber knows. nil when they are not known any more (or the subscriber
  /// claims a version that never was): it needs the full state.
  func changes(after known: UInt32) -> [VersionedChange]? {
    guard known > 0, known <= version else { return nil }
    let missing = history.filter { $0.version > known }
    return missing.count == Int(version - known) ? missing : nil
  }

  // MARK: Coming

  /// Fills a new room: the creator, present with the one device that asked, and everyone invited with their devices.
  mutating func begin(creator: SIPURI, device: SIPURI, otherDevices: [SIPURI], invited: [(SIPURI, [SIPURI])]) -> Steps {
    // As Flexisip counts: a member, then each of its devices.
    add(Member(user: creator, isAdmin: true))
    _ = join(device)
    var steps = Steps()
    for gruu in otherDevices where gruu != device { steps = steps + addDevice(gruu) }
    for (user, devices) in invited where !devices.isEmpty && member(user) == nil {
      guard members.count < Self.maximumMembers else { break }
      add(Member(user: user, isAdmin: isOneToOne))
      for gruu in devices { steps = steps + addDevice(gruu) }
    }
    return steps
  }

  /// Adds a member at an admin's wish. A user without a usable device is left out silently, as is one who is in
  /// already.
  mutating func add(_ user: SIPURI, devices: [SIPURI], by admin: SIPURI) throws(Refusal) -> Steps {
    try requireAdmin(admin)
    guard !devices.isEmpty, member(user) == nil else { return Steps() }
    return addMember(user, devices: devices)
  }

  /// A device of a member has appeared: it is invited. Nothing for others and for devices that are in.
  mutating func addDevice(_ gruu: SIPURI) -> Steps {
    let user = gruu.withoutParameters
    guard let index = members.firstIndex(where: { $0.user == user }), device(gruu) == nil else { return Steps() }
    let device = Device(gruu: gruu, state: .invited)
    members[index].devices.append(device)
    record(.deviceAdded(user: user, device: device))
    return Steps(invite: [gruu])
  }

  /// A device that was invited has joined; a member's device that came by itself joins too. False for strangers.
  @discardableResult
  mutating func join(_ gruu: SIPURI) -> Bool {
    let user = gruu.withoutParameters
    _ = addDevice(gruu)
    guard let index = members.firstIndex(where: { $0.user == user }),
      let place = members[index].devices.firstIndex(where: { $0.gruu == gruu })
    else { return false }
    guard members[index].devices[place].state != .present else { return true }
    members[index].devices[place].state = .present
    record(.devicePresent(user: user, device: members[index].devices[place]))
    return true
  }

  // MARK: Going

  /// A device has ended its dialog: its user leaves with all devices. A one-to-one room ends for both.
  mutating func leave(_ gruu: SIPURI) -> Steps {
    let user = gruu.withoutParameters
    guard member(user) != nil else { return Steps() }
    var steps = Steps()
    if isOneToOne {
      for other in members where other.user != user { steps = steps + removeMember(other.user) }
    }
    steps = steps + removeMember(user)
    steps.bye.removeAll { $0 == gruu }
    return steps
  }

  /// Removes a member at an admin's wish.
  mutating func remove(_ user: SIPURI, by admin: SIPURI) throws(Refusal) -> Steps {
    try requireAdmin(admin)
    guard member(user) != nil else { throw .noSuchMember }
    return removeMember(user)
  }

  /// A device has unregistered, or its registration has expired: it goes, its user stays a member.
  mutating func deviceUnregistered(_ gruu: SIPURI) {
    let user = gruu.withoutParameters
    guard let index = members.firstIndex(where: { $0.user == user }), device(gruu) != nil else { return }
    members[index].devices.removeAll { $0.gruu == gruu }
    record(.deviceRemoved(user: user, gruu: gruu))
  }

  // MARK: Other changes

  /// Renames the room. Anyone but an admin changes nothing, and is not told so: that is how Flexisip answers.
  mutating func rename(_ subject: String, by user: SIPURI) {
    guard member(user)?.isAdmin == true, subject != self.subject else { return }
    self.subject = subject
    record(.subjectChanged(subject))
  }

  /// Another lifetime, or none for all any more (nil), which is for good. As with the subject, only an admin does it.
  mutating func setLifetime(_ new: Lifetime?, by user: SIPURI) {
    guard lifetime != nil, member(user)?.isAdmin == true, new != lifetime else { return }
    lifetime = new
    record(.lifetimeChanged(new))
  }

  mutating func setAdmin(_ user: SIPURI, _ isAdmin: Bool, by admin: SIPURI) throws(Refusal) {
    try requireAdmin(admin)
    guard member(user) != nil else { throw .noSuchMember }
    setRole(user, isAdmin: isAdmin)
    designateAdmin()
  }

  // MARK: Steps of the above

  private func requireAdmin(_ user: SIPURI) throws(Refusal) {
    guard let member = member(user) else { throw .notMember }
    guard !isOneToOne else { throw .oneToOne }
    guard member.isAdmin else { throw .notAdmin }
  }

  private mutating func add(_ member: Member) {
    members.append(member)
    record(.memberAdded(member))
  }

  private mutating func addMember(_ user: SIPURI, devices: [SIPURI]) -> Steps {
    guard !devices.isEmpty, member(user) == nil, members.count < Self.maximumMembers else { return Steps() }
    // Both members of a one-to-one room can do everything that is left to do there.
    add(Member(user: user, isAdmin: isOneToOne, devices: devices.map { Device(gruu: $0, state: .invited) }))
    return Steps(invite: devices)
  }

  /// In the order that Flexisip notifies: role taken, member gone, another admin named.
  private mutating func removeMember(_ user: SIPURI) -> Steps {
    guard let member = member(user) else { return Steps() }
    if member.isAdmin, !isOneToOne { setRole(user, isAdmin: false) }
    members.removeAll { $0.user == user }
    record(.memberRemoved(user: user))
    designateAdmin()
    return Steps(bye: member.devices.map(\.gruu))
  }

  private mutating func setRole(_ user: SIPURI, isAdmin: Bool) {
    guard let index = members.firstIndex(where: { $0.user == user }), members[index].isAdmin != isAdmin else { return }
    members[index].isAdmin = isAdmin
    record(.roleChanged(user: user, isAdmin: isAdmin))
  }

  private mutating func designateAdmin() {
    guard !isOneToOne, let first = members.first, !members.contains(where: \.isAdmin) else { return }
    setRole(first.user, isAdmin: true)
  }

  private mutating func record(_ change: Change) {
    version += 1
    history.append(VersionedChange(version: version, change: change))
    if history.count > Self.maximumHistory { history.removeFirst(history.count - Self.maximumHistory) }
  }
}
