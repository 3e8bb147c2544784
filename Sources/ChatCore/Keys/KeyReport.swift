// KeyReport.swift: what `keys show` tells of this device's identity key and of the devices it knows.
import Foundation
import Lime

/// What this device's keys are, and which keys of others are known.
public struct KeyReport: Sendable, Codable {
  /// A device of somebody else.
  public struct Peer: Sendable, Codable {
    /// GRUU.
    public var device: String
    /// The whole identity key, in groups of four hexadecimal digits, or `not seen yet`.
    public var fingerprint: String
    /// `PeerStatus` in a word.
    public var trust: String
    /// Another key that was offered for the device and refused.
    public var refusedFingerprint: String?
  }
  /// This device's GRUU.
  public var device: String
  /// The whole identity key of this device, in groups of four hexadecimal digits.
  public var fingerprint: String
  /// Whether the key server acknowledged the keys.
  public var isPublished: Bool
  /// nil before the first one was made.
  public var signedPrekeyCreatedAt: Date?
  /// One-time keys that the key server had not handed out when it was last asked.
  public var oneTimeKeysLeft: Int
  /// First messages accepted with a one-time key, and without one because the server had none left: many of the latter
  /// mean that somebody empties the server.
  public var firstMessagesWithOneTimeKey: Int
  /// See `firstMessagesWithOneTimeKey`.
  public var firstMessagesWithoutOneTimeKey: Int
  /// Every device that keys or decisions are stored of.
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

  /// The devices of all members, as the focus told them.
  /// - Parameter room: its address.
  public func devices(room: String) async throws -> [Device] {
    try await database.read { try RoomQueries.devices($0, room: room) }
  }
}
