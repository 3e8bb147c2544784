// DeviceAlgorithms.swift: devices that this account cannot reach as their keys are of other LIME algorithms (lime-pq).
import Foundation
import GRDB
import Lime

/// What was found out of a device that has no keys of the account's algorithm.
enum DeviceAlgorithms {
  /// How long it is believed: asking costs the device a one-time key.
  private static let memory: TimeInterval = 86_400

  static func createTable(_ db: Database) throws {
    try db.create(table: "deviceAlgorithm") { table in
      table.primaryKey("device", .text)
      // With blanks between them; empty for none.
      table.column("names", .text).notNull()
      table.column("time", .datetime).notNull()
    }
  }

  static func record(_ db: Database, _ device: String, _ algorithms: [LimeAlgorithm]) throws {
    try db.execute(
      sql: "INSERT OR REPLACE INTO deviceAlgorithm (device, names, time) VALUES (?, ?, ?)",
      arguments: [device, algorithms.map(\.description).joined(separator: " "), StoredDate(Date())])
  }

  /// nil when it was not asked lately.
  static func recent(_ db: Database, of device: String) throws -> [String]? {
    let sql = "SELECT names FROM deviceAlgorithm WHERE device = ? AND time > ?"
    return try String.fetchOne(
      db.cachedStatement(sql: sql), arguments: [device, StoredDate(Date().addingTimeInterval(-memory))]
    )?.split(separator: " ").map(String.init)
  }

  /// Why nothing can be encrypted to a device without keys of the account's algorithm.
  static func reason(_ names: [String], own: Curve) -> String {
    names.isEmpty
      ? "it has no keys for \(own.name) on the key server; its user has to connect again, or run 'limeade keys publish'"
      : "it uses \(names.joined(separator: " and ")) only; this account has \(own.name)"
  }

  // MARK: Telling

  static func createToldTable(_ db: Database) throws {
    try db.create(table: "toldDevice") { table in
      table.primaryKey("device", .text)
      table.column("reason", .text).notNull()
      table.column("time", .datetime).notNull()
    }
  }

  /// Whether this was not said of the device within a day; from here on it was.
  static func isNews(_ db: Database, _ device: String, _ reason: String, at now: Date) throws -> Bool {
    try db.execute(
      sql: "DELETE FROM toldDevice WHERE time <= ?", arguments: [StoredDate(now.addingTimeInterval(-memory))])
    let told = try String.fetchOne(db, sql: "SELECT reason FROM toldDevice WHERE device = ?", arguments: [device])
    guard told != reason else { return false }
    try db.execute(
      sql: "INSERT OR REPLACE INTO toldDevice (device, reason, time) VALUES (?, ?, ?)",
      arguments: [device, reason, StoredDate(now)])
    return true
  }

  /// One line: whose device it is, its end by which people tell devices apart, and why, without what to do about it.
  static func shortText(_ device: DeviceID, _ reason: String) -> String {
    let why = reason.components(separatedBy: "; its user").first ?? reason
    return
      "\(Admissions.user(of: device.string)) has a device (…\(device.string.suffix(8))) that cannot read this: \(why)"
  }

  /// Why a message of another algorithm cannot be read.
  static func reason(_ algorithm: LimeAlgorithm, of device: String, own: Curve) -> String {
    "\(device) uses \(algorithm); this account has \(own.name)"
  }
}
