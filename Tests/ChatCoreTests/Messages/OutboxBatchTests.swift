// OutboxBatchTests.swift: what of the outbox goes out together.
import Foundation
import GRDB
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite struct OutboxBatchTests {
  private static let rooms = ["one", "two"].map { "sip:chatroom-\($0)@sip.example.org;gr=urn:uuid:1" }
  private let stored: StoredAccount
  private var store: AccountStore { stored.store }

  init() throws {
    stored = try StoredAccount(rooms: Self.rooms.map { ($0, "") })
  }

  private func text(_ text: String, room: Int, requiresTrust: Bool = false) throws {
    try insert(Data(text.utf8), room: room, isUrgent: true, requiresTrust: requiresTrust)
  }

  private func notification(of messageID: String, room: Int) throws {
    let device = try #require(SIPURI("sip:bob@sip.example.org;gr=urn:uuid:2"))
    let imdn = IMDNMessage(messageID: messageID, dateTime: Date(), kind: .delivered)
    let cpim = InnerMessage.imdn(imdn, from: device, to: try #require(SIPURI(Self.rooms[room])), time: Date())
    try insert(cpim.serialized, room: room, isUrgent: false)
  }

  private func insert(_ content: Data, room: Int, isUrgent: Bool, requiresTrust: Bool = false) throws {
    try store.database.write { db in
      var entry = OutboxEntry(
        room: Self.rooms[room], message: nil, content: content, messageID: nil, isUrgent: isUrgent, mustBePlain: false,
        requiresTrust: requiresTrust, attempts: 0, createdAt: Date())
      try entry.insert(db)
    }
  }

  private func next(leavingOut rooms: [Int] = [], isSingle: Bool = false) throws -> OutboxBatch? {
    try store.database.read { db in
      try OutboxBatch.next(db, leavingOut: rooms.map { Self.rooms[$0] }, entries: [], isSingle: isSingle)
    }
  }

  /// Takes the batch out of the outbox.
  private func take(leavingOut rooms: [Int] = [], isSingle: Bool = false) throws -> [String] {
    guard let batch = try next(leavingOut: rooms, isSingle: isSingle) else { return [] }
    return try store.database.write { db in
      try batch.items.map { item in
        for entry in item.entries { _ = try OutboxOutcome(entry: entry, state: .sent).write(db) }
        return String(decoding: item.content.content, as: UTF8.self)
      }
    }
  }

  @Test func textsOfARoomGoTogetherInOrderBeforeNotifications() throws {
    try notification(of: "x", room: 0)
    for number in 0..<OutboxBatch.maximumItems + 2 { try text("\(number)", room: 0) }
    try text("other", room: 1)
    let all = (0..<OutboxBatch.maximumItems + 2).map(String.init)
    #expect(try take() == Array(all.prefix(OutboxBatch.maximumItems)))
    #expect(try take() == all.suffix(2))
    #expect(try next(leavingOut: [1])?.items.first?.content.isUrgent == false)
    #expect(try take() == ["other"])
    #expect(try take().count == 1)
    #expect(try take().isEmpty)
  }

  @Test func aTextThatNeedsTrustAndOneOverUDPGoAlone() throws {
    for (name, needsTrust) in [("a", false), ("b", true), ("c", false), ("d", false)] {
      try text(name, room: 0, requiresTrust: needsTrust)
    }
    #expect(try take() == ["a"])
    #expect(try take() == ["b"])
    #expect(try take(isSingle: true) == ["c"])
    #expect(try take() == ["d"])
  }

  @Test func largeTextsAreNotAllTakenAtOnce() throws {
    for _ in 0..<10 { try text(String(repeating: "x", count: OutboxBatch.maximumBytes / 3), room: 0) }
    #expect(try take().count == 4)
  }

  @Test func notificationsOfARoomBecomeOneThatIsReadAsAll() throws {
    for id in ["a", "b", "c"] { try notification(of: id, room: 0) }
    try notification(of: "d", room: 1)
    let batch = try #require(try next())
    #expect(batch.items.count == 1 && batch.items[0].entries.count == 3)
    let cpim = try CPIMMessage(parsing: batch.items[0].content.content)
    let type = try #require(cpim.contentType?.description)
    #expect(cpim.contentDisposition == "notification")
    #expect(try IMDNMessage.all(inContentType: type, body: cpim.body).map(\.messageID) == ["a", "b", "c"])
    _ = try take()
    #expect(try next()?.room == Self.rooms[1])
  }
}
