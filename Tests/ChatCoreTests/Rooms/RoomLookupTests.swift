// RoomLookupTests.swift: what a TO or a ROOM means, when others chose the names of the rooms
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

private let own = SIPURI(user: "alice", host: "sip.example.org")

private struct Fixture {
  let stored: StoredAccount
  var store: AccountStore { stored.store }

  init() throws {
    stored = try StoredAccount()
  }

  /// - Parameter others: local parts of the members' addresses.
  @discardableResult
  func room(_ number: Int, _ subject: String, oneToOne: Bool = false, others: [String] = ["bob"]) throws -> String {
    let address = "sip:chatroom-\(number)@sip.example.org;gr=urn:uuid:\(number)"
    try store.database.write { db in
      var room = try RoomQueries.join(
        db, address: address, subject: subject, encrypted: true, oneToOne: oneToOne, now: Date())
      room.state = .active
      try room.update(db)
      for member in ["alice"] + others {
        try Participant(room: address, address: "sip:\(member)@sip.example.org", isAdmin: false).insert(db)
      }
    }
    return address
  }

  /// The user made the room.
  func make(_ room: String) throws {
    try store.database.write { db in
      var event = RoomEvent(
        .made, room: room, account: own, time: Date(), by: own.description)
      try event.record(db)
    }
  }

  func leave(_ room: String) throws {
    try store.database.write {
      try $0.execute(sql: "UPDATE room SET state = 'left' WHERE address = ?", arguments: [room])
    }
  }

  func rename(_ room: String, _ subject: String) throws {
    try store.database.write {
      try $0.execute(sql: "UPDATE room SET subject = ? WHERE address = ?", arguments: [subject, room])
    }
  }

  func read(_ text: String) async throws -> String { try await store.room(named: text, for: own).room.address }

  /// The room or the person that is written to.
  func write(_ text: String) async throws -> String {
    switch try await store.target(text, for: own) {
    case .room(let room): room.room.address
    case .person(let address), .newcomer(let address, _): address.description
    }
  }
}

@Suite struct RoomLookups {
  @Test(arguments: [
    "sip:alice@sip.example.org", "SIP:alice@SIP.Example.ORG", "sips:alice@sip.example.org", "alice@sip.example.org",
    "sip:alice@sip.example.org:5060", "sip:alice@sip.example.org;transport=tcp", "sip:%61lice@sip.example.org",
    "Alice <sip:alice@sip.example.org>", "\"Al\" <sip:alice@sip.example.org;x=y>", " sip:alice@sip.example.org ",
    "<sip:alice@sip.example.org>", "sip:alice@sip.example.org?subject=x",
  ])
  func onesOwnAddressIsNobodyToWriteTo(text: String) async throws {
    let fixture = try Fixture()
    try fixture.room(1, "dummy subject", oneToOne: true)
    try fixture.room(2, "dummy subject", oneToOne: true, others: ["carol"])
    for look in [fixture.read, fixture.write] {
      let error = await #expect(throws: ChatError.self) { try await look(text) }
      #expect(error?.exitCode == 65)
      #expect(error?.description.contains("own address") == true, "\(String(describing: error))")
    }
  }

  @Test(arguments: [
    "sip:carol@sip.example.org", "SIP:carol@sip.example.org", "carol@sip.example.org", "sip:carol@SIP.example.org",
    "Carol <sip:carol@sip.example.org>",
  ])
  func whatLooksLikeAnAddressIsNeverAName(text: String) async throws {
    let fixture = try Fixture()
    try fixture.room(1, text)
    try fixture.room(2, "sip:carol@sip.example.org")
    try fixture.room(3, "friends of carol@sip.example.org")
    #expect(try await fixture.write(text) == "sip:carol@sip.example.org")
    await #expect(throws: ChatError.self) { try await fixture.read(text) }
    // Not even the beginning of it, nor the whole name.
    for (name, person) in [("sip", "sip:sip@sip.example.org"), ("carol", "sip:carol@sip.example.org")] {
      #expect(try await fixture.write(name) == person)
      await #expect(throws: ChatError.self) { try await fixture.read(name) }
    }
    for beginning in ["sip:c", "carol@", "name:\(text)"] {
      await #expect(throws: ChatError.self, "\(beginning)") { try await fixture.write(beginning) }
      await #expect(throws: ChatError.self, "\(beginning)") { try await fixture.read(beginning) }
    }
    let chat = try fixture.room(4, "dummy subject", oneToOne: true, others: ["carol"])
    #expect(try await fixture.read(text) == chat)
  }

