// AccountStore.swift: one account's folder and database: permissions, lock, schema (design, rule 1).
import Foundation
import GRDB
import GRDBSQLite
import Lime

/// The folder of one account: `limeade.sqlite` and the lock that keeps a second process out.
///
/// Folder 0700, files 0600. Every commit is durable before it returns (WAL with `synchronous = FULL`), because a
/// ratchet must be on disk before its ciphertext leaves.
public final class AccountStore: Sendable {
  /// The account's folder: database, transfers and socket.
  public let directory: URL
  /// Readers go beside the one writer.
  public let database: DatabasePool
  private let lock: FileLock?
  private let useRecord: UseRecord?
  let unlocked = UnlockedKey()
  /// What the user has to know when the database turned out to be a restored backup or a copy.
  public let recoveryNotice: String?
  /// The user's address book.
  public let contacts: ContactSource

  /// Opens the store, creating it if absent.
  /// - Parameters:
  ///   - exclusive: take the account for this process; `false` uses no ratchet (history, keys).
  ///   - stateDirectory: where the record of use is kept, outside `directory`; without one a restored backup is not
  ///     noticed. For exclusive use only.
  ///   - contacts: where the user's address book is.
  public init(
    directory: URL, stateDirectory: URL? = nil, exclusive: Bool = true, contacts: ContactSource = .none
  ) throws {
    self.directory = directory
    self.contacts = contacts
    do {
      try FileManager.default.createDirectory(
        at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: directory.path)
    } catch { throw StoreError.cannotCreate(directory.path, "\(error.localizedDescription)") }

    PrivateFiles.close(directory)
    lock = exclusive ? try FileLock(path: directory.appendingPathComponent("lock").path) : nil

    let path = directory.appendingPathComponent("limeade.sqlite").path
    if !FileManager.default.fileExists(atPath: path) {
      // Created here, and not by SQLite, so that it is 0600 from its first byte; -wal and -shm inherit its mode.
      guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]) else {
        throw StoreError.cannotCreate(path, "the file cannot be written")
      }
    }
    var configuration = Configuration()
    // Another process may read or change trust beside the one that holds the account.
    configuration.busyMode = .timeout(Self.busyTimeout)
    configuration.prepareDatabase { db in
      try db.execute(sql: "PRAGMA secure_delete = ON")
      db.add(tokenizer: SearchTokenizer.self)
      // Else closing removes the log, and each start makes a new one and waits for the disk.
      var isOn: Int32 = 1
      sqlite3_file_control(db.sqliteConnection, nil, SQLITE_FCNTL_PERSIST_WAL, &isOn)
    }
    do {
      database = try DatabasePool(path: path, configuration: configuration)
      // Here and not in prepareDatabase: GRDB sets NORMAL when it turns WAL on, and a commit must reach the disk.
      try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA synchronous = FULL") }
      try Self.migrate(database)
    } catch { throw StoreError.cannotOpen(path, (error as? DatabaseError)?.storageFailure ?? "\(error)") }
    // Not worth failing for: nothing that expired is shown, and a running client deletes it too.
    if let expired = try? database.removeExpired(at: Date()), !expired.isEmpty { database.scrub() }
    guard exclusive, let stateDirectory else {
      (useRecord, recoveryNotice) = (nil, nil)
      return
    }
    let (record, finding) = try UseRecord.open(database, folder: stateDirectory)
    useRecord = record
    recoveryNotice = Self.notice(of: finding, directory: directory, stateDirectory: stateDirectory)
  }

  /// Seconds to wait for another process's transaction.
  private static let busyTimeout: TimeInterval = 5

  private static func notice(of finding: UseRecord.Finding, directory: URL, stateDirectory: URL) -> String? {
    let consequence = """
      new sessions are made with every device and this device's keys are published anew; messages that came since are \
      missing, and some that are under way may not be readable
      """
    return switch finding {
    case .inOrder: nil
    case .older:
      "the data in \(directory.path) is older than what this device has sent: a backup was restored. So \(consequence)"
    case .elsewhere:
      """
      the data in \(directory.path) was used before, but there is no record of it in \(stateDirectory.path): it was \
      copied or moved, or the record was removed. It may be older than what this device has sent, so \(consequence)
      """
    }
  }

  /// A transaction that advances ratchets: counted, before anything made in it can leave.
  func writeRatchets<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws -> Value {
    guard let useRecord else { return try await database.write(body) }
    let (value, generation) = try await database.write { db in (try body(db), try UseRecord.advance(db)) }
    useRecord.record(generation)
    return value
  }

  /// Closes the database after `shortenLog`.
  public func close() throws {
    shortenLog()
    try database.close()
  }

  /// Brings the write-ahead log into the database: else the next start reads all of it. One small commit stays in it,
  /// as a start makes one in an empty log.
  func shortenLog() {
    // While another process reads the log stays as it is, which does no harm.
    try? database.writeWithoutTransaction { db in
      _ = try db.checkpoint(.truncate)
      try db.execute(sql: "PRAGMA user_version = \(Self.schemaVersion(Self.migrator))")
    }
  }

  private static func migrate(_ database: DatabasePool) throws {
    let migrator = Self.migrator
    let version = schemaVersion(migrator)
    let known = try database.writeWithoutTransaction { try Int32.fetchOne($0, sql: "PRAGMA user_version") }
    guard known != version else { return }
    try migrator.migrate(database)
    try database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA user_version = \(version)") }
  }

  /// Says which migrations a database has, so that a start need not look for each (32-bit FNV-1a of their names).
  private static func schemaVersion(_ migrator: DatabaseMigrator) -> Int32 {
    var hash: UInt32 = 2_166_136_261
    for byte in migrator.migrations.joined(separator: "\n").utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
    return Int32(bitPattern: hash)
  }

  private static var migrator: DatabaseMigrator {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("chat 1") { db in try createChatTables(db) }
    migrator.registerMigration("chat trust 1") { db in
      try db.create(table: "refusedIdentity") { table in
        table.primaryKey("device", .text)
        table.column("fingerprint", .text).notNull()
        table.column("time", .datetime).notNull()
      }
      try db.alter(table: "outbox") { table in
        table.add(column: "requiresTrust", .boolean).notNull().defaults(to: false)
      }
    }
    migrator.registerMigration("chat search 1") { db in try SearchIndex.create(db) }
    migrator.registerMigration("chat changes 1") { db in try createChangeTables(db) }
    migrator.registerMigration("chat files 1") { db in
      // The files of a message as JSON: they are read and written with it, and never alone.
      try db.alter(table: "message") { $0.add(column: "attachments", .text) }
      // Messages that wait for their files; then they go to the outbox.
      try db.create(table: "upload") { table in
        table.primaryKey("message", .integer).references("message", onDelete: .cascade)
        table.column("requiresTrust", .boolean).notNull()
      }
    }
    migrator.registerMigration("chat search 2") { db in try SearchIndex.addFileNames(db) }
    migrator.registerMigration("chat outbox 1") { db in
      // What goes next: else each look sorts all that waits, and a script may write faster than the server takes.
      try db.execute(sql: "CREATE INDEX outbox_by_order ON outbox (isUrgent DESC, id)")
    }
    migrator.registerMigration("chat admission 1") { db in try Admissions.createTables(db) }
    migrator.registerMigration("chat notices 1") { db in try RoomNotices.addColumns(db) }
    migrator.registerMigration("chat belief 1") { db in
      try db.alter(table: "message") { table in
        table.add(column: "claimedTime", .datetime)
        table.add(column: "isStranger", .boolean).notNull().defaults(to: false)
        table.add(column: "identity", .blob)
        table.add(column: "original", .text)
        table.add(column: "isOriginalMissing", .boolean).notNull().defaults(to: false)
      }
      try FormerDevice.createTable(db)
    }
    migrator.registerMigration("chat rooms 1") { db in try addRoomKeys(db) }
    migrator.registerMigration("chat search 3") { db in try SearchIndex.fold(db) }
    migrator.registerMigration("chat unread lifetime 1") { db in
      for table in ["message", "room"] { try db.alter(table: table) { $0.add(column: "unreadLifetime", .integer) } }
    }
    migrator.registerMigration("chat algorithms 1") { db in try DeviceAlgorithms.createTable(db) }
    migrator.registerMigration("chat room events 1") { db in try RoomEvent.createTable(db) }
    migrator.registerMigration("chat quiet 1") { db in
      try RoomNotices.addQuietColumns(db)
      try Blocking.createTable(db)
      try Invitation.createTable(db)
    }
    migrator.registerMigration("chat algorithms 2") { db in try DeviceAlgorithms.createToldTable(db) }
    RoomNameUse.register(&migrator)
    migrator.registerMigration("chat automatic 1") { db in
      try db.alter(table: "message") { table in
        table.add(column: "isAutomatic", .boolean).notNull().defaults(to: false)
      }
    }
    migrator.registerMigration("chat input 1") { db in try InputRecord.createTables(db) }
    migrator.registerMigration("chat room places 1") { db in try createRoomPlaces(db) }
    LimeAccount.registerMigrations(&migrator)
    return migrator
  }

  private static func createChatTables(_ db: Database) throws {
    try db.create(table: "setting") { table in
      table.primaryKey("name", .text)
      table.column("value", .text).notNull()
    }
    try db.create(table: "room") { table in
      table.primaryKey("address", .text)
      table.column("subject", .text).notNull()
      table.column("isEncrypted", .boolean).notNull()
      table.column("isOneToOne", .boolean).notNull()
      table.column("state", .text).notNull()
      table.column("version", .integer).notNull()
      table.column("createdAt", .datetime).notNull()
      table.column("lastActivity", .datetime).notNull()
    }
    try db.create(table: "participant") { table in
      table.column("room", .text).notNull().references("room", onDelete: .cascade)
      table.column("address", .text).notNull()
      table.column("isAdmin", .boolean).notNull()
      table.primaryKey(["room", "address"])
    }
    try db.create(table: "device") { table in
      table.column("room", .text).notNull().references("room", onDelete: .cascade)
      table.column("participant", .text).notNull()
      table.column("gruu", .text).notNull()
      table.primaryKey(["room", "gruu"])
    }
    try db.create(table: "message") { table in
      table.autoIncrementedPrimaryKey("id")
      table.column("room", .text).notNull().references("room", onDelete: .cascade)
      table.column("messageID", .text).notNull()
      table.column("sender", .text).notNull()
      table.column("senderDevice", .text)
      table.column("isOutgoing", .boolean).notNull()
      table.column("text", .text).notNull()
      table.column("time", .datetime).notNull()
      table.column("receivedAt", .datetime).notNull()
      table.column("isEncrypted", .boolean).notNull()
      table.column("trust", .text).notNull()
      table.column("state", .text).notNull()
      table.column("failure", .text)
      table.column("isRead", .boolean).notNull()
      table.uniqueKey(["room", "messageID", "sender"])
    }
    try db.create(index: "message_by_time", on: "message", columns: ["room", "time", "id"])
    try db.create(index: "message_by_id", on: "message", columns: ["messageID"])
    try db.create(table: "delivery") { table in
      table.column("message", .integer).notNull().references("message", onDelete: .cascade)
      table.column("participant", .text).notNull()
      table.column("state", .text).notNull()
      table.column("reason", .text)
      table.column("time", .datetime)
      table.primaryKey(["message", "participant"])
    }
    // What still has to leave: texts (with their message row) and notifications (with their content).
    try db.create(table: "outbox") { table in
      table.autoIncrementedPrimaryKey("id")
      table.column("room", .text).notNull().references("room", onDelete: .cascade)
      table.column("message", .integer).references("message", onDelete: .cascade)
      table.column("content", .blob).notNull()
      table.column("messageID", .text)
      table.column("isUrgent", .boolean).notNull()
      table.column("mustBePlain", .boolean).notNull()
      table.column("attempts", .integer).notNull().defaults(to: 0)
      table.column("createdAt", .datetime).notNull()
    }
  }
}

/// Why the database is not opened. Texts are for the user.
public enum StoreError: Error, LocalizedError, CustomStringConvertible {
  case cannotCreate(String, String)
  case cannotOpen(String, String)
  case inUse(String, process: String)

  public var description: String {
    switch self {
    case .cannotCreate(let path, let cause): "cannot create \(path): \(cause)"
    case .cannotOpen(let path, let cause): "cannot open the account's database \(path): \(cause)"
    case .inUse(let path, let process):
      "another limeade (process \(process)) is using this account (\(path)); end it first, or use another account"
    }
  }
  public var errorDescription: String? { description }
}
