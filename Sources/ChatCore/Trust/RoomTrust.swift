// RoomTrust.swift: how far the devices of a room are known, and the level that follows, as Linphone shows it.
import Foundation
import GRDB
import Lime
import MessageFormats

/// How far a room can be trusted, by its least trusted device: the levels of Linphone.
public enum SecurityLevel: String, Sendable {
  case notEncrypted
  /// Encrypted, and the identity of some device was not compared.
  case encrypted
  /// Encrypted, and the user trusts every device.
  case trusted
  /// A device was flagged by the user, or another identity key was offered for it.
  case unsafe

  /// For people.
  public var words: String {
    switch self {
    case .notEncrypted: "not encrypted"
    case .encrypted: "encrypted, not every device trusted"
    case .trusted: "encrypted, every device trusted"
    case .unsafe: "UNSAFE: a device was flagged or its identity key changed"
    }
  }
}

/// What is known of one device.
public struct DeviceTrust: Sendable, Equatable, Codable {
  /// Address of record.
  public var participant: String
  /// GRUU.
  public var device: String
  /// What the user decided of its identity key, and what was seen.
  public var status: PeerStatus
  /// The identity key; nil until the first message or session.
  public var fingerprint: String?
  /// Another identity key that was offered for the device and refused.
  public var refusedFingerprint: String?
  /// The LIME algorithms that it has keys of, by their names, when none is this account's and its key is not known.
  public var otherAlgorithms: [String]?
  /// Whether it may have what is sent although nobody compared its key.
  public var admission: Admission

  /// Whether it gets nothing until the user decides.
  public func isHeld(by policy: NewDevicePolicy) -> Bool { status != .trusted && admission.isHeld(by: policy) }
  /// Whether nothing is sent to a room with it: flagged by the user, or another key was offered for it.
  public var isUnsafe: Bool { status == .unsafe || refusedFingerprint != nil }
}

/// The devices of a room but this one.
public struct RoomTrust: Sendable, Equatable, Codable {
  /// The room's; without encryption devices do not count.
  public var isEncrypted: Bool
  /// In the order of their members.
  public var devices: [DeviceTrust]

  public init(isEncrypted: Bool, devices: [DeviceTrust]) {
    self.isEncrypted = isEncrypted
    self.devices = devices
  }

  /// `notEncrypted`, or that of the least trusted device.
  public var level: SecurityLevel {
    isEncrypted ? Self.level(devices) : .notEncrypted
  }
  /// How many devices were compared and are not unsafe.
  public var trustedCount: Int { devices.count { $0.status == .trusted && !$0.isUnsafe } }

  /// The level of one member's devices.
  public func level(of participant: String) -> SecurityLevel {
    isEncrypted ? Self.level(devices.filter { $0.participant == participant }) : .notEncrypted
  }

  private static func level(_ devices: [DeviceTrust]) -> SecurityLevel {
    if devices.contains(where: \.isUnsafe) { return .unsafe }
    return !devices.isEmpty && devices.allSatisfy { $0.status == .trusted } ? .trusted : .encrypted
  }
}

/// Another identity key that was offered for a known device. Kept until the user decides.
enum RefusedIdentity {
  static func record(_ db: Database, _ device: DeviceID, offered: IdentityKey) throws {
    try db.execute(
      sql: """
        INSERT INTO refusedIdentity (device, fingerprint, time) VALUES (?, ?, ?)
        ON CONFLICT (device) DO UPDATE SET fingerprint = excluded.fingerprint, time = excluded.time
        """, arguments: [device.string, offered.fingerprint, StoredDate(Date())])
  }

  static func fingerprint(_ db: Database, of device: String) throws -> String? {
    try String.fetchOne(db, sql: "SELECT fingerprint FROM refusedIdentity WHERE device = ?", arguments: [device])
  }

  static func clear(_ db: Database, _ device: String) throws {
    try db.execute(sql: "DELETE FROM refusedIdentity WHERE device = ?", arguments: [device])
  }

  /// The security event, with what the user can do.
  static func text(_ device: DeviceID, known: IdentityKey, offered: IdentityKey) -> String {
    let word = CommandWord.device(device.string)
    return """
      the identity key of \(device) is not the one known for it, and was refused: its user installed anew, or somebody \
      stands between you. Known: \(known.fingerprint). Offered: \(offered.fingerprint). Ask its user which it is: \
      'limeade keys forget \(word)' accepts the new one, 'limeade keys trust \(word)' stays with the known one
      """
  }
}
