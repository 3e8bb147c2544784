// AccountStore+Trust.swift: what the user knows of other devices: comparing, trusting, flagging, forgetting them.
import Foundation
import GRDB
import Lime
import MessageFormats

/// What two people compare.
public struct Verification: Sendable, Codable {
  /// One device of the other.
  public struct Device: Sendable, Codable {
    /// What is known of it, with its key.
    public var trust: DeviceTrust
    /// `ComparisonCode` of this device and that one; nil while its key is not known.
    public var code: String?
  }
  /// This device's GRUU.
  public var ownDevice: String
  /// This device's whole identity key, as the other's screen shows it.
  public var ownFingerprint: String
  /// The name of its LIME algorithm.
  public var ownAlgorithm: String
  /// All known devices of the other.
  public var devices: [Device]
}

/// None of these needs a connection, and another process may hold the account.
extension AccountStore {
  /// Codes and fingerprints of the devices of `address`, an address of record.
  /// - Throws: `ChatError.badInput` before this device has keys and when no device of the address is known.
  public func verification(of address: SIPURI, curve: Curve) async throws -> Verification {
    try await database.read { db in
      let lime = try Self.lime(db, curve)
      let wanted = address.addressOfRecord.description
      let own = try lime.identity(db)
      let names = try Self.knownDevices(db, lime).filter { Self.participant($0) == wanted }
      guard !names.isEmpty else {
        throw ChatError.badInput(
          "no device of \(wanted) is known yet: its devices are once you are in a room with it, "
            + "its keys after the first message")
      }
      let admissions = try Admissions(db)
      return Verification(
        ownDevice: lime.device.string, ownFingerprint: own.fingerprint, ownAlgorithm: curve.name,
        devices: try names.map { name in
          let device = DeviceID(name)
          let identity = try lime.peer(db, device)?.identity
          return Verification.Device(
            trust: try Self.deviceTrust(db, lime, admissions, device: name, participant: wanted),
            code: try identity.map { try ComparisonCode(lime.device, own, and: device, $0).description })
        })
    }
  }

  /// Records that the user compared the device's identity key. Another key that was offered for it is dismissed.
  /// - Parameter device: see `device(matching:curve:)`.
  public func trust(device: String, curve: Curve) async throws -> DeviceTrust {
    try await change(device, curve) { db, lime, id in
      do { try lime.setStatus(db, of: id, to: .trusted) } catch LimeError.unknownDevice {
        throw ChatError.badInput("the identity key of \(id) is not known yet: it is after the first message")
      }
      try RefusedIdentity.clear(db, id.string)
      try Admissions.verify(db, id.string)
    }
  }

  /// Lets a device have what is sent although it was not compared, see `NewDevicePolicy`.
  public func admit(device: String, curve: Curve) async throws -> DeviceTrust {
    try await change(device, curve) { db, lime, id in
      guard try lime.status(db, of: id) != .unsafe else {
        throw ChatError.badInput("\(id) is flagged as unsafe: 'limeade keys trust' or 'keys forget' takes that away")
      }
      try Admissions.admit(db, id.string)
    }
  }

  /// Nothing is sent to the device, and what is sent to its room goes to the others.
  public func exclude(device: String, curve: Curve) async throws -> DeviceTrust {
    try await change(device, curve) { db, lime, id in
      guard try lime.status(db, of: id) != .trusted else {
        throw ChatError.badInput("\(id) is trusted: 'limeade keys forget' or 'keys distrust' takes that away")
      }
      try Admissions.exclude(db, id.string)
    }
  }

  /// Flags the device as unsafe: messages are not sent to a room with it.
  public func distrust(device: String, curve: Curve) async throws -> DeviceTrust {
    try await change(device, curve) { db, lime, id in try lime.setStatus(db, of: id, to: .unsafe) }
  }

  /// Forgets the device's identity key, status and sessions, so that the next key it shows is taken for its own.
  public func forget(device: String, curve: Curve) async throws -> DeviceTrust {
    try await change(device, curve) { db, lime, id in
      try lime.forget(db, id)
      try RefusedIdentity.clear(db, id.string)
    }
  }

  /// The devices of a room, this one left out, with what is known of them.
  public func trust(room: String, curve: Curve) async throws -> RoomTrust {
    try await database.read { db in try Self.roomTrust(db, room: room, curve: curve) }
  }

