// ConferenceState.swift: a conference's state kept from full and partial notifications (RFC 4575 §4)
import Foundation

/// What one notification changed, in the order in which a reader should be told.
public enum ConferenceChange: Hashable, Sendable {
  /// Versions between `known` and `received` were missed. The notification was not applied: SUBSCRIBE again with
  /// `Last-Notify-Version: known`, or 0 for the full state.
  case versionGap(known: Int, received: Int)
  case subjectChanged(String)
  case ephemeralLifetimeChanged(Int)
  case participantAdded(SIPURI)
  case participantRemoved(SIPURI)
  case adminChanged(SIPURI, isAdmin: Bool)
  case deviceAdded(SIPURI, of: SIPURI)
  case deviceRemoved(SIPURI, of: SIPURI)
  /// Not taken into the state: an endpoint whose address of record is another one than its user's.
  case deviceRefused(SIPURI, of: SIPURI)
  /// The conference does not exist any more.
  case ended
}

/// The room as known here. Codable, so that it can be kept between runs.
public struct ConferenceState: Hashable, Sendable, Codable {
  /// A member with the devices that take part.
  public struct Participant: Hashable, Sendable, Codable {
    /// See ``SIPURI/addressOfRecord``.
    public var address: SIPURI
    /// Where the server tells it.
    public var displayName: String?
    /// `admin`, `participant`.
    public var roles: [String]
    /// GRUUs in the order in which they were told.
    public var devices: [SIPURI]

    public init(address: SIPURI, displayName: String? = nil, roles: [String] = [], devices: [SIPURI] = []) {
      self.address = address
      self.displayName = displayName
      self.roles = roles
      self.devices = devices
    }

    /// Whether the member may change the room.
    public var isAdmin: Bool { roles.contains("admin") }
  }

  /// More participants than this are not kept.
  public static let maximumParticipants = 2000
  /// More devices of one participant than this are not kept.
  public static let maximumDevices = 500

  /// The room's address.
  public var entity: SIPURI
  /// Version of the last notification applied: the value for `Last-Notify-Version`. 0 before the first.
  public private(set) var version: Int
  /// Empty until a notification tells one.
  public private(set) var subject: String
  /// Seconds; 0 when messages do not delete themselves.
  public private(set) var ephemeralLifetime: Int
  /// The same for messages that are not read.
  public private(set) var ephemeralUnreadLifetime = 0
  /// In the order in which they were told.
  public private(set) var participants: [Participant]
  /// Whether the conference was deleted; nothing follows then.
  public private(set) var hasEnded: Bool

  /// Before any notification: no participants, version 0.
  public init(entity: SIPURI, subject: String = "") {
    self.entity = entity
    self.subject = subject
    version = 0
    ephemeralLifetime = 0
    participants = []
    hasEnded = false
  }

  /// The participant of that address, whatever its device part.
  public func participant(_ address: SIPURI) -> Participant? {
    let address = address.addressOfRecord
    return participants.first { $0.address == address }
  }

  /// All devices of all participants.
  public var devices: [SIPURI] { participants.flatMap(\.devices) }

  /// Brings one notification in.
  ///
  /// A full one replaces everything, whatever its version: the server may have started anew. A partial one is applied
  /// when its version follows the known one or when it has none, ignored when it is older or the same, and reported as
  /// a gap otherwise. Notifications of another entity change nothing: check `entity` before.
  public mutating func apply(_ info: ConferenceInfo) -> [ConferenceChange] {
    guard info.entity.conferenceKey == entity.conferenceKey else { return [] }
    if info.state == .partial, let received = info.version {
      if received <= version, version > 0 { return [] }
      if received > version + 1 { return [.versionGap(known: version, received: received)] }
    }
    let before = self
    var refused: [ConferenceChange] = []
    switch info.state {
    case .deleted:
      hasEnded = true
    case .full:
      hasEnded = false
      participants = []
      (ephemeralLifetime, ephemeralUnreadLifetime) = (0, 0)
      refused = merge(info)
    case .partial:
      refused = merge(info)
    }
    version = info.version ?? version
    return changes(since: before) + refused
  }

