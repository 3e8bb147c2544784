// QueriesTests.swift: rooms, messages and deliveries as the database keeps them.
import Foundation
import GRDB
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

private let roomAddress = "sip:chatroom-1@sip.example.org;gr=urn:uuid:1"
private let own = SIPURI(user: "alice", host: "sip.example.org")

private struct Fixture {
  let stored: StoredAccount
  var store: AccountStore { stored.store }

  init() throws {
    stored = try StoredAccount()
  }

  func room(_ address: String = roomAddress, _ subject: String = "Team") throws {
    try store.database.write { db in
      _ = try RoomQueries.join(
        db, address: address, subject: subject, encrypted: true, oneToOne: false, now: Date())
    }
  }

  func message(
    _ id: String, _ text: String = "text", outgoing: Bool = false, sender: String = "sip:bob@sip.example.org",
    time: Date = Date()
  ) throws -> Message? {
    try store.database.write { db in
      var message = Message(
        room: roomAddress, messageID: id, sender: outgoing ? own.description : sender, isOutgoing: outgoing, text: text,
        time: time, receivedAt: Date(), isEncrypted: true, trust: "untrusted", state: outgoing ? .queued : .received,
        isRead: outgoing)
      return try MessageQueries.insertOnce(db, &message).isShown ? message : nil
    }
  }
}

@Suite struct MessageQueriesTests {
  @Test func aMessageIDOfOneSenderIsStoredOnce() throws {
    let fixture = try Fixture()
    try fixture.room()
    #expect(try fixture.message("a") != nil)
    #expect(try fixture.message("a", "another text") == nil)
    #expect(try fixture.message("a", sender: "sip:carol@sip.example.org") != nil)
  }

  @Test func historyIsOrderedByTheSendersTime() async throws {
    let fixture = try Fixture()
    try fixture.room()
    let now = Date()
    _ = try fixture.message("late", "second", time: now)
    _ = try fixture.message("early", "first", time: now.addingTimeInterval(-60))
    #expect(try await fixture.store.history(room: roomAddress).map(\.message.text) == ["first", "second"])
    #expect(try await fixture.store.history(room: roomAddress, limit: 1).map(\.message.text) == ["second"])
    #expect(
      try await fixture.store.history(room: roomAddress, since: now.addingTimeInterval(-1)).map(\.message.text)
        == ["second"])
  }

  @Test func searchTakesWildcardsLiterally() async throws {
    let fixture = try Fixture()
    try fixture.room()
    _ = try fixture.message("1", "100% done")
    _ = try fixture.message("2", "100 done")
    #expect(try await fixture.store.history(room: roomAddress, search: "100%").map(\.message.text) == ["100% done"])
  }

  @Test func deliveriesOnlyMoveForwardAndTellWhenAllAreThere() throws {
    let fixture = try Fixture()
    try fixture.room()
    let message = try #require(try fixture.message("a", outgoing: true))
    let row = try #require(message.id)
    try fixture.store.database.write { db in
      for user in ["bob", "carol"] {
        try Delivery(message: row, participant: "sip:\(user)@sip.example.org", state: .pending).insert(db)
      }
    }
    func report(_ user: String, _ state: Delivery.State) throws -> Bool? {
      let event = try fixture.store.database.write { db in
        try MessageQueries.applyDelivery(
          db, row: row, by: "sip:\(user)@sip.example.org", state: state, reason: nil, time: Date())
      }
      guard case .delivery(_, _, _, _, _, let isComplete) = event else { return nil }
      return isComplete
    }
    #expect(try report("bob", .displayed) == false)
    #expect(try report("bob", .delivered) == nil)
    #expect(try report("mallory", .delivered) == nil)
    #expect(try report("carol", .delivered) == true)
    #expect(try report("carol", .displayed) == true)
    #expect(try report("carol", .displayed) == nil)
  }

  @Test func aNotificationForSomeoneElsesMessageChangesNothing() throws {
    let fixture = try Fixture()
    try fixture.room()
    let theirs = try #require(try fixture.message("theirs")?.id)
    let (event, sent) = try fixture.store.database.write { db in
      (
        try MessageQueries.applyDelivery(
          db, row: theirs, by: "sip:carol@sip.example.org", state: .delivered, reason: nil, time: Date()),
        try MessageQueries.sent(db, messageID: "theirs")
      )
    }
    #expect(event == nil && sent == nil)
  }
}

