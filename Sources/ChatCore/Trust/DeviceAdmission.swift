// DeviceAdmission.swift: which devices get what is sent: blind trust before verification (SECURITY.md: new devices)
import Foundation
import GRDB
import Lime
import MessageFormats

/// What is done about a device that nothing was sent to before.
public enum NewDevicePolicy: String, Sendable, CaseIterable {
  /// It gets what is sent, and is shown.
  case announce
  /// The same while no device of its user was compared; afterwards it gets nothing until the user lets it in.
  case hold
  /// It gets nothing until the user lets it in.
  case holdAlways = "hold-always"
}

/// How a device stands towards what is sent, as long as the user does not trust it.
public enum Admission: String, Sendable, Codable {
  /// The user let it in, or it was sent to already.
  case admitted
  /// The user decided that it gets nothing; others of the room do.
  case excluded
  /// Nothing was sent to it yet, and no device of its user was compared.
  case unproven
  /// Nothing was sent to it yet, and another device of its user was compared: it may be an intruder's.
  case new

  /// Whether the user is to decide before anything is sent to the room.
  func isHeld(by policy: NewDevicePolicy) -> Bool {
    switch policy {
    case .announce: false
    case .hold: self == .new
    case .holdAlways: self == .unproven || self == .new
    }
  }
}

/// A device that gets nothing until the user decides.
public struct HeldDevice: Sendable, Equatable {
  /// Address of record.
  public var participant: String
  /// GRUU.
  public var device: String

  public init(participant: String, device: String) {
    (self.participant, self.device) = (participant, device)
  }

  var text: String {
    let word = CommandWord.device(device)
    return """
      \(participant) has a new device, \(device), that nothing was sent to yet. If its code is right ('limeade keys \
      verify \(CommandWord.address(participant))'), 'limeade keys trust \(word)'; 'limeade keys admit \(word)' lets it in \
      without comparing, 'limeade keys exclude \(word)' sends to the others only
      """
  }
}

/// What the database says of devices that were let in, and of users one of whose devices was compared.
struct Admissions {
  private let admitted: Set<String>
  private let excluded: Set<String>
  /// By `user(of:)`. They stay verified when the device is forgotten: the next one is to be compared too.
  private let verified: Set<String>
  private let own: String?

  /// - Parameter room: only its devices are asked for; nil means any.
  init(_ db: Database, room: String? = nil) throws {
    let rows: [Row]
    if let room {
      let sql = "SELECT admission.* FROM device JOIN admission ON admission.device = gruu WHERE room = ?"
      rows = try Row.fetchAll(db.cachedStatement(sql: sql), arguments: [room])
    } else {
      rows = try Row.fetchAll(db, sql: "SELECT * FROM admission")
    }
    var (admitted, excluded): (Set<String>, Set<String>) = ([], [])
    for row in rows {
      if row["isAdmitted"] { admitted.insert(row["device"]) } else { excluded.insert(row["device"]) }
    }
    (self.admitted, self.excluded) = (admitted, excluded)
    verified = try Set(String.fetchAll(db.cachedStatement(sql: "SELECT user FROM verifiedUser")))
    own = try Setting.gruu.read(db).map(Self.user(of:))
  }

  /// Whether nothing was sent to any of the devices.
  var isEmpty: Bool { admitted.isEmpty }

  func isAdmitted(_ device: String) -> Bool { admitted.contains(device) }
  func isExcluded(_ device: String) -> Bool { excluded.contains(device) }

  /// - Parameter participant: whose device it is by the room's state.
  func admission(of device: String, participant: String) -> Admission {
    if isAdmitted(device) { return .admitted }
    if isExcluded(device) { return .excluded }
    let users = [Self.user(of: device), Self.user(of: participant)]
    // Our own devices get all that others get: a new one is held as soon as anybody was verified.
    let isVerified = users.contains { verified.contains($0) || ($0 == own && !verified.isEmpty) }
    return isVerified ? .new : .unproven
  }

  /// The user that an address of record or a device's address names: neither port nor parameters make another one.
  static func user(of address: String) -> String {
    SIPURI(address)?.addressOfRecord.description ?? address
  }

  // MARK: Changes

  static func admit(_ db: Database, _ device: String) throws { try decide(db, device, isAdmitted: true) }

  static func exclude(_ db: Database, _ device: String) throws { try decide(db, device, isAdmitted: false) }

  private static func decide(_ db: Database, _ device: String, isAdmitted: Bool) throws {
    try db.cachedStatement(sql: "INSERT OR REPLACE INTO admission (device, isAdmitted) VALUES (?, ?)")
      .execute(arguments: [device, isAdmitted])
  }

  /// The user compared the device.
  static func verify(_ db: Database, _ device: String) throws {
    try admit(db, device)
    try db.execute(sql: "INSERT OR IGNORE INTO verifiedUser (user) VALUES (?)", arguments: [user(of: device)])
  }

  // MARK: Tables

  static func createTables(_ db: Database) throws {
    try db.create(table: "admission") { table in
      table.primaryKey("device", .text)
      table.column("isAdmitted", .boolean).notNull()
    }
    try db.create(table: "verifiedUser") { $0.primaryKey("user", .text) }
    // Whether an entry waits, and does not fail, while a device is held.
    try db.alter(table: "outbox") { $0.add(column: "waits", .boolean).notNull().defaults(to: true) }
    try db.alter(table: "upload") { $0.add(column: "waits", .boolean).notNull().defaults(to: true) }
    // Devices that messages were exchanged with before such a record was kept stay as they are.
    guard try db.tableExists("lime_peer") else { return }
    try db.execute(
      sql: "INSERT OR IGNORE INTO admission SELECT device, 1 FROM lime_peer WHERE status IN ('untrusted', 'trusted')")
    for device in try String.fetchAll(db, sql: "SELECT device FROM lime_peer WHERE status = 'trusted'") {
      try verify(db, device)
    }
  }
}
