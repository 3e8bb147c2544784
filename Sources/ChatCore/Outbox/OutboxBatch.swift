// OutboxBatch.swift: what of the outbox is encrypted in one transaction and sent without waiting in between
import Foundation
import GRDB
import MessageFormats

/// One MESSAGE: a text, or one or several notifications.
struct OutboxItem: Sendable {
  /// What is sent; its row is the first of `entries`.
  var content: OutboxEntry
  /// The rows that are done when it is sent.
  var entries: [OutboxEntry]

  init(_ entry: OutboxEntry) { (content, entries) = (entry, [entry]) }

  /// Several notifications in one (RFC 5438 §7.1.2.1 has one a message; liblinphone sends several as multipart/mixed).
  /// nil when one of them is no notification.
  init?(notifications entries: [OutboxEntry]) {
    guard let first = entries.first, var cpim = try? CPIMMessage(parsing: first.content) else { return nil }
    var headers: HeaderFields = []
    headers["Content-Type"] = ContentType.imdn.description
    var parts: [MIMEPart] = []
    for entry in entries {
      guard let one = try? CPIMMessage(parsing: entry.content),
        one.contentType?.matches(ContentType.imdn.mediaType) == true
      else { return nil }
      parts.append(MIMEPart(headers: headers, body: one.body))
    }
    let boundary = MultipartBody.boundary(avoidedBy: parts)
    cpim.contentHeaders["Content-Type"] = "multipart/mixed;boundary=\(boundary)"
    cpim.body = MultipartBody(parts).serialized(boundary: boundary)
    self.entries = entries
    content = first
    content.content = cpim.serialized
  }
}

/// Entries of one room and one kind, oldest first.
struct OutboxBatch: Sendable {
  /// MESSAGEs at a time. Sofia queues 64 for a connection.
  static let maximumItems = 32
  /// Bytes of their contents, after which no further one is taken.
  static let maximumBytes = 256 << 10
  /// Notifications in one MESSAGE.
  static let maximumNotifications = 50

  let room: String
  let items: [OutboxItem]

  /// The oldest entry, texts before notifications, and what may go with it; nil when nothing waits.
  /// - Parameters:
  ///   - rooms: those that are left alone now.
  ///   - held: those in which texts that wait for the user's decision on a device are left alone.
  ///   - entries: rows that are not to be sent again.
  ///   - isSingle: take one entry only.
  static func next(
    _ db: Database, leavingOut rooms: [String], held: [String] = [], entries: [Int64], isSingle: Bool
  ) throws -> OutboxBatch? {
    let (skippedRooms, heldRooms, skippedEntries) = (try list(rooms), try list(held), try list(entries))
    let first = try OutboxEntry.fetchOne(
      db.cachedStatement(
        sql: """
          SELECT * FROM outbox WHERE room NOT IN (SELECT value FROM json_each(?))
            AND id NOT IN (SELECT value FROM json_each(?))
            AND NOT (isUrgent AND waits AND room IN (SELECT value FROM json_each(?)))
          ORDER BY isUrgent DESC, id LIMIT 1
          """), arguments: [skippedRooms, skippedEntries, heldRooms])
    guard let first else { return nil }
    // Whether all devices are trusted is looked at for each message.
    guard !isSingle, !first.requiresTrust else { return OutboxBatch(room: first.room, items: [OutboxItem(first)]) }
    let entries = try OutboxEntry.fetchCursor(
      db.cachedStatement(
        sql: """
          SELECT * FROM outbox WHERE room = ? AND isUrgent = ? AND mustBePlain = ? AND id >= ?
            AND id NOT IN (SELECT value FROM json_each(?)) ORDER BY id LIMIT ?
          """),
      arguments: [
        first.room, first.isUrgent, first.mustBePlain, first.id, skippedEntries,
        first.isUrgent ? maximumItems : maximumNotifications,
      ])
    var taken: [OutboxEntry] = []
    var bytes = 0
    while let entry = try entries.next(), !entry.requiresTrust, entry.waits == first.waits {
      taken.append(entry)
      bytes += entry.content.count
      if bytes > maximumBytes { break }
    }
    if !first.isUrgent, taken.count > 1, let item = OutboxItem(notifications: taken) {
      return OutboxBatch(room: first.room, items: [item])
    }
    return OutboxBatch(room: first.room, items: taken.prefix(maximumItems).map { OutboxItem($0) })
  }
}

extension OutboxBatch {
  /// For `json_each`.
  private static func list<Element: Encodable>(_ values: [Element]) throws -> String {
    values.isEmpty ? "[]" : String(decoding: try JSONEncoder().encode(values), as: UTF8.self)
  }
}

/// What became of an entry of the outbox.
struct OutboxOutcome: Sendable {
  let entry: OutboxEntry
  var state: Message.State
  var failure: String?

  /// Takes the entry out of the outbox.
  /// - Returns: the message that it was for, as it is now; nil when nothing is new about it.
  func write(_ db: Database) throws -> Message? {
    try db.cachedStatement(sql: "DELETE FROM outbox WHERE id = ?").execute(arguments: [entry.id])
    guard let row = entry.message else { return nil }
    try db.cachedStatement(
      sql: "UPDATE message SET state = ?1, failure = ?2 WHERE id = ?3 AND (state <> ?1 OR failure IS NOT ?2)"
    ).execute(arguments: [state.rawValue, failure, row])
    guard db.changesCount > 0 else { return nil }
    return try Message.fetchOne(
      db.cachedStatement(sql: "SELECT * FROM message WHERE id = ?"), arguments: [row])
  }

  /// What became of a change of ours, for the user; nil for other entries. A failed one stays as it is here.
  func change(by own: String) -> MessageChange? {
    guard entry.message == nil, entry.isUrgent, let cpim = try? CPIMMessage(parsing: entry.content),
      var change = MessageChange(cpim, room: entry.room, sender: own, now: .distantFuture)
    else { return nil }
    change.state = state
    change.failure = failure
    return change
  }
}