  @Test func aNameThatAStrangerTakesTooIsRefusedUntilTheUserChooses() async throws {
    let fixture = try Fixture()
    let team = try fixture.room(1, "Ops team")
    try fixture.make(team)
    #expect(try await fixture.write("ops") == team)
    let stranger = try fixture.room(2, "Ops", others: ["mallory"])
    // The user has written to the team by that name.
    #expect(try await fixture.write("Ops") == team)
    #expect(try await fixture.read("OPS") == team)
    // Not by this one.
    let error = await #expect(throws: ChatError.self) { try await fixture.write("op") }
    #expect(error?.exitCode == 65)
    for part in ["Ops team", team, stranger, "mallory", "name:"] {
      #expect(error?.description.contains(part) == true, "\(part)")
    }
    #expect(try await fixture.write("name:Ops") == stranger)
    #expect(try await fixture.write("Ops") == stranger)
    #expect(try await fixture.write("Ops t") == team)
    for name in ["ops\u{200B}", " Ops ", "O\u{202E}ps"] { #expect(try await fixture.read(name) == stranger) }
  }

  @Test func aPersonsNameIsNotTheBeginningOfARoomThatOthersMade() async throws {
    let fixture = try Fixture()
    let party = try fixture.room(1, "bob's party", others: ["mallory"])
    for name in ["bob", "Bob", "b"] {
      let error = await #expect(throws: ChatError.self) { try await fixture.write(name) }
      #expect(error?.exitCode == 65)
      for part in ["sip:\(name)@sip.example.org", "bob's party", "mallory", party] {
        #expect(error?.description.contains(part) == true, "\(part): \(String(describing: error))")
      }
    }
    // No user is called so; and to read, no harm is done.
    #expect(try await fixture.write("bob's p") == party)
    #expect(try await fixture.read("bob") == party)
    #expect(try await fixture.write("name:bob's party") == party)
    await #expect(throws: ChatError.self) { try await fixture.write("bob") }
    // Where the user has written, what comes next is meant.
    try await fixture.store.database.write { db in
      var message = Message(
        room: party, messageID: "m1", sender: own.description, isOutgoing: true, text: "hello", time: Date(),
        receivedAt: Date(), isEncrypted: true, trust: "untrusted", state: .sent, isRead: true)
      _ = try MessageQueries.insertOnce(db, &message)
    }
    #expect(try await fixture.write("bob") == party)
  }

  @Test func aNameDoesNotGoOverToAStrangerWhenItsRoomIsRenamedOrLeft() async throws {
    let fixture = try Fixture()
    let team = try fixture.room(1, "Ops")
    #expect(try await fixture.write("Ops") == team)
    try fixture.rename(team, "Operations")
    #expect(try await fixture.write("Ops") == team)
    let stranger = try fixture.room(2, "Ops", others: ["mallory"])
    let renamed = await #expect(throws: ChatError.self) { try await fixture.write("Ops") }
    #expect(renamed?.exitCode == 65)
    try fixture.leave(team)
    await #expect(throws: ChatError.self) { try await fixture.write("Ops") }
    // The user has left it: the name is free.
    try await fixture.store.forgetNames(of: team)
    #expect(try await fixture.write("Ops") == stranger)
  }

  @Test func aRoomThatWasLeftIsFoundByItsNameToReadAndNotToWrite() async throws {
    let fixture = try Fixture()
    let (team, chat) = (try fixture.room(1, "Ops"), try fixture.room(2, "dummy subject", oneToOne: true))
    try fixture.leave(team)
    try fixture.leave(chat)
    #expect(try await fixture.read("ops") == team)
    #expect(try await fixture.read("sip:bob@sip.example.org") == chat)
    let error = await #expect(throws: ChatError.self) { try await fixture.write("Ops") }
    #expect(error?.description.contains("no longer a member of Ops") == true)
    #expect(try await fixture.write("sip:bob@sip.example.org") == "sip:bob@sip.example.org")
    let again = try fixture.room(3, "Ops")
    #expect(try await fixture.read("ops") == again)
  }

  @Test func aWholeNameIsNotTakenOverByOneThatBeginsSo() async throws {
    let fixture = try Fixture()
    let team = try fixture.room(1, "Ops")
    try fixture.leave(team)
    try fixture.room(2, "Ops 2", others: ["mallory"])
    #expect(try await fixture.read("Ops") == team)
    await #expect(throws: ChatError.self) { try await fixture.write("Ops") }
  }

  @Test func aRoomIsFoundByItsAddressHoweverItIsWritten() async throws {
    let fixture = try Fixture()
    let room = try fixture.room(1, "Ops")
    let written = "SIP:chatroom-1@SIP.example.org;gr=urn:uuid:1"
    #expect(try await fixture.read(written) == room)
    #expect(try await fixture.write("<\(room)>") == room)
    await #expect(throws: ChatError.self) { try await fixture.write("sip:chatroom-9@sip.example.org;gr=urn:uuid:1") }
    for nonsense in ["", " ", "name:", "tel:+4912345", "mailto:bob@x", "sip:", "bob@"] {
      let error = await #expect(throws: ChatError.self, "\(nonsense)") { try await fixture.write(nonsense) }
      #expect(error?.exitCode == 65)
    }
  }

  @Test func aPersonIsOneHoweverTheAddressIsWritten() async throws {
    let fixture = try Fixture()
    try fixture.room(1, "dummy subject", oneToOne: true, others: ["carol"])
    for text in ["sips:carol@SIP.EXAMPLE.org:5061;transport=tls", "Carol@x <sip:carol@sip.example.org>"] {
      #expect(try await fixture.write(text) == "sip:carol@sip.example.org")
    }
    #expect(try await fixture.write("bob@SIP.example.ORG") == "sip:bob@sip.example.org")
  }

  @Test func aPartOfADevicesAddressWithAnAtBeginsWithTheUser() {
    let devices = ["sip:notbob@sip.example.org;gr=urn:uuid:0b0b", "sip:carol@sip.example.org;gr=bob@sip.example.org"]
    for pattern in ["bob@sip.example.org", "sip:bob@", "SIP:BOB@sip", "@sip", ""] {
      #expect(DevicePattern.matches(pattern, devices).isEmpty, "\(pattern)")
    }
    #expect(DevicePattern.matches("notBob@", devices) == [devices[0]])
    #expect(DevicePattern.matches("0b0b", devices) == [devices[0]])
  }
}