@Suite struct RoomQueriesTests {
  private func apply(_ fixture: Fixture, _ info: ConferenceInfo, to state: inout ConferenceState) throws -> [ChatEvent]
  {
    _ = state.apply(info)
    let current = state
    return try fixture.store.database.write { db in
      var room = try #require(try Room.fetchOne(db, key: roomAddress))
      return try RoomQueries.store(db, state: current, room: &room)
    }
  }

  private func user(_ name: String, admin: Bool = false, devices: Int = 1) -> ConferenceInfo.User {
    let address = SIPURI(user: name, host: "sip.example.org")
    return ConferenceInfo.User(
      entity: address, roles: [admin ? "admin" : "participant"],
      endpoints: (0..<devices).map { .init(entity: address.with(parameter: "gr", "urn:uuid:\(name)\($0)")) })
  }

  @Test func theConferenceStateBecomesMembersAndDevices() async throws {
    let fixture = try Fixture()
    try fixture.room()
    let entity = try #require(SIPURI(roomAddress))
    var state = ConferenceState(entity: entity)
    let full = ConferenceInfo(
      entity: entity, state: .full, version: 3, subject: "Renamed",
      users: [user("alice", admin: true), user("bob", devices: 2)])
    let events = try apply(fixture, full, to: &state)
    #expect(events.count == 5)
    var summary = try #require(try await fixture.store.rooms().first)
    #expect(summary.room.subject == "Renamed")
    #expect(summary.room.version == 3)
    #expect(summary.room.state == .active)
    #expect(summary.participants.map(\.isAdmin) == [true, false])
    #expect(summary.deviceCount == 3)

    let gone = ConferenceInfo(
      entity: entity, state: .partial, version: 4,
      users: [.init(entity: SIPURI(user: "bob", host: "sip.example.org"), state: .deleted)])
    _ = try apply(fixture, gone, to: &state)
    summary = try #require(try await fixture.store.rooms().first)
    #expect(summary.participants.map(\.address) == ["sip:alice@sip.example.org"])
    #expect(summary.deviceCount == 1)
  }

  @Test func aRoomIsFoundByTheUnambiguousBeginningOfItsName() async throws {
    let fixture = try Fixture()
    try fixture.room(roomAddress, "Lab team")
    try fixture.room("sip:chatroom-2@sip.example.org;gr=2", "Lab")
    try fixture.room("sip:chatroom-3@sip.example.org;gr=3", "Ops")
    func found(_ name: String) async throws -> String {
      try await fixture.store.room(named: name, for: own).room.subject
    }
    #expect(try await found("lab t") == "Lab team")
    #expect(try await found(roomAddress) == "Lab team")
    await #expect(throws: ChatError.self) { try await found("la") }
    await #expect(throws: ChatError.self) { try await found("nothing") }
  }

  @Test func anEncryptedRoomNeverBecomesAPlainOne() throws {
    let fixture = try Fixture()
    try fixture.room()
    let room = try fixture.store.database.write { db in
      try RoomQueries.join(
        db, address: roomAddress, subject: "Team", encrypted: false, oneToOne: false, now: Date())
    }
    #expect(room.isEncrypted)
  }
}

@Suite struct ChatEventJSONTests {
  @Test func aMessageHasTheFieldsThatScriptsRelyOn() throws {
    let message = Message(
      room: roomAddress, messageID: "id1", sender: "sip:bob@sip.example.org",
      senderDevice: "sip:bob@sip.example.org;gr=urn:uuid:b", isOutgoing: false, text: "line\n\"quoted\" 日本",
      time: Date(timeIntervalSince1970: 1_795_239_913.25), receivedAt: Date(), isEncrypted: true, trust: "untrusted",
      state: .received, isRead: false)
    let line = ChatEvent.message(message).jsonLine
    #expect(!line.contains("\n"))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    #expect(object["event"] as? String == "message")
    #expect(object["room"] as? String == roomAddress)
    #expect(object["id"] as? String == "id1")
    #expect(object["from"] as? String == "sip:bob@sip.example.org")
    #expect(object["device"] as? String == "sip:bob@sip.example.org;gr=urn:uuid:b")
    #expect(object["text"] as? String == "line\n\"quoted\" 日本")
    #expect(object["time"] as? String == "2026-11-21T05:45:13.250Z")
    #expect(object["encrypted"] as? Bool == true)
    #expect(object["trust"] as? String == "untrusted")
  }

  @Test func aPasswordDoesNotShowItself() {
    let password = Password("secret")
    #expect(!"\(password)".contains("secret"))
    #expect(!String(reflecting: password).contains("secret"))
    var dumped = ""
    dump(password, to: &dumped)
    #expect(!dumped.contains("secret"))
    #expect(password.reveal() == "secret")
  }
}
