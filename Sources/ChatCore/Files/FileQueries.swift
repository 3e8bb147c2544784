// FileQueries.swift: reading and writing the files of messages inside a database transaction.
import Foundation
import GRDB

/// A message whose files are not all uploaded.
struct PendingUpload: Codable, FetchableRecord, PersistableRecord, Sendable {
  static let databaseTableName = "upload"

  /// Row of the message.
  var message: Int64
  /// As of `OutboxEntry`, as is the next.
  var requiresTrust: Bool
  var waits: Bool
}

enum FileQueries {
  /// Changes one file; nil when the message is gone.
  static func change(
    _ db: Database, message row: Int64, index: Int, _ body: (inout MessageFile) -> Void
  ) throws -> (Message, MessageFile)? {
    guard var message = try Message.fetchOne(db, key: row), message.files.indices.contains(index) else { return nil }
    var files = message.files
    body(&files[index])
    message.attachments = files
    try message.update(db)
    return (message, files[index])
  }

  /// The message and the place in it that an id as of `Message.fileID` means; the newest, if several do.
  static func find(_ db: Database, id: String, room: String?) throws -> (message: Message, index: Int)? {
    if let message = try message(db, messageID: id, room: room) { return (message, 0) }
    guard let slash = id.lastIndex(of: "/"), let number = Int(id[id.index(after: slash)...]), number > 0,
      let message = try message(db, messageID: String(id[..<slash]), room: room), number <= message.files.count
    else { return nil }
    return (message, number - 1)
  }

  private static func message(_ db: Database, messageID: String, room: String?) throws -> Message? {
    try Message.fetchOne(
      db,
      sql: """
        SELECT * FROM message WHERE messageID = ? AND attachments IS NOT NULL AND (? IS NULL OR room = ?)
        ORDER BY id DESC
        """, arguments: [messageID, room, room])
  }
}
