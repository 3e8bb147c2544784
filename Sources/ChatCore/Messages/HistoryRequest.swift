// HistoryRequest.swift: which messages to read: a page of a room or of all rooms, or what a search finds.
import Foundation
import GRDB

/// A place between messages in the order of a room.
public struct MessagePosition: Sendable, Hashable {
  /// The message's place in its room: `Message.time`.
  public var time: Date
  /// Tells messages of the same time apart: `Message.id`.
  public var id: Int64

  public init(time: Date, id: Int64) {
    self.time = time
    self.id = id
  }

  /// The place of a stored message.
  public init(_ message: Message) { self.init(time: message.time, id: message.id ?? 0) }
}

/// Which messages are wanted, and how many.
public struct HistoryRequest: Sendable {
  /// nil: of every room.
  public var room: String?
  /// What was typed to find messages: see `SearchTerms`.
  public var search: String?
  /// Messages whose place is before it are left out.
  public var since: Date?
  /// Older ones than this. A search, and a request of every room, goes by the order of arrival (`id`).
  public var before: MessagePosition?
  /// Newer ones than this, the oldest of them first to be taken; not with `before`.
  public var after: MessagePosition?
  /// The most messages that come: the newest, unless `after` is given.
  public var limit: Int
  /// Messages that have expired by now are left out.
  var now = Date()

  public init(
    room: String? = nil, search: String? = nil, since: Date? = nil, before: MessagePosition? = nil,
    after: MessagePosition? = nil, limit: Int = 200
  ) {
    self.room = room
    self.search = search
    self.since = since
    self.before = before
    self.after = after
    self.limit = limit
  }
}

extension MessageQueries {
  /// The newest that fit the request (with `after` the oldest), oldest first.
  static func messages(_ db: Database, _ request: HistoryRequest) throws -> [Message] {
    let terms = request.search.map(SearchTerms.init)
    if let terms, terms.isEmpty { return [] }
    var tables = "message"
    // What has expired may be there for a moment until it is deleted.
    var conditions = ["(message.expiresAt IS NULL OR message.expiresAt > ?)"]
    var arguments: StatementArguments = [StoredDate(request.now)]
    func require(_ condition: String, _ values: StatementArguments) {
      conditions.append(condition)
      arguments += values
    }
    // By rowid both FTS5 and the table deliver in order, so that a page of many hits costs a page.
    var order = "message.id"
    if let match = terms?.match {
      // CROSS JOIN: SQLite must not turn it round and look up every message in the index.
      tables = "messageText CROSS JOIN message ON message.id = messageText.rowid"
      order = "messageText.rowid"
      require("messageText MATCH ?", [match])
    }
    for pattern in terms?.patterns ?? [] {
      require("(message.text LIKE ? ESCAPE '\\' OR message.fileNames LIKE ? ESCAPE '\\')", [pattern, pattern])
    }
    if let room = request.room { require("message.room = ?", [room]) }
    if let since = request.since { require("message.time >= ?", [StoredDate(since)]) }
    let isByTime = request.room != nil && terms == nil
    if isByTime { order = "message.time" }
    for (position, comparison) in [(request.before, "<"), (request.after, ">")] {
      guard let position else { continue }
      if isByTime {
        require("(message.time, message.id) \(comparison) (?, ?)", [StoredDate(position.time), position.id])
      } else {
        require("\(order) \(comparison) ?", [position.id])
      }
    }
    let direction = request.after == nil ? "DESC" : "ASC"
    let filter = "WHERE " + conditions.joined(separator: " AND ")
    let ordering = isByTime ? "message.time \(direction), message.id \(direction)" : "\(order) \(direction)"
    var found: [Message] = []
    let rows = try Row.fetchCursor(
      db, sql: "SELECT message.* FROM \(tables) \(filter) ORDER BY \(ordering) LIMIT ?",
      arguments: arguments + [max(0, request.limit)])
    while let row = try rows.next() {
      if let message = (try? Message(row: row)) ?? Message.damaged(row) { found.append(message) }
    }
    return request.after == nil ? found.reversed() : found
  }

