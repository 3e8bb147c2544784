// Recipients.swift: which devices a message may go to (SECURITY.md: new devices).
import Foundation
import GRDB
import Lime
import MessageFormats

@ChatActor final class Recipients {
  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let resumption: RoomResumption
  private let peerSessions: PeerSessions

  init(_ context: ChatContext, _ ownDevice: OwnDevice, _ resumption: RoomResumption, _ peerSessions: PeerSessions) {
    (self.context, self.ownDevice) = (context, ownDevice)
    (self.resumption, self.peerSessions) = (resumption, peerSessions)
  }

  // MARK: Sending

  /// The devices of the room to encrypt to. A text fails when the user flagged one of them or one is held;
  /// notifications and typing leave these out.
  func allowedDevices(for entry: OutboxEntry, room: Room, lime: LimeAccount) async throws -> [DeviceID] {
    let policy = context.account.newDevices
    let (name, devices, held) = try await context.store.database.read { db in
      (
        try RoomQueries.name(db, of: room),
        try Self.devices(db, room: room.address, lime: lime).map { ($0, try lime.status(db, of: $0)) },
        try Self.heldDevices(db, policy, lime: lime, room: room.address)
      )
    }
    let flagged = devices.filter { $0.1 == .unsafe }.map(\.0.string)
    guard !entry.isUrgent || flagged.isEmpty else {
      throw ChatError.unsafeDevices(room: name, devices: flagged)
    }
    // What requires trust is looked at for all devices.
    guard !entry.isUrgent || held.isEmpty || entry.requiresTrust else {
      throw ChatError.newDevices(room: name, devices: held)
    }
    let left = entry.requiresTrust ? [] : Set(held.map(\.device))
    return devices.filter { $0.1 != .unsafe && !left.contains($0.0.string) }.map(\.0)
  }

