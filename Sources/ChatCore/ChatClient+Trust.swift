// ChatClient+Trust.swift: which devices a message may go to, and what happens when an identity key changes.
import Foundation
import GRDB
import Lime

extension ChatClient {
  // MARK: Sending

  /// The devices of the room to encrypt to. A text fails when the user flagged one of them; notifications and typing
  /// leave it out.
  func allowedDevices(for entry: OutboxEntry, room: Room, lime: LimeAccount) async throws -> [DeviceID] {
    let devices = try await store.database.read { db in
      try RoomQueries.devices(db, room: room.address).map { DeviceID($0.gruu) }.filter { $0 != lime.device }
        .map { ($0, try lime.status(db, of: $0)) }
    }
    let flagged = devices.filter { $0.1 == .unsafe }.map(\.0.string)
    guard !entry.isUrgent || flagged.isEmpty else {
      throw ChatError.unsafeDevices(room: room.subject, devices: flagged)
    }
    return devices.filter { $0.1 != .unsafe }.map(\.0)
  }

  /// Whether every device that would get a message is trusted. Fetches the keys of new ones, so that they can be
  /// verified.
  /// - Throws: `ChatError.untrusted`.
  func checkTrust(in address: String) async throws {
    guard let lime else { throw ChatError.notConnected }
    await waitUntilResumed(address)
    let (room, devices) = try await store.database.read { db in
      (
        try Room.fetchOne(db, key: address),
        try RoomQueries.devices(db, room: address).map { DeviceID($0.gruu) }.filter { $0 != lime.device }
      )
    }
    guard let room else { throw ChatError.unknownRoom(address, known: []) }
    guard room.isEncrypted else { throw ChatError.untrusted(room: room.subject, reasons: ["it is not encrypted"]) }
    let refused = try await ensureSessions(with: devices)
    let statuses = try await store.database.read { db in
      try devices.filter { refused[$0] == nil }.map { ($0, try lime.status(db, of: $0)) }
    }
    try Self.checkTrust(statuses, room: room.subject)
  }

  static func checkTrust(_ statuses: [(device: DeviceID, status: PeerStatus)], room: String) throws {
    let reasons = statuses.filter { $0.status != .trusted }.map { "\($0.device) is \($0.status.rawValue)" }
    guard reasons.isEmpty else { throw ChatError.untrusted(room: room, reasons: reasons) }
  }

  /// What can be said of a message to several devices: no more than of the least known one.
  static func weakest(_ statuses: [PeerStatus]) -> PeerStatus {
    [.unsafe, .unknown, .untrusted].first { statuses.contains($0) } ?? .trusted
  }

  // MARK: Changed identities

  /// Remembers that another identity key was offered, so that the rooms of the device count as unsafe, and gives the
  /// event that tells the user; nil for other errors.
  func identityAlert(_ error: any Error, room: String?) async throws -> ChatEvent? {
    guard case LimeError.identityChanged(let device, let known, let offered) = error else { return nil }
    try await store.database.write { try RefusedIdentity.record($0, device, offered: offered) }
    return .security(
      room: room, device: device.string, text: RefusedIdentity.text(device, known: known, offered: offered))
  }

  // MARK: Comparing

  /// As `AccountStore.verification`, after fetching keys that are not known yet.
  public func verification(of address: String) async throws -> Verification {
    let uri = try SIPAddress.checked(address, domain: account.address.host)
    let first = try await store.verification(of: uri, curve: account.curve)
    let missing = first.devices.filter { $0.code == nil }.map { DeviceID($0.trust.device) }
    guard !missing.isEmpty, isConnected else { return first }
    _ = try await ensureSessions(with: missing)
    return try await store.verification(of: uri, curve: account.curve)
  }
}