  /// - Returns: the devices that were refused.
  private mutating func merge(_ info: ConferenceInfo) -> [ConferenceChange] {
    var refused: [ConferenceChange] = []
    if let subject = info.subject { self.subject = subject }
    if let lifetime = info.ephemeralLifetime {
      (ephemeralLifetime, ephemeralUnreadLifetime) = (lifetime, info.ephemeralUnreadLifetime ?? 0)
    }
    var positions: [SIPURI: Int] = [:]
    for (index, participant) in participants.enumerated() { positions[participant.address] = index }
    var removed: Set<SIPURI> = []
    for var user in info.users {
      let address = user.entity.addressOfRecord
      if user.state == .deleted {
        removed.insert(address)
        continue
      }
      // Nobody has devices at somebody else's address.
      let foreign = user.endpoints.filter { $0.state != .deleted && $0.entity.addressOfRecord != address }
      if !foreign.isEmpty {
        user.endpoints.removeAll { $0.state != .deleted && $0.entity.addressOfRecord != address }
        refused += foreign.map { .deviceRefused($0.entity, of: address) }
      }
      removed.remove(address)
      if let index = positions[address] {
        participants[index].merge(user)
      } else if participants.count < Self.maximumParticipants {
        positions[address] = participants.count
        var participant = Participant(address: address)
        participant.merge(user)
        participants.append(participant)
      }
    }
    if !removed.isEmpty { participants.removeAll { removed.contains($0.address) } }
    return refused
  }

  private func changes(since before: ConferenceState) -> [ConferenceChange] {
    var changes: [ConferenceChange] = []
    if subject != before.subject { changes.append(.subjectChanged(subject)) }
    if ephemeralLifetime != before.ephemeralLifetime { changes.append(.ephemeralLifetimeChanged(ephemeralLifetime)) }
    let old = Dictionary(before.participants.map { ($0.address, $0) }, uniquingKeysWith: { first, _ in first })
    let new = Set(participants.map(\.address))
    for participant in before.participants where !new.contains(participant.address) {
      changes += participant.devices.map { .deviceRemoved($0, of: participant.address) }
      changes.append(.participantRemoved(participant.address))
    }
    for participant in participants {
      let known = old[participant.address]
      if known == nil { changes.append(.participantAdded(participant.address)) }
      if participant.isAdmin != (known?.isAdmin ?? false) {
        changes.append(.adminChanged(participant.address, isAdmin: participant.isAdmin))
      }
      let oldDevices = Set(known?.devices ?? [])
      let newDevices = Set(participant.devices)
      changes += (known?.devices ?? []).filter { !newDevices.contains($0) }
        .map { .deviceRemoved($0, of: participant.address) }
      changes += participant.devices.filter { !oldDevices.contains($0) }
        .map { .deviceAdded($0, of: participant.address) }
    }
    if hasEnded, !before.hasEnded { changes.append(.ended) }
    return changes
  }
}

extension ConferenceState.Participant {
  fileprivate mutating func merge(_ user: ConferenceInfo.User) {
    if user.state == .full {
      roles = []
      devices = []
      displayName = nil
    }
    if let roles = user.roles { self.roles = roles }
    if let text = user.displayText, !text.isEmpty { displayName = text }
    var known = Set(devices)
    var removed: Set<SIPURI> = []
    for endpoint in user.endpoints {
      if endpoint.state == .deleted {
        removed.insert(endpoint.entity)
        continue
      }
      removed.remove(endpoint.entity)
      guard devices.count < ConferenceState.maximumDevices, known.insert(endpoint.entity).inserted else { continue }
      devices.append(endpoint.entity)
    }
    if !removed.isEmpty { devices.removeAll { removed.contains($0) } }
  }
}
