// SearchTests.swift: full-text search, paging, and what deletion leaves behind.
import Foundation
import GRDB
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

private let team = "sip:chatroom-1@sip.example.org;gr=urn:uuid:1"
private let ops = "sip:chatroom-2@sip.example.org;gr=urn:uuid:2"

private struct Fixture {
  let stored: StoredAccount
  var store: AccountStore { stored.store }

  init() throws {
    stored = try StoredAccount(rooms: [(team, "Team"), (ops, "Ops")])
  }

  @discardableResult
  func message(_ text: String, room: String = team, time: TimeInterval = 0, isRead: Bool = false) throws -> Message {
    try store.database.write { db in
      let date = Date(timeIntervalSince1970: 1_795_219_200 + time)
      var message = Message(
        room: room, messageID: UUID().uuidString, sender: "sip:bob@sip.example.org", isOutgoing: false, text: text,
        time: date, receivedAt: date, isEncrypted: true, trust: "untrusted", state: .received, isRead: isRead)
      _ = try MessageQueries.insertOnce(db, &message)
      return message
    }
  }

  func found(_ search: String, room: String? = nil) async throws -> [String] {
    try await store.history(HistoryRequest(room: room, search: search)).map(\.message.text)
  }
}

@Suite struct SearchTests {
  @Test func wordsAreFoundByTheirBeginningInAnyOrderCaseAndAccent() async throws {
    let fixture = try Fixture()
    for text in ["Déploiement of flexisip.conf", "deploy the lab", "nothing"] { try fixture.message(text) }
    #expect(try await fixture.found("DEPLO") == ["Déploiement of flexisip.conf", "deploy the lab"])
    #expect(try await fixture.found("lab deploy") == ["deploy the lab"])
    #expect(try await fixture.found("flexisip.conf deploi") == ["Déploiement of flexisip.conf"])
    #expect(try await fixture.found("\"the lab\"") == ["deploy the lab"])
    #expect(try await fixture.found("\"lab the\"") == [])
    #expect(try await fixture.found("eploy") == [])
  }

  private static let foldedWords = [
    ("strasse", "Straße"), ("STRASSE", "Hauptstr. straße"), ("straß", "Strasse"), ("Straße", "STRASSE"),
    ("stras", "Straßenbahn"), ("\"grosse strasse\"", "die Große Straße"), ("final", "\u{FB01}nal"),
    ("\u{FB01}nal", "final"), ("office", "o\u{FB03}ce"), ("muffle", "mu\u{FB04}e"), ("foo", "\u{FF26}oo\u{FF4F}"),
    ("bold", "\u{1D41B}\u{1D428}\u{1D425}\u{1D41D}"), ("resume", "re\u{301}sume\u{301}"), ("istanbul", "ISTANBUL"),
    ("ijs", "\u{133}s"),
  ]

  @Test(arguments: foldedWords)
  func lettersThatAreSeveralLettersAreFoundAsThese(_ search: String, _ text: String) async throws {
    let fixture = try Fixture()
    for other in ["nothing", "stray", "finite"] { try fixture.message(other) }
    try fixture.message(text)
    #expect(try await fixture.found(search) == [text])
  }

  @Test func anIndexOfBeforeIsMadeAnew() async throws {
    let fixture = try Fixture()
    try fixture.message("an old Straße")
    let path = fixture.store.database.path
    try await fixture.store.database.write { db in
      try db.execute(
        sql: """
          DROP TABLE messageText;
          CREATE VIRTUAL TABLE messageText USING fts5(
            text, fileNames, content='message', content_rowid='id', tokenize='unicode61 remove_diacritics 2');
          INSERT INTO messageText (messageText) VALUES ('rebuild');
          DELETE FROM grdb_migrations WHERE identifier = 'chat search 3';
          PRAGMA user_version = 0;
          """)
    }
    #expect(try await fixture.found("strasse") == [])
    try fixture.store.database.close()
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    let later = try AccountStore(directory: folder, exclusive: false)
    let request = HistoryRequest(room: nil, search: "strasse")
    #expect(try await later.history(request).map(\.message.text) == ["an old Straße"])
    // The triggers still keep it.
    try await later.database.write { try $0.execute(sql: "DELETE FROM message") }
    #expect(try await later.history(request).isEmpty)
    try await later.database.write { db in
      try db.execute(sql: "INSERT INTO messageText (messageText) VALUES ('integrity-check')")
    }
  }

  @Test func filesAreFoundByTheirNamesAndRetractedOnesAreNot() async throws {
    let fixture = try Fixture()
    try fixture.message("notes.txt is nothing but a text")
    let plan = try fixture.message("have a look")
    let map = try fixture.message("")
    try await fixture.store.database.write { db in
      for (message, names) in [(plan, ["Lageplan Süd.pdf", "notes.txt"]), (map, ["地図の案内.png"])] {
        var message = message
        message.attachments = names.map { MessageFile(FileTransferInfo.File(url: "http://h/\($0)", name: $0)) }
        try message.update(db)
      }
    }
    let ids = { (search: String) in
      try await fixture.store.history(HistoryRequest(search: search)).compactMap(\.message.id)
    }
    #expect(try await ids("lageplan sud") == [plan.id])
    #expect(try await ids("look pdf") == [plan.id])
    #expect(try await ids("案内") == [map.id])
    #expect(try await fixture.found("notes") == ["notes.txt is nothing but a text", "have a look"])
    try await fixture.store.database.write { [id = plan.id] db in
      var message = try #require(try Message.fetchOne(db, key: id))
      message.attachments = nil
      try message.update(db)
    }
    #expect(try await ids("lageplan").isEmpty)
  }

