// MessageChangeTests.swift: reactions, edits and retractions as the database keeps them, in any order of arrival.
import Foundation
import GRDB
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

private let room = "sip:chatroom-1@sip.example.org;gr=urn:uuid:1"
private let bob = "sip:bob@sip.example.org"
private let carol = "sip:carol@sip.example.org"
private let now = Date(timeIntervalSince1970: 1_800_000_000)

private struct Fixture {
  let stored: StoredAccount
  var store: AccountStore { stored.store }

  init() throws {
    stored = try StoredAccount(rooms: [(room, "Team")], now: now)
  }

  func text(_ text: String, id: String, from sender: String = bob, state: Message.State = .received) -> Message {
    Message(
      room: room, messageID: id, sender: sender, isOutgoing: false, text: text, time: now, receivedAt: now,
      isEncrypted: true, trust: "untrusted", state: state, isRead: false)
  }

  @discardableResult
  func insert(_ text: String, id: String, from sender: String = bob, state: Message.State = .received) throws -> Bool {
    var message = self.text(text, id: id, from: sender, state: state)
    return try store.database.write { try MessageQueries.insertOnce($0, &message).isShown }
  }

  @discardableResult
  func change(
    _ kind: MessageChange.Kind, _ id: String, by sender: String = bob, _ text: String = "", after seconds: Double = 1
  ) throws -> Bool {
    let change = MessageChange(
      kind, room: room, messageID: id, sender: sender, text: text, time: now.addingTimeInterval(seconds))
    let fallback = self.text(text, id: "own-id-of-the-change", from: sender)
    return try store.database.write { try change.apply($0, orInsert: fallback) == .applied }
  }

  func all(at time: Date = now) throws -> [MessageWithDeliveries] {
    var request = HistoryRequest(room: room)
    request.now = time
    let wanted = request
    return try store.database.read { try MessageQueries.withDeliveries($0, MessageQueries.messages($0, wanted)) }
  }
}

@Suite struct MessageChangeTests {
  @Test func theLastReactionOfEachMemberCounts() throws {
    let fixture = try Fixture()
    try fixture.insert("text", id: "a")
    #expect(try fixture.change(.reaction, "a", by: bob, "👍", after: 1))
    #expect(try fixture.change(.reaction, "a", by: carol, "🎉", after: 2))
    #expect(try fixture.change(.reaction, "a", by: bob, "❤️", after: 3))
    #expect(try !fixture.change(.reaction, "a", by: bob, "❤️", after: 4), "nothing new")
    #expect(try !fixture.change(.reaction, "a", by: bob, "👎", after: 2), "an older one that came late")
    #expect(try fixture.all()[0].reactions.map(\.text) == ["🎉", "❤️"])
    #expect(try fixture.change(.reaction, "a", by: bob, "", after: 5))
    #expect(try !fixture.change(.reaction, "a", by: bob, "👍", after: 4))
    #expect(try fixture.all()[0].reactions.map(\.text) == ["🎉"])
    #expect(try !fixture.change(.reaction, "a", by: carol, String(repeating: "x", count: 65), after: 9))
  }

  @Test func aReactionBeforeItsMessageIsThereWhenItComes() throws {
    let fixture = try Fixture()
    try fixture.change(.reaction, "a", by: carol, "👍")
    #expect(try fixture.all().isEmpty)
    try fixture.insert("text", id: "a")
    #expect(try fixture.all()[0].reactions.map(\.text) == ["👍"])
  }

  @Test func onlyTheAuthorsAccountEditsAndTheNewestEditCounts() throws {
    let fixture = try Fixture()
    try fixture.insert("first", id: "a")
    #expect(try fixture.change(.edited, "a", "third", after: 3))
    #expect(try !fixture.change(.edited, "a", "second", after: 2))
    try fixture.change(.edited, "a", by: carol, "carol's words", after: 9)
    let bobs = try #require(try fixture.all().first { $0.message.sender == bob }).message
    #expect(bobs.text == "third" && bobs.original == "first")
    #expect(bobs.editedAt == now.addingTimeInterval(3))
    // What carol sent is hers, and shown as hers.
    #expect(try fixture.all().filter { $0.message.sender == carol }.map(\.message.text) == ["carol's words"])
  }

