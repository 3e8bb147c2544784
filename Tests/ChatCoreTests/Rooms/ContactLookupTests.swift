// ContactLookupTests.swift: what a name means when it is a contact's, a neighbour's or one that a peer chose for a room
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

private let own = SIPURI(user: "alice", host: "sip.example.org")

private struct Book {
  let folder: TemporaryFolder
  let store: AccountStore

  init(_ contacts: [(String, [String])]) throws {
    folder = try TemporaryFolder()
    let book = Contacts(contacts.map { .init(name: $0.0, addresses: $0.1.compactMap(SIPURI.init)) })
    store = try AccountStore(directory: folder.url, contacts: ContactSource { book })
  }

  @discardableResult
  func room(_ number: Int, _ subject: String, oneToOne: Bool = false, others: [String]) throws -> String {
    let address = "sip:chatroom-\(number)@sip.example.org;gr=urn:uuid:\(number)"
    try store.database.write { db in
      var room = try RoomQueries.join(
        db, address: address, subject: subject, encrypted: true, oneToOne: oneToOne, now: Date())
      room.state = .active
      try room.update(db)
      for member in ["sip:alice@sip.example.org"] + others {
        try Participant(room: address, address: member, isAdmin: false).insert(db)
      }
    }
    return address
  }

  /// What is written to.
  func to(_ text: String) async throws -> String {
    switch try await store.target(text, for: own) {
    case .room(let room): room.room.address
    case .person(let address): address.description
    case .newcomer(let address, _): "new \(address)"
    }
  }

  func ambiguous(_ text: String, _ candidates: String...) async {
    do {
      let meant = try await to(text)
      Issue.record("'\(text)' means \(meant)")
    } catch ChatError.ambiguousRoom(_, let found) {
      for candidate in candidates { #expect(found.contains { $0.contains(candidate) }, "\(found)") }
      #expect(found.count == candidates.count)
    } catch { Issue.record("\(error)") }
  }
}

@Suite struct ContactLookups {
  private static let bob = "sip:bob@sip.example.org"
  private static let carol = "sip:carol@sip.example.org"

  @Test func aContactIsMeantWhateverAPeerCallsARoom() async throws {
    let book = try Book([("Bob", [Self.bob]), ("The Boss", ["sip:eve@other.example"])])
    try book.room(1, "Bob", others: [Self.carol])
    try book.room(2, "the boss", others: [Self.carol])
    for name in ["Bob", "bob", " BOB ", "b\u{200D}ob"] { #expect(try await book.to(name) == Self.bob) }
    #expect(try await book.to("the  boss") == "sip:eve@other.example")
    #expect(try await book.to("name:Bob").contains("chatroom-1"))
  }

  @Test func aContactsNameTakesNoAddressOver() async throws {
    let book = try Book([("carol", [Self.bob])])
    #expect(try await book.to(Self.carol) == Self.carol)
    #expect(try await book.to("carol@sip.example.org") == Self.carol)
    #expect(try await book.to("carol") == Self.bob)
    for name in [
      "sip:x", "sips:bob@h", "bob@example.org", "Bob <sip:bob@h>", "name:Bob", "tel:1", "", " Bob", "a\nb",
      "\u{202E}bob",
    ] {
      #expect(throws: ChatError.self, "\(name)") { try Contacts.checkName(name) }
    }
    for name in ["Bob Builder", "lunch @ noon", "日本", "O'Neil (work)", "👨‍👩‍👧"] { try Contacts.checkName(name) }
  }

  @Test func whatIsNotClearIsRefusedWithTheCandidates() async throws {
    let book = try Book([("Kim", ["sip:kim@a.example", "sip:kim@b.example"]), ("ops", [Self.bob])])
    await book.ambiguous("kim", "sip:kim@a.example", "sip:kim@b.example")
    let room = try book.room(1, "Ops", others: [Self.carol])
    #expect(try await book.to("ops") == Self.bob)
    // The user wrote to the room by this name before the contact was made.
    try await book.store.noteUse(of: "ops", for: room)
    await book.ambiguous("ops", Self.bob, room)
    // A room that is called as somebody who is here.
    let twin = try book.room(2, "carol", others: [Self.bob])
    await book.ambiguous("carol", Self.carol, twin)
  }

  @Test func theNameOfARoomOfTwoIsTheOthers() async throws {
    let book = try Book([("Dora", ["sip:d@other.example"])])
    let bobs = try book.room(1, "dummy subject", oneToOne: true, others: [Self.bob])
    let doras = try book.room(2, "dummy subject", oneToOne: true, others: ["sip:d@other.example"])
    try book.room(3, "bobsled", others: [Self.carol])
    #expect(try await book.to("bob") == Self.bob)
    #expect(try await book.store.room(named: "bob", for: own).room.address == bobs)
    #expect(try await book.store.room(named: "dor", for: own).room.address == doras)
    // Nobody is written to by the beginning of a name.
    #expect(try await book.to("dor") == "new sip:dor@sip.example.org")
    let names = book.store.names(for: own)
    let rooms = try await book.store.rooms()
    #expect(Set(rooms.map(names.room)) == ["bob", "Dora", "bobsled"])
    for room in rooms {
      #expect(try await book.store.room(named: names.room(room), for: own).room.address == room.room.address)
    }
  }

  @Test func somebodyWithoutARoomIsKnownByTheNameAlone() async throws {
    let book = try Book([])
    #expect(try await book.to("bob") == "new \(Self.bob)")
    try book.room(1, "Team", others: [Self.bob, "sip:bob@other.example"])
    #expect(try await book.to("bob") == Self.bob)
    do {
      _ = try await book.store.room(named: "bob", for: own)
      Issue.record("there is no room")
    } catch ChatError.noRoomWith(let name, _) { #expect(name == "bob") }
    for text in ["alice", "Lab team", "a:b"] {
      await #expect(throws: ChatError.self, "\(text)") { try await book.to(text) }
    }
  }

  @Test func onlyTheContactIsShownByItsName() throws {
    let names = ChatNames(
      account: own, contacts: Contacts([.init(name: "Bob", addresses: [SIPURI(user: "b", host: "x.example")])]))
    #expect(names.short("sip:b@x.example;gr=urn:uuid:1") == "Bob")
    #expect(names.short("sip:b@X.example") == "Bob")
    // Somebody who calls himself so is not taken for him.
    #expect(names.short("sip:bob@sip.example.org") == "bob@sip.example.org")
    #expect(names.short("sip:carol@sip.example.org") == "carol")
    #expect(names.line("sip:carol@sip.example.org") == "sip:carol@sip.example.org")
  }

  @Test func aBookThatCannotBeReadLetsNoNamePass() async throws {
    let folder = try TemporaryFolder()
    let store = try AccountStore(
      directory: folder.url, contacts: ContactSource { throw ChatError.badConfiguration("line 3") })
    await #expect(throws: ChatError.self) { try await store.target("bob", for: own) }
    #expect(store.names(for: own).short("sip:bob@sip.example.org") == "bob")
  }
}
