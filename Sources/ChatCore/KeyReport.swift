// KeyReport.swift: what `keys show` tells of this device's identity key and of the devices it knows.
import Foundation
import Lime

public struct KeyReport: Sendable {
  public struct Peer: Sendable {
    public var device: String
    public var fingerprint: String
    public var trust: String
  }
  public var device: String
  public var fingerprint: String
  public var isPublished: Bool
  public var peers: [Peer]
}

extension AccountStore {
  /// nil before keys were made.
  public func keys(curve: Curve) async throws -> KeyReport? {
    try await database.read { db in
      guard let device = try Setting.gruu.read(db) else { return nil }
      let lime = LimeAccount(device: DeviceID(device), curve: curve)
      guard try lime.exists(db) else { return nil }
      return KeyReport(
        device: device, fingerprint: try lime.identity(db).fingerprint,
        isPublished: try lime.isRegistered(db),
        peers: try lime.peers(db).map {
          .init(
            device: $0.device.string, fingerprint: $0.identity?.fingerprint ?? "not seen yet", trust: $0.status.rawValue)
        })
    }
  }

  public func devices(room: String) async throws -> [Device] {
    try await database.read { try RoomQueries.devices($0, room: room) }
  }
}