  /// The focus takes a message for a room whose other members have no device, and has nobody to pass it on to; those of
  /// this account alone are not whom it is for.
  /// - Throws: `ChatError.noDevices`; `ChatError.noStateFromFocus` when nothing is known of an encrypted room yet.
  nonisolated static func checkPresence(_ db: Database, _ room: Room, for account: SIPURI) throws {
    let found = try Row.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT EXISTS (SELECT 1 FROM participant WHERE room = ?1 AND address <> ?2),
            EXISTS (SELECT 1 FROM device WHERE room = ?1 AND participant <> ?2)
          """), arguments: [room.address, account.description])
    guard let found else { return }
    let (hasMembers, hasDevices): (Bool, Bool) = (found[0], found[1])
    if hasMembers, !hasDevices { throw ChatError.noDevices(room: try RoomQueries.name(db, of: room)) }
    if !hasMembers, room.version == 0, room.isEncrypted {
      throw ChatError.noStateFromFocus(room: try RoomQueries.name(db, of: room))
    }
  }

  /// Whether every device that would get a message is trusted. Fetches the keys of new ones, so that they can be
  /// compared. Without a connection those that are known are looked at; the others when the message leaves.
  /// - Throws: `ChatError.untrusted`.
  func checkTrust(in address: String) async throws {
    guard let gruu = ownDevice.gruu else { throw ChatError.notConnected }
    let lime = LimeAccount(device: DeviceID(gruu.description), curve: context.account.curve)
    if ownDevice.isConnected { await resumption.waitUntilResumed(address) }
    let (room, name, devices) = try await context.store.database.read { db in
      let room = try Room.fetchOne(db, key: address)
      return (room, try room.map { try RoomQueries.name(db, of: $0) }, try Self.devices(db, room: address, lime: lime))
    }
    guard let room, let name else { throw ChatError.unknownRoom(address, known: []) }
    guard room.isEncrypted else { throw ChatError.untrusted(room: name, reasons: ["it is not encrypted"]) }
    let refused = ownDevice.isConnected ? try await peerSessions.ensureSessions(with: devices) : [:]
    let statuses = try await context.store.database.read { db in
      try devices.filter { refused[$0] == nil }.map { ($0, try lime.status(db, of: $0)) }
    }
    try Self.checkTrust(statuses, room: name)
  }

  nonisolated static func checkTrust(_ statuses: [(device: DeviceID, status: PeerStatus)], room: String) throws {
    let reasons = statuses.filter { $0.status != .trusted }.map { "\($0.device) is \($0.status.rawValue)" }
    guard reasons.isEmpty else { throw ChatError.untrusted(room: room, reasons: reasons) }
  }

  /// What can be said of a message to several devices: no more than of the least known one.
  nonisolated static func weakest(_ statuses: [PeerStatus]) -> PeerStatus {
    [.unsafe, .unknown, .untrusted].first { statuses.contains($0) } ?? .trusted
  }

  // MARK: New devices

  /// The devices of the room but this one and those that the user excluded.
  private nonisolated static func devices(_ db: Database, room: String, lime: LimeAccount) throws -> [DeviceID] {
    let admissions = try Admissions(db, room: room)
    return try RoomQueries.devices(db, room: room).filter { device in
      device.gruu != lime.device.string && !admissions.isExcluded(device.gruu)
    }.map { DeviceID($0.gruu) }
  }

  /// The devices of the room that get nothing until the user decides.
  nonisolated static func heldDevices(
    _ db: Database, _ policy: NewDevicePolicy, lime: LimeAccount, room: String
  ) throws -> [HeldDevice] {
    guard policy != .announce else { return [] }
    let admissions = try Admissions(db, room: room)
    return try RoomQueries.devices(db, room: room).filter { device in
      guard device.gruu != lime.device.string,
        admissions.admission(of: device.gruu, participant: device.participant).isHeld(by: policy)
      else { return false }
      // Flagged ones are another matter.
      return ![.trusted, .unsafe].contains(try lime.status(db, of: DeviceID(device.gruu)))
    }.map { HeldDevice(participant: $0.participant, device: $0.gruu) }
  }

  /// - Throws: `ChatError.newDevices`.
  nonisolated static func checkAdmission(_ db: Database, _ policy: NewDevicePolicy, lime: LimeAccount, room: Room)
    throws
  {
    let held = try heldDevices(db, policy, lime: lime, room: room.address)
    guard held.isEmpty else { throw ChatError.newDevices(room: try RoomQueries.name(db, of: room), devices: held) }
  }

  /// Whether a text to the room would be sent. Fetches the keys of devices that are held, so that they can be compared.
  /// - Throws: `ChatError.newDevices`.
  func checkAdmission(in address: String) async throws {
    let policy = context.account.newDevices
    guard policy != .announce, let gruu = ownDevice.gruu else { return }
    if ownDevice.isConnected { await resumption.waitUntilResumed(address) }
    let lime = LimeAccount(device: DeviceID(gruu.description), curve: context.account.curve)
    do {
      try await context.store.database.read { db in
        guard let room = try Room.find(db, address), room.isEncrypted else { return }
        try Self.checkAdmission(db, policy, lime: lime, room: room)
      }
    } catch let error as ChatError {
      if case .newDevices(_, let devices) = error { await fetchKeys(of: devices) }
      throw error
    }
  }

  func fetchKeys(of devices: [HeldDevice]) async {
    guard ownDevice.isConnected else { return }
    do { _ = try await peerSessions.ensureSessions(with: devices.map { DeviceID($0.device) }) } catch {
      context.complain(of: error)
    }
  }

  /// Records that the devices get a text.
  /// - Returns: the new ones that were not compared, when others of the room had one before.
  nonisolated static func admit(
    _ db: Database, _ devices: [(device: DeviceID, status: PeerStatus)], room: String
  ) throws -> [String] {
    let admissions = try Admissions(db, room: room)
    let news = devices.filter { !admissions.isAdmitted($0.device.string) }
    for (device, _) in news { try Admissions.admit(db, device.string) }
    return admissions.isEmpty ? [] : news.filter { $0.status != .trusted }.map(\.device.string)
  }

  nonisolated static func firstText(to device: String) -> String {
    """
    \(device) gets a message of yours for the first time; whose device it is was not compared: 'limeade keys verify \
    \(CommandWord.address(device))'
    """
  }

  // MARK: Comparing

  /// As `AccountStore.verification`, after fetching keys that are not known yet.
  func verification(of address: String) async throws -> Verification {
    let uri = try context.store.person(address, for: context.account.address)
    let first = try await context.store.verification(of: uri, curve: context.account.curve)
    let missing = first.devices.filter { $0.code == nil }.map { DeviceID($0.trust.device) }
    guard !missing.isEmpty, ownDevice.isConnected else { return first }
    _ = try await peerSessions.ensureSessions(with: missing)
    return try await context.store.verification(of: uri, curve: context.account.curve)
  }
}
