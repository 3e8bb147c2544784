// KeyReport.swift: what `keys show` tells of this device's identity key and of the devices it knows.
import Foundation
import Lime

public struct KeyReport: Sendable, Codable {
  public struct Peer: Sendable, Codable {
    public var device: String
    public var fingerprint: String
    public var trust: String
    /// Another key that was offered for the device and refused.
    public var refusedFingerprint: String?
  }
  public var device: String
  public var fingerprint: String
  public var isPublished: Bool
  /// nil before the first one was made.
  public var signedPrekeyCreatedAt: Date?
  /// One-time keys that the key server had not handed out when it was last asked.
  public var oneTimeKeysLeft: Int
  /// First messages accepted with a one-time key, and without one because the server had none left: many of the latter
  /// mean that somebody empties the server.
  public var firstMessagesWithOneTimeKey: Int
  public var firstMessagesWithoutOneTimeKey: Int
  public var peers: [Peer]
}

extension AccountStore {
  /// nil before keys were made.
  public func keys(curve: Curve) async throws -> KeyReport? {
    try await database.read { db in
      guard let device = try Setting.gruu.read(db) else { return nil }
      let lime = LimeAccount(device: DeviceID(device), curve: curve)
      guard try lime.exists(db) else { return nil }
      let report = try lime.keyReport(db)
      return KeyReport(
        device: device, fingerprint: report.identity.fingerprint, isPublished: report.isRegistered,
        signedPrekeyCreatedAt: report.signedPrekeyCreatedAt.map { Date(timeIntervalSince1970: TimeInterval($0)) },
        oneTimeKeysLeft: report.oneTimeKeysLeft, firstMessagesWithOneTimeKey: report.sessionsWithOneTimeKey,
        firstMessagesWithoutOneTimeKey: report.sessionsWithoutOneTimeKey,
        peers: try lime.peers(db).map { peer in
          .init(
            device: peer.device.string, fingerprint: peer.identity?.fingerprint ?? "not seen yet",
            trust: peer.status.rawValue,
            refusedFingerprint: try RefusedIdentity.fingerprint(db, of: peer.device.string))
        })
    }
  }

  public func devices(room: String) async throws -> [Device] {
    try await database.read { try RoomQueries.devices($0, room: room) }
  }
}