  @Test func scriptsWithoutSpacesEmojiAndPunctuationAreFoundAsTheyAre() async throws {
    let fixture = try Fixture()
    for text in ["日本語のテキスト", "thumbs 👍🏽 up", "a_b", "a b", "ข้อความ"] { try fixture.message(text) }
    #expect(try await fixture.found("テキスト") == ["日本語のテキスト"])
    #expect(try await fixture.found("👍🏽 thumb") == ["thumbs 👍🏽 up"])
    #expect(try await fixture.found("a_b") == ["a_b"])
    #expect(try await fixture.found("ความ") == ["ข้อความ"])
  }

  @Test(arguments: [
    "AND", "a OR b", "NEAR(", "text:x", "\"", "\"open", "*", "-x", "^a", "(", "'; DROP", "\0", "", "  ",
  ])
  func noTextIsASyntaxError(_ search: String) async throws {
    let fixture = try Fixture()
    try fixture.message("something")
    #expect(try await fixture.found(search) == [])
  }

  @Test func aSearchGoesOverAllRoomsOrOneAndInPages() async throws {
    let fixture = try Fixture()
    for number in 0..<10 { try fixture.message("deploy \(number)", room: number.isMultiple(of: 2) ? team : ops) }
    #expect(try await fixture.found("deploy").count == 10)
    #expect(try await fixture.found("deploy", room: ops) == [1, 3, 5, 7, 9].map { "deploy \($0)" })
    var request = HistoryRequest(search: "deploy", limit: 4)
    var pages: [[String]] = []
    while true {
      let page = try await fixture.store.history(request)
      guard let oldest = page.first else { break }
      pages.append(page.map(\.message.text))
      request.before = MessagePosition(oldest.message)
    }
    #expect(pages.map(\.count) == [4, 4, 2])
    #expect(pages.reversed().flatMap { $0 } == (0..<10).map { "deploy \($0)" })
  }

  @Test func aRoomIsReadInPagesBothWaysByTheSendersTime() async throws {
    let fixture = try Fixture()
    // The last to arrive is the oldest, and two were written in the same second.
    for time in [10, 20, 20, 30, 5] { try fixture.message("at \(time)", time: TimeInterval(time)) }
    let all = try await fixture.store.history(HistoryRequest(room: team))
    #expect(all.map(\.message.text) == ["at 5", "at 10", "at 20", "at 20", "at 30"])
    let middle = MessagePosition(all[2].message)
    let before = try await fixture.store.history(HistoryRequest(room: team, before: middle, limit: 1))
    #expect(before == [all[1]])
    let after = try await fixture.store.history(HistoryRequest(room: team, after: middle, limit: 1))
    #expect(after == [all[3]])
    #expect(try await fixture.store.history(HistoryRequest(room: team, after: MessagePosition(all[4].message))) == [])
  }

  @Test func theIndexFollowsChangesAndDeletions() async throws {
    let fixture = try Fixture()
    var changed = try fixture.message("first wording")
    try fixture.message("stays")
    let doomed = try fixture.message("ephemeralword")
    changed.text = "second wording"
    changed.isRead = true
    let update = changed
    try await fixture.store.database.write { try update.update($0) }
    #expect(try await fixture.found("first") == [])
    #expect(try await fixture.found("second") == ["second wording"])
    _ = try await fixture.store.database.write { try doomed.delete($0) }
    #expect(try await fixture.found("ephemeralword") == [])
    try await fixture.store.database.write {
      try $0.execute(sql: "INSERT INTO messageText (messageText, rank) VALUES ('integrity-check', 1)")
    }
  }

  @Test func wordsOfDeletedMessagesLeaveTheFile() async throws {
    let fixture = try Fixture()
    let doomed = try fixture.message("xylophonesecret")
    for number in 0..<50 { try fixture.message("filler \(number)") }
    func isInFile() throws -> Bool {
      try fixture.store.database.writeWithoutTransaction { try $0.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)") }
      let file = try Data(contentsOf: fixture.store.directory.appendingPathComponent("limeade.sqlite"))
      return file.range(of: Data("xylophonesecret".utf8)) != nil
    }
    #expect(try isInFile())
    _ = try await fixture.store.database.write { try doomed.delete($0) }
    #expect(try isInFile())
    try await fixture.store.purgeSearchIndex()
    #expect(try !isInFile())
    #expect(try await fixture.found("filler").count == 50)
  }

  @Test func mentionsAreWordsAndCountedWhileUnread() async throws {
    let fixture = try Fixture()
    for text in ["alice: look", "thanks @Alice!", "malice", "alice_2"] { try fixture.message(text) }
    try fixture.message("alice?", room: ops)
    try fixture.message("alice, old", isRead: true)
    #expect(try await fixture.store.mentions(of: Mention("alice")) == [team: 2, ops: 1])
    #expect(try await fixture.store.mentions(of: Mention("")) == [:])
  }
}