  @Test func anEditOfAnUnknownMessageBecomesIt() throws {
    let fixture = try Fixture()
    #expect(try fixture.change(.edited, "a", "new words"))
    #expect(try !fixture.insert("old words", id: "a"), "the original comes late")
    let all = try fixture.all()
    #expect(all.map(\.message.messageID) == ["a"])
    #expect(all[0].message.text == "new words" && all[0].message.original == "old words")
    #expect(all[0].message.editedAt != nil)
  }

  @Test func aRetractedMessageLosesItsTextAndReactionsForGood() throws {
    let fixture = try Fixture()
    try fixture.insert("regretted", id: "a")
    try fixture.change(.reaction, "a", by: carol, "👎")
    try fixture.change(.retracted, "a", by: carol)
    #expect(try fixture.all().first { $0.message.sender == bob }?.message.text == "regretted")
    #expect(try fixture.change(.retracted, "a"))
    #expect(try !fixture.change(.retracted, "a"))
    #expect(try !fixture.change(.edited, "a", "back again", after: 99))
    let message = try #require(try fixture.all().first { $0.message.sender == bob })
    #expect(message.message.isRetracted && message.message.text.isEmpty && message.reactions.isEmpty)
  }

  @Test func aRetractionBeforeItsMessageStillCounts() throws {
    let fixture = try Fixture()
    try fixture.change(.retracted, "a")
    #expect(try !fixture.insert("regretted", id: "a"))
    #expect(try fixture.all().map(\.message.text) == [""])
    let unread = try fixture.store.database.read { try RoomQueries.summary($0, room)?.unread }
    #expect(unread == 0)
  }

  @Test func anUnreadableMessageGivesWayToItsReadableRepetition() throws {
    let fixture = try Fixture()
    try fixture.insert("", id: "a", state: .undecryptable)
    #expect(try fixture.insert("text", id: "a"))
    #expect(try !fixture.insert("", id: "a", state: .undecryptable))
    #expect(try fixture.all().map(\.message.text) == ["text"])
  }

  @Test func aReplyQuotesWhatItAnswersOrSaysWhose() throws {
    let fixture = try Fixture()
    try fixture.insert("question", id: "a")
    var answer = fixture.text("answer", id: "b", from: carol)
    (answer.replyTo, answer.replySender) = ("a", bob)
    var orphan = fixture.text("to something of before", id: "c", from: carol)
    (orphan.replyTo, orphan.replySender) = ("z", bob)
    let (first, second) = (answer, orphan)
    try fixture.store.database.write { db in
      var (first, second) = (first, second)
      _ = try MessageQueries.insertOnce(db, &first)
      _ = try MessageQueries.insertOnce(db, &second)
    }
    #expect(
      try fixture.all().map(\.quote) == [nil, Quote(sender: bob, text: "question"), Quote(sender: bob, text: nil)])
  }

  @Test func theHeadersOfALinphoneBecomeTheChange() throws {
    func change(_ headers: String, _ disposition: String = "", _ body: String) throws -> MessageChange? {
      let text =
        "From: <\(bob)>\r\nTo: <\(room)>\r\nDateTime: 2026-11-21T05:46:07Z\r\n"
        + "NS: linphone <tag:linphone.org,2020:params:groupchat>\r\n\(headers)\r\n\r\n"
        + "\(disposition)Content-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
      return MessageChange(
        try CPIMMessage(parsing: Data(text.utf8)), room: room, sender: bob, now: now)
    }
    let reaction = try change("linphone.In-Reply-To: abc", "Content-Disposition: Reaction\r\n", "👍")
    #expect(reaction?.kind == .reaction && reaction?.messageID == "abc" && reaction?.text == "👍")
    #expect(try change("linphone.In-Reply-To: abc", "", "no reaction") == nil)
    let edit = try change("linphone.Replaces: abc", "", "new text")
    #expect(edit?.kind == .edited && edit?.messageID == "abc" && edit?.text == "new text")
    // The words are for clients that do not know retractions.
    for words in ["", "(deleted an earlier message)"] {
      let retraction = try change("linphone.Retracts: abc", "", words)
      #expect(retraction?.kind == .retracted && retraction?.messageID == "abc" && retraction?.text == "")
    }
    #expect(try change("linphone.Replying-To-Message-ID: abc", "", "an answer") == nil)
    // A clock that is ahead does not outdo later changes.
    let early = MessageChange(
      try CPIMMessage(
        parsing: Data(
          ("From: <\(bob)>\r\nDateTime: 2099-01-01T00:00:00Z\r\n"
            + "NS: linphone <tag:linphone.org,2020:params:groupchat>\r\nlinphone.Retracts: a\r\n\r\n"
            + "Content-Type: text/plain\r\n\r\n").utf8)), room: room, sender: bob, now: now)
    #expect(early?.time == now)
  }
}

