// HistoryBenchmark.swift: opening, paging and searching a long history
import ArgumentParser
import ChatCore
import Foundation
import GRDB

struct HistoryBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "history", abstract: "A long history: open, page, search.",
    discussion: "One figure a line: what, value, unit, tab separated.")

  @Option(help: "Messages in the database.") var messages = 1_000_000
  @Option(help: "Rooms that they are in.") var rooms = 100
  @Option(help: "Where the database is made; in the folder for temporary files if absent.", completion: .directory)
  var folder: String?

  func validate() throws {
    guard messages >= 1000, (1...messages).contains(rooms) else {
      throw ValidationError("--messages is at least 1000, and not below --rooms")
    }
  }

  func run() async throws {
    let parent = folder.map { URL(fileURLWithPath: $0) } ?? FileManager.default.temporaryDirectory
    let directory = parent.appendingPathComponent("limeade-bench-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: directory) }
    try fill(directory)
    var store = try AccountStore(directory: directory)
    let opening = try (0..<10).map { _ in
      try timed { store = try AccountStore(directory: directory, exclusive: false) }
    }
    Figure.print("open the database", milliseconds: opening)
    try await measure("list the rooms with unread counts") { _ = try await store.rooms() }
    try await measure("count mentions") { _ = try await store.mentions(of: Mention("alice")) }
    let room = BenchmarkHistory.room(0)
    try await measure("newest 200 messages of a room") {
      _ = try await store.history(HistoryRequest(room: room))
    }
    try await page(store, room: room)
    for (what, text) in [
      ("a rare word", BenchmarkHistory.rareWord), ("a middling word", BenchmarkHistory.middlingWord),
      ("a common word", BenchmarkHistory.commonWord), ("the beginning of many words", "w1"),
      ("two words", "\(BenchmarkHistory.commonWord) \(BenchmarkHistory.middlingWord)"),
      ("a word of a script without spaces", BenchmarkHistory.unspacedWord), ("a word that is nowhere", "zzzz"),
    ] {
      try await measure("search all rooms for \(what)") {
        _ = try await store.history(HistoryRequest(search: text, limit: 50))
      }
    }
    try await measure("search a room for a middling word") {
      _ = try await store.history(HistoryRequest(room: room, search: BenchmarkHistory.middlingWord, limit: 50))
    }
    let deletion = try await elapsed {
      try await store.database.write { try $0.execute(sql: "DELETE FROM message WHERE messageID = 'm1000'") }
      try await store.purgeSearchIndex()
    }
    Figure.print("delete a message and its words on disk", deletion, "ms")
  }

  private func fill(_ directory: URL) throws {
    let store = try AccountStore(directory: directory)
    let time = try timed { try BenchmarkHistory.fill(store, messages: messages, rooms: rooms) }
    Figure.print("messages", Double(messages), "")
    Figure.print("insert with index, per message", time / Double(messages), "ms")
    try store.database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
    let size = try store.database.read { db in
      try (Int64.fetchOne(db, sql: "PRAGMA page_count") ?? 0) * (Int64.fetchOne(db, sql: "PRAGMA page_size") ?? 0)
    }
    Figure.print("database", Double(size) / 1_000_000, "MB")
  }

  private func page(_ store: AccountStore, room: String) async throws {
    var request = HistoryRequest(room: room)
    var samples: [Double] = []
    for _ in 0..<20 {
      var page: [MessageWithDeliveries] = []
      let current = request
      samples.append(try await elapsed { page = try await store.history(current) })
      guard let oldest = page.first else { break }
      request.before = MessagePosition(oldest.message)
    }
    Figure.print("next 200 older messages", milliseconds: samples)
  }

  private func measure(_ what: String, _ body: () async throws -> Void) async throws {
    var samples: [Double] = []
    for _ in 0..<10 { samples.append(try await elapsed(body)) }
    Figure.print(what, milliseconds: samples)
  }
}
