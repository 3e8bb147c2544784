// UseRecord.swift: tells when an account's database is older than what was sent: a restored backup or a second copy.
import Foundation
import GRDB
import Lime

/// How often an account's ratchets were used, counted in its database and in a file outside its folder.
///
/// A ratchet that is set back encrypts with keys it used before, and somebody who has both ciphertexts can read them.
/// So each use counts in the database, in the transaction that advances the ratchets, and after the commit, before
/// anything leaves, in the file. A file that is ahead of the database shows that the database is not the newest one.
/// A crash between commit and file leaves the database ahead, which is in order.
///
/// What it cannot see: a restore that brings back the file as well.
final class UseRecord: Sendable {
  private let descriptor: Int32
  private static let digits = 20

  /// What opening found.
  enum Finding: Equatable {
    case inOrder
    /// The file counts more uses than the database.
    case older
    /// The database was used before, but not with this file: it was copied or moved, or the file was removed.
    case elsewhere
  }

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Opens the record of a database that this process has for itself. When the database is not known to be the newest
  /// one, its sending chains are ended and `Setting.recovery` is set in the same transaction.
  /// - Parameter folder: outside the account's folder, so that a backup of that does not have it.
  static func open(_ database: DatabasePool, folder: URL, now: Date = Date()) throws -> (UseRecord, Finding) {
    let store = try database.write { db -> String in
      if let known = try Setting.storeID.read(db) { return known }
      let fresh = UUID().uuidString.lowercased()
      try Setting.storeID.write(db, fresh)
      return fresh
    }
    // Named by the database, so that accounts of one name in several data folders do not disturb each other.
    let path = folder.appendingPathComponent("\(store).uses").path
    do {
      try FileManager.default.createDirectory(
        at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch { throw StoreError.cannotCreate(folder.path, error.localizedDescription) }
    PrivateFiles.close(folder)
    let recorded = try? String(contentsOfFile: path, encoding: .utf8)
    let uses = recorded.flatMap { Int64($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    let (generation, finding) = try database.write { db -> (Int64, Finding) in
      let known = try Setting.generation.read(db).flatMap { Int64($0) }
      let finding = try compare(db, known: known, recorded: uses)
      if finding != .inOrder {
        try LimeAccount.endAllSendingChains(db, now: now)
        try Setting.recovery.write(db, "due")
      }
      let next = max(known ?? 0, uses ?? 0) + 1
      try Setting.generation.write(db, "\(next)")
      return (next, finding)
    }
    let record = UseRecord(descriptor: try createdFile(path, folder: folder))
    record.record(generation)
    fsync(record.descriptor)
    return (record, finding)
  }

  private static func compare(_ db: Database, known: Int64?, recorded: Int64?) throws -> Finding {
    guard let known else { return .inOrder }
    if let recorded { return recorded > known ? .older : .inOrder }
    // Without a session there is nothing that could repeat itself.
    let hasSessions = try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM lime_session)") ?? false
    return hasSessions ? .elsewhere : .inOrder
  }

  private static func createdFile(_ path: String, folder: URL) throws -> Int32 {
    let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw StoreError.cannotCreate(path, String(cString: strerror(errno))) }
    // The name has to outlive a power cut too, or the next start takes the database for a copy.
    let directory = Foundation.open(folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if directory >= 0 {
      fsync(directory)
      close(directory)
    }
    return descriptor
  }

  /// Counts a use in the database; pass the result to `record` after the commit.
  static func advance(_ db: Database) throws -> Int64 {
    let next = (try Setting.generation.read(db).flatMap { Int64($0) } ?? 0) + 1
    try Setting.generation.write(db, "\(next)")
    return next
  }

  /// Writes without waiting for the disk: a killed process loses nothing, and a power cut leaves the file behind the
  /// database, which is in order.
  func record(_ generation: Int64) {
    let number = "\(generation)"
    let text = String(repeating: "0", count: max(0, Self.digits - number.count)) + number + "\n"
    _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
  }
}