@Suite struct ExpiryTests {
  @Test func whatHasExpiredIsNotShownAndLeavesNoTraceInTheFiles() async throws {
    let fixture = try Fixture()
    let secret = "the-secret-that-expires oneLongWordOfTheIndex " + String(repeating: "0123456789", count: 700)
    for index in 0..<50 { try fixture.insert("ordinary text \(index)", id: "o\(index)") }
    try fixture.insert(secret, id: "a")
    try fixture.change(.reaction, "a", by: carol, "reaction-to-the-secret")
    try await fixture.store.database.write { db in
      try db.execute(
        sql: "UPDATE message SET lifetime = 60, isRead = 1, expiresAt = ? WHERE messageID = 'a'",
        arguments: [now.addingTimeInterval(60)])
    }
    let directory = fixture.store.directory
    func isOnDisk(_ text: String) throws -> Bool {
      try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil).contains { file in
        try Data(contentsOf: file).range(of: Data(text.utf8)) != nil
      }
    }
    #expect(try isOnDisk("the-secret-that-expires"), "the search finds what is there")
    #expect(try isOnDisk("onelongwordoftheindex"), "in the search index too")
    #expect(try fixture.store.database.removeExpired(at: now.addingTimeInterval(59)).isEmpty)
    #expect(try fixture.all().count == 51)
    #expect(try fixture.all(at: now.addingTimeInterval(61)).count == 50, "not shown although not yet deleted")
    #expect(try fixture.store.database.removeExpired(at: now.addingTimeInterval(61)).map(\.messageID) == ["a"])
    try await fixture.store.purgeSearchIndex()
    #expect(fixture.store.database.scrub())
    for part in ["the-secret-that-expires", "0123456789012345", "onelongwordoftheindex", "reaction-to-the-secret"] {
      #expect(try !isOnDisk(part))
    }
    #expect(try fixture.all().count == 50)
  }

  @Test func retractedTextLeavesNoTraceEitherNorWhatItWasBefore() async throws {
    let fixture = try Fixture()
    try fixture.insert("words-that-were-retracted", id: "a")
    try fixture.insert("words-that-were-replaced", id: "b")
    try fixture.change(.edited, "b", "words-that-were-better")
    for id in ["a", "b"] { try fixture.change(.retracted, id, after: 2) }
    try await fixture.store.purgeSearchIndex()
    #expect(fixture.store.database.scrub())
    for file in try FileManager.default.contentsOfDirectory(
      at: fixture.store.directory, includingPropertiesForKeys: nil)
    {
      #expect(try Data(contentsOf: file).range(of: Data("words-that-were".utf8)) == nil, "\(file.lastPathComponent)")
    }
  }

  @Test func theTimeOfAnIncomingMessageStartsWithReadingAndOfAnOwnOneWhenAllHaveRead() throws {
    let fixture = try Fixture()
    var incoming = fixture.text("incoming", id: "in")
    incoming.lifetime = 60
    var own = fixture.text("own", id: "own", from: "sip:alice@sip.example.org", state: .sent)
    (own.isOutgoing, own.lifetime) = (true, 60)
    let (first, second) = (incoming, own)
    func expiries(_ db: Database) throws -> [Date?] {
      try Message.fetchAll(db, sql: "SELECT * FROM message ORDER BY id").map(\.expiresAt)
    }
    try fixture.store.database.write { db in
      for member in [bob, carol] { try Participant(room: room, address: member, isAdmin: false).insert(db) }
      var (first, second) = (first, second)
      _ = try MessageQueries.insertOnce(db, &first)
      _ = try MessageQueries.insertOnce(db, &second)
      try MessageQueries.expectDeliveries(db, of: second)
      #expect(try expiries(db) == [nil, nil])
      _ = try MessageQueries.markRead(db, room: room, now: now)
      #expect(try expiries(db) == [now.addingTimeInterval(60), nil])
      for (member, isLast) in [(bob, false), (carol, true)] {
        let later = now.addingTimeInterval(100)
        _ = try MessageQueries.applyDelivery(
          db, row: #require(second.id), by: member, state: .displayed, reason: nil, time: later)
        #expect(try expiries(db)[1] == (isLast ? later.addingTimeInterval(60) : nil))
      }
    }
  }
  @Test func anUnreadMessageGoesAtBothEndsAndReadingStartsItsTimeAnew() throws {
    let fixture = try Fixture()
    func message(_ id: String, lifetime: Int?, isOwn: Bool) -> Message {
      var message = fixture.text(id, id: id, from: isOwn ? "sip:alice@sip.example.org" : bob)
      (message.isOutgoing, message.lifetime, message.unreadLifetime) = (isOwn, lifetime, 500)
      if !isOwn { message.expiresAt = now.addingTimeInterval(500) }
      return message
    }
    let messages = [
      message("in", lifetime: 60, isOwn: false), message("only unread", lifetime: nil, isOwn: false),
      message("own", lifetime: 60, isOwn: true), message("own, only unread", lifetime: nil, isOwn: true),
    ]
    try fixture.store.database.write { db in
      for member in [bob, carol] { try Participant(room: room, address: member, isAdmin: false).insert(db) }
      for var message in messages {
        _ = try MessageQueries.insertOnce(db, &message)
        if message.isOutgoing { try MessageQueries.expectDeliveries(db, of: message) }
      }
      func expiries() throws -> [TimeInterval?] {
        try Message.fetchAll(db, sql: "SELECT * FROM message ORDER BY id").map { $0.expiresAt?.timeIntervalSince(now) }
      }
      func report(_ member: String, _ state: Delivery.State, at seconds: TimeInterval) throws {
        for row in try Int64.fetchAll(db, sql: "SELECT id FROM message WHERE isOutgoing") {
          _ = try MessageQueries.applyDelivery(
            db, row: row, by: member, state: state, reason: nil, time: now.addingTimeInterval(seconds))
        }
      }
      #expect(try expiries() == [500, 500, nil, nil])
      try report(bob, .displayed, at: 1)
      #expect(try expiries() == [500, 500, nil, nil])
      try report(carol, .delivered, at: 2)
      #expect(try expiries() == [500, 500, 502, 502])
      _ = try MessageQueries.markRead(db, room: room, now: now.addingTimeInterval(10))
      try report(carol, .displayed, at: 20)
      #expect(try expiries() == [70, 510, 80, 520])
    }
  }

  @Test func thatOneDeviceCouldNotDecryptIsKeptWhenAnotherOneHasTheMessage() throws {
    let fixture = try Fixture()
    var own = fixture.text("own", id: "own", from: "sip:alice@sip.example.org")
    own.isOutgoing = true
    let message = own
    for states in [[Delivery.State.failed, .delivered], [.delivered, .failed]] {
      let found = try fixture.store.database.write { db -> [Delivery] in
        try Message.deleteAll(db)
        try Participant(room: room, address: bob, isAdmin: false).save(db)
        var message = message
        _ = try MessageQueries.insertOnce(db, &message)
        try MessageQueries.expectDeliveries(db, of: message)
        for state in states {
          _ = try MessageQueries.applyDelivery(
            db, row: #require(message.id), by: bob, state: state, reason: state == .failed ? "why" : nil, time: now)
        }
        return try MessageQueries.withDeliveries(db, message).deliveries
      }
      #expect(found.map(\.state) == [.delivered] && found.map(\.reason) == ["why"])
    }
  }
}