  static func roomTrust(_ db: Database, room: String, curve: Curve) throws -> RoomTrust {
    let isEncrypted = try Room.fetchOne(db, key: room)?.isEncrypted ?? false
    guard let own = try Setting.gruu.read(db) else { return RoomTrust(isEncrypted: isEncrypted, devices: []) }
    let lime = LimeAccount(device: DeviceID(own), curve: curve)
    guard try lime.exists(db) else { return RoomTrust(isEncrypted: isEncrypted, devices: []) }
    let devices = try RoomQueries.devices(db, room: room).filter { $0.gruu != own }
    let admissions = try Admissions(db, room: room)
    return RoomTrust(
      isEncrypted: isEncrypted,
      devices: try devices.map { try deviceTrust(db, lime, admissions, device: $0.gruu, participant: $0.participant) })
  }

  // MARK: Finding

  private func change(
    _ pattern: String, _ curve: Curve, _ body: @escaping @Sendable (Database, LimeAccount, DeviceID) throws -> Void
  ) async throws -> DeviceTrust {
    try await database.write { db in
      let lime = try Self.lime(db, curve)
      let device = try Self.device(db, lime, matching: pattern)
      try body(db, lime, DeviceID(device))
      return try Self.deviceTrust(
        db, lime, try Admissions(db), device: device, participant: Self.participant(device))
    }
  }

  /// The one known device whose GRUU is `pattern` or contains it.
  private static func device(_ db: Database, _ lime: LimeAccount, matching pattern: String) throws -> String {
    let known = try knownDevices(db, lime)
    if known.contains(pattern) { return pattern }
    let matches = DevicePattern.matches(pattern, known)
    guard let only = matches.first else {
      throw ChatError.badInput(
        "no known device has '\(pattern)' in its address"
          + (known.isEmpty ? "" : "; there are: " + NameList.text(known)))
    }
    guard matches.count == 1 else {
      throw ChatError.badInput("'\(pattern)' could be \(NameList.text(matches, separator: " or ")); write more of it")
    }
    return only
  }

  /// Devices with known keys and devices in rooms, sorted, without this one.
  private static func knownDevices(_ db: Database, _ lime: LimeAccount) throws -> [String] {
    let inRooms = try String.fetchAll(db, sql: "SELECT DISTINCT gruu FROM device")
    return Set(try lime.peers(db).map(\.device.string) + inRooms).subtracting([lime.device.string]).sorted()
  }

  static func deviceTrust(
    _ db: Database, _ lime: LimeAccount, _ admissions: Admissions, device: String, participant: String
  ) throws -> DeviceTrust {
    let peer = try lime.peer(db, DeviceID(device))
    let others = peer?.identity == nil ? try DeviceAlgorithms.recent(db, of: device) : nil
    return DeviceTrust(
      participant: participant, device: device, status: peer?.status ?? .unknown,
      fingerprint: peer?.identity?.fingerprint, refusedFingerprint: try RefusedIdentity.fingerprint(db, of: device),
      otherAlgorithms: others.flatMap { $0.isEmpty ? nil : $0 },
      admission: admissions.admission(of: device, participant: participant))
  }

  private static func participant(_ device: String) -> String {
    SIPURI(device)?.addressOfRecord.description ?? device
  }

  /// This device's LIME account.
  private static func lime(_ db: Database, _ curve: Curve) throws -> LimeAccount {
    guard let device = try Setting.gruu.read(db) else { throw ChatError.noKeys }
    let lime = LimeAccount(device: DeviceID(device), curve: curve)
    guard try lime.exists(db) else { throw ChatError.noKeys }
    return lime
  }
}

/// A part of a device's address, as people write it.
enum DevicePattern {
  /// What has an "@" or a scheme begins with the user's name: `bob@` does not mean somebody called `notbob`.
  static func matches(_ pattern: String, _ devices: [String]) -> [String] {
    let wanted = pattern.lowercased()
    guard !wanted.isEmpty else { return [] }
    let hasScheme = wanted.hasPrefix("sip:")
    guard hasScheme || wanted.contains("@") else { return devices.filter { $0.lowercased().contains(wanted) } }
    let beginning = hasScheme ? wanted : "sip:" + wanted
    return devices.filter { $0.lowercased().hasPrefix(beginning) }
  }
}
