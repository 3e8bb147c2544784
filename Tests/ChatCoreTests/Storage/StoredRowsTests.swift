// StoredRowsTests.swift: rows and lines that are written by hand are what GRDB and Foundation make of them.
import Foundation
import GRDB
import TestSupport
import Testing

@testable import ChatCore

@Suite struct StoredRowsTests {
  private static let address = "sip:chatroom-1@sip.example.org;gr=urn:uuid:1"
  private static let time = Date(timeIntervalSince1970: 1_795_239_967.123)

  private static func account() throws -> StoredAccount { try StoredAccount(rooms: [(address, "Team")], now: time) }

  private static var message: Message {
    var message = Message(
      room: address, messageID: "a", sender: "sip:bob@sip.example.org", senderDevice: "sip:bob@sip.example.org;gr=x",
      isOutgoing: true, text: "text ü\n", time: time, receivedAt: time.addingTimeInterval(1), isEncrypted: true,
      trust: "trusted", state: .failed, failure: "why", isRead: true)
    (message.replyTo, message.replySender, message.forwardedFrom) = ("b", "sip:carol@sip.example.org", "Anonymous")
    (message.editedAt, message.isRetracted) = (time.addingTimeInterval(2), true)
    (message.lifetime, message.unreadLifetime, message.expiresAt) = (60, 90, time.addingTimeInterval(3))
    return message
  }

  /// Whoever adds a column adds it there too.
  @Test func allColumnsOfAMessageAreWritten() throws {
    let account = try Self.account()
    let (quick, usual) = try account.store.database.write { db -> (Row?, Row?) in
      var (quick, usual) = (Self.message, Self.message)
      try quick.insertQuickly(db)
      #expect(try Message.fetchOne(db, key: quick.id) == quick)
      try usual.delete(db)
      _ = try Message.deleteAll(db)
      usual.id = quick.id
      try usual.insert(db)
      let row = try Row.fetchOne(db, sql: "SELECT * FROM message")
      _ = try Message.deleteAll(db)
      try quick.insertQuickly(db)
      return (try Row.fetchOne(db, sql: "SELECT * FROM message"), row)
    }
    let first = try #require(quick)
    let second = try #require(usual)
    for column in first.columnNames where column != "id" {
      #expect(first[column] as DatabaseValue? == second[column] as DatabaseValue?, "\(column)")
    }
  }

  @Test func anEntryOfTheOutboxAndADeliveryAreReadAsWritten() throws {
    let account = try Self.account()
    try account.store.database.write { db in
      var message = Self.message
      try message.insertQuickly(db)
      var entry = OutboxEntry(
        room: Self.address, message: message.id, content: Data([0, 1, 255]), messageID: "a", isUrgent: true,
        mustBePlain: true, requiresTrust: true, attempts: 3, createdAt: Self.time)
      try entry.insertQuickly(db)
      let read = try #require(try OutboxEntry.fetchOne(db))
      #expect("\(read)" == "\(entry)")
      let row = try #require(message.id)
      try Delivery.expect(db, of: row, by: "sip:bob@sip.example.org")
      try Delivery.expect(db, of: row, by: "sip:bob@sip.example.org")
      #expect(
        try Delivery.fetchAll(db) == [Delivery(message: row, participant: "sip:bob@sip.example.org", state: .pending)])
      let done = Delivery(
        message: row, participant: "sip:bob@sip.example.org", state: .failed, reason: "why", time: Self.time)
      try done.updateQuickly(db)
      #expect(try Delivery.fetchAll(db) == [done])
      let room = try #require(try Room.find(db, Self.address))
      #expect(room.createdAt == Self.time)
      #expect(room.state == .joining)
    }
  }

  @Test func datesAreStoredAsGRDBStoresThem() throws {
    for seconds in [0, 1_795_239_967.123, -86_400.5, 951_782_400, 4_102_444_799.999] {
      let date = Date(timeIntervalSince1970: seconds)
      let text = StoredDate(date).databaseValue
      #expect(text == date.databaseValue)
      let (ours, theirs) = (try #require(StoredDate.date(text)), try #require(Date.fromDatabaseValue(text)))
      #expect(abs(ours.timeIntervalSince(theirs)) < 1e-6)
    }
    #expect(StoredDate.date("2026-11-21".databaseValue) == Date.fromDatabaseValue("2026-11-21".databaseValue))
    #expect(StoredDate.date("no date".databaseValue) == nil)
  }

  @Test func whatTheScreenDoesNotShowAsItIsIsEscapedInJSON() throws {
    let values: [UInt32] =
      [0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x2060, 0xFEFF, 0xFFF9, 0xE0001, 0xE0041, 0xE007F]
      + Array(0x7F...0x9F) + Array(0x202A...0x202E) + Array(0x2066...0x206F)
    let scalars = values.compactMap(Unicode.Scalar.init)
    let text = String(String.UnicodeScalarView(scalars)) + "ü👩\u{200D}💻"
    let line = JSONLine.string(["text": text, text: "x"])
    let foreign = JSONLine.harmless("{\"text\":\"\(text)\"}")
    for output in [line, foreign] {
      #expect(!output.unicodeScalars.contains { scalars.contains($0) })
      let read = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
      #expect(read?["text"] as? String == text)
      #expect(output.contains("ü👩\u{200D}💻") && output.contains("\\udb40\\udc41"))
    }
  }

  @Test func aLineOfJSONIsWhatFoundationReads() throws {
    let object: [String: Any] = [
      "text": "quote \" back \\ slash / tab \t line \n return \r bell \u{7} 日本語 👍 e\u{301} \u{8}\u{c}\u{0}",
      "yes": true, "no": false, "number": 42, "negative": Int64(-7), "half": 0.5, "empty": "", "list": ["a", "b"],
      "nested": [["by": "x", "count": 1] as [String: Any]], "object": ["z": 1, "a": "b"] as [String: Any],
      "harmful": "\u{1b}[2J \u{9b}31m \u{202e}abc\u{2066} \u{7f}",
    ]
    let line = JSONLine.string(object)
    #expect(!line.contains { $0.isNewline })
    for scalar in line.unicodeScalars {
      #expect(scalar.value >= 0x20)
      #expect(!(0x7F...0x9F).contains(scalar.value) && !(0x2028...0x202E).contains(scalar.value))
    }
    let read = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? NSDictionary)
    let reference = try JSONSerialization.data(withJSONObject: object)
    #expect(read == (try JSONSerialization.jsonObject(with: reference) as? NSDictionary))
    #expect(JSONLine.string(["b": 1, "a": 2]) == #"{"a":2,"b":1}"#)
    #expect(JSONLine.string([:]) == "{}")
  }
}