  /// Messages with their deliveries and reactions, read in one go.
  static func withDeliveries(_ db: Database, _ messages: [Message]) throws -> [MessageWithDeliveries] {
    let outgoing = messages.filter(\.isOutgoing).compactMap(\.id)
    let deliveries =
      outgoing.isEmpty
      ? []
      : try Delivery.fetchReadable(
        db,
        sql: "SELECT * FROM delivery WHERE message IN (\(placeholders(outgoing.count))) ORDER BY participant",
        arguments: StatementArguments(outgoing))
    let byMessage = Dictionary(grouping: deliveries, by: \.message)
    let ids = Set(messages.map(\.messageID))
    let reactions =
      ids.isEmpty
      ? []
      : try Reaction.fetchReadable(
        db,
        sql: """
          SELECT * FROM reaction WHERE messageID IN (\(placeholders(ids.count))) AND text <> '' ORDER BY time, rowid
          """, arguments: StatementArguments(ids))
    let byTarget = Dictionary(grouping: reactions) { MessageKey(room: $0.room, messageID: $0.messageID) }
    return try messages.map { message in
      MessageWithDeliveries(
        message: message, deliveries: message.id.flatMap { byMessage[$0] } ?? [],
        reactions: byTarget[MessageKey(room: message.room, messageID: message.messageID)] ?? [],
        quote: try quote(db, message))
    }
  }
}

private func placeholders(_ count: Int) -> String { repeatElement("?", count: count).joined(separator: ", ") }

extension Message {
  /// What is left of a row that cannot be read: where it stands, and that there was something.
  fileprivate static func damaged(_ row: Row) -> Message? {
    guard let id = row.value("id") as Int64?, let room = row.value("room") as String? else { return nil }
    let epoch = Date(timeIntervalSince1970: 0)
    let received = (row.value("receivedAt") as StoredDate?)?.date
    let time = (row.value("time") as StoredDate?)?.date ?? received ?? epoch
    return Message(
      id: id, room: room, messageID: row.value("messageID") ?? "damaged-\(id)",
      sender: row.value("sender") ?? "unknown", isOutgoing: row.value("isOutgoing") ?? false, text: "", time: time,
      receivedAt: received ?? time,
      isEncrypted: row.value("isEncrypted") ?? false, trust: "unknown", state: .undecryptable,
      failure: "its entry in the database is damaged", isRead: true)
  }
}

private struct MessageKey: Hashable {
  let room: String
  let messageID: String
}

extension AccountStore {
  /// Oldest first, each with its deliveries and reactions.
  public func history(_ request: HistoryRequest) async throws -> [MessageWithDeliveries] {
    try await database.read { try MessageQueries.withDeliveries($0, MessageQueries.messages($0, request)) }
  }

  /// The newest messages of a room, oldest first.
  /// - Parameter search: see `SearchTerms`.
  public func history(
    room: String, search: String? = nil, since: Date? = nil, limit: Int = 200
  ) async throws -> [MessageWithDeliveries] {
    try await history(HistoryRequest(room: room, search: search, since: since, limit: limit))
  }

  /// The numbers of the messages that were not read when this one was, which is among them.
  func unread(upTo messageID: String, in room: String) async throws -> [Int64] {
    try await database.read { db in
      try Int64.fetchAll(
        db,
        sql: """
          SELECT id FROM message WHERE room = ?1 AND NOT isRead AND NOT isOutgoing
            AND id <= (SELECT max(id) FROM message WHERE room = ?1 AND messageID = ?2)
          """, arguments: [room, messageID])
    }
  }

  /// Unread messages of each room that call the account by its name, and that it was added to the room.
  public func mentions(of mention: Mention) async throws -> [String: Int] {
    try await database.read { db in
      let unread = try Row.fetchCursor(
        db, sql: "SELECT room, text FROM message WHERE NOT isRead AND NOT isOutgoing AND text LIKE ? ESCAPE '\\'",
        arguments: [mention.pattern])
      // To be added to a room is as personal.
      let added = try String.fetchAll(db, sql: "SELECT DISTINCT room FROM roomEvent WHERE NOT isRead")
      var counts = Dictionary(uniqueKeysWithValues: added.map { ($0, 1) })
      while let row = try unread.next() {
        guard let text = row.value("text") as String?, let room = row.value("room") as String? else { continue }
        if mention.isIn(text) { counts[room, default: 0] += 1 }
      }
      return counts
    }
  }
}
