// MessageBeliefTests.swift: whose a message is taken for, who may change it, and where it stands.
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore
@testable import SIPAgent

private let room = "sip:chatroom-1@sip.example.org;gr=urn:uuid:1"
private let bob = "sip:bob@sip.example.org"
private let now = Date(timeIntervalSince1970: 1_800_000_000)

private func device(_ name: String, of user: String = "bob") -> SIPURI {
  SIPURI(user: user, host: "sip.example.org").with(parameter: "gr", "urn:uuid:\(name)")
}

private func author(
  _ name: String, trust: String = "untrusted", isMember: Bool = true, isEncrypted: Bool = true
) -> Author {
  Author(
    device: device(name), address: bob, isEncrypted: isEncrypted, trust: trust,
    identity: isEncrypted ? Data(name.utf8) : nil, isMember: isMember)
}

/// A room of bob's with his phone in it.
private struct Fixture {
  let stored: StoredAccount
  var store: AccountStore { stored.store }

  init() throws {
    stored = try StoredAccount(rooms: [(room, "Team")], now: now)
    try setDevices(["phone"], version: 1)
  }

  func setDevices(_ names: [String], of user: String = "bob", version: Int) throws {
    var state = ConferenceState(entity: SIPURI(room)!)
    let user = SIPURI(user: user, host: "sip.example.org")
    _ = state.apply(
      ConferenceInfo(
        entity: state.entity, state: .full, version: version, subject: "Team",
        users: names.isEmpty
          ? []
          : [.init(entity: SIPURI(bob)!, roles: [], endpoints: names.map { .init(entity: device($0, of: user.user!)) })]
      ))
    let result = state
    try store.database.write { db in
      var stored = try #require(try Room.find(db, room))
      _ = try RoomQueries.store(db, state: result, room: &stored)
    }
  }

  func standing(_ device: SIPURI) throws -> Standing {
    try store.database.read { try RoomQueries.standing($0, ofDevice: device, in: room) }
  }

  func message(_ text: String, by author: Author, id: String = "a") -> Message {
    var message = Message(
      room: room, messageID: id, sender: author.address, senderDevice: author.device.description, isOutgoing: false,
      text: text, time: now, receivedAt: now, isEncrypted: author.isEncrypted, trust: author.trust, state: .received,
      isRead: false)
    (message.identity, message.isStranger) = (author.identity, !author.isMember)
    return message
  }

  @discardableResult
  func insert(_ text: String, by author: Author, state: Message.State = .received) throws -> MessageQueries.Insertion {
    var message = message(text, by: author)
    if state == .undecryptable { (message.state, message.identity, message.text) = (state, nil, "") }
    return try store.database.write { try MessageQueries.insertOnce($0, &message) }
  }

  @discardableResult
  func change(
    _ kind: MessageChange.Kind, _ text: String = "", by author: Author, after seconds: Double = 1
  ) throws -> MessageChange.Result {
    let change = MessageChange(
      kind, room: room, messageID: "a", sender: bob, text: text, time: now.addingTimeInterval(seconds))
    let fallback = message(text, by: author, id: "own")
    return try store.database.write { try change.apply($0, orInsert: fallback, by: author) }
  }

  var all: [Message] {
    get throws {
      try store.database.read { try Message.fetchAll($0, sql: "SELECT * FROM message ORDER BY id") }
    }
  }

  var only: Message {
    get throws {
      let all = try all
      guard let first = all.first, all.count == 1 else { throw TestFailure("\(all.count) messages") }
      return first
    }
  }
}

@Suite struct Standings {
  @Test func aDeviceIsAMembersOnlyWhereTheStateShowsItAsThatUsers() throws {
    let fixture = try Fixture()
    #expect(try fixture.standing(device("phone")) == .member)
    #expect(try fixture.standing(device("EV1L")) == .unknown)
    #expect(try fixture.standing(device("phone", of: "alice")) == .unknown)
    // An endpoint of somebody else's under bob makes it no device of bob's, nor of hers.
    try fixture.setDevices(["hers"], of: "mallory", version: 2)
    #expect(try fixture.standing(device("hers", of: "mallory")) == .unknown)
    #expect(try fixture.standing(device("hers")) == .unknown)
  }

  @Test func whatADeviceSentBeforeItLeftCountsForAWhile() throws {
    let fixture = try Fixture()
    try fixture.setDevices([], version: 2)
    guard case .former(let end) = try fixture.standing(device("phone")) else {
      Issue.record("the device is forgotten")
      return
    }
    func isMember(_ written: TimeInterval?, arriving: TimeInterval, catchingUp: Bool) -> Bool {
      Arrival(
        now: end.addingTimeInterval(arriving), isCatchingUp: catchingUp, earliest: .distantPast, mayWait: true
      ).isMember(.former(until: end), writing: written.map { end.addingTimeInterval($0) })
    }
    #expect(isMember(-1, arriving: 2, catchingUp: false))
    #expect(isMember(-3600, arriving: 200, catchingUp: true))
    #expect(!isMember(1, arriving: 2, catchingUp: true))
    #expect(!isMember(nil, arriving: 2, catchingUp: true))
    #expect(!isMember(-1, arriving: 20, catchingUp: false))
    #expect(!isMember(-1, arriving: 301, catchingUp: true))
    try fixture.setDevices(["phone"], version: 3)
    #expect(try fixture.standing(device("phone")) == .member)
  }
}

@Suite struct Changes {
  @Test func onlyTheSameKeyOrATrustedDeviceOfTheSameUserChangesAMessage() throws {
    let fixture = try Fixture()
    try fixture.insert("transfer 10 EUR to 111", by: author("phone", trust: "trusted"))
    #expect(try fixture.change(.edited, "to 666", by: author("tablet")) == .refused)
    #expect(try fixture.change(.retracted, by: author("tablet")) == .refused)
    #expect(try fixture.change(.edited, "to 666", by: author("phone", isEncrypted: false)) == .refused)
    #expect(try fixture.only.text == "transfer 10 EUR to 111")

    #expect(try fixture.change(.edited, "to 112", by: author("phone", trust: "trusted"), after: 2) == .applied)
    #expect(try fixture.only.trust == "trusted")
    #expect(try fixture.change(.edited, "to 113", by: author("tablet", trust: "trusted"), after: 3) == .applied)
    #expect(try fixture.only.original == "transfer 10 EUR to 111")
    #expect(try fixture.change(.retracted, by: author("phone"), after: 4) == .applied)
    let gone = try fixture.only
    #expect(gone.isRetracted && gone.text.isEmpty && gone.original == nil)
  }

  @Test func theMarkOfAnEditedMessageIsTheLowerOfBoth() throws {
    for (before, edit, after) in [
      ("trusted", "untrusted", "untrusted"), ("untrusted", "trusted", "untrusted"), ("trusted", "unsafe", "unsafe"),
    ] {
      let fixture = try Fixture()
      try fixture.insert("text", by: author("phone", trust: before))
      #expect(try fixture.change(.edited, "other", by: author("phone", trust: edit)) == .applied)
      #expect(try fixture.only.trust == after)
    }
  }

  @Test func anEditInFrontOfAMessageOfAnotherDeviceIsNotTheMessage() throws {
    let fixture = try Fixture()
    #expect(try fixture.change(.edited, "forged", by: author("tablet")) == .applied)
    #expect(try fixture.only.isOriginalMissing)
    #expect(try fixture.insert("the real one", by: author("phone")) == .replaced)
    let message = try fixture.only
    #expect(message.text == "the real one" && !message.isOriginalMissing && message.editedAt == nil)
  }

  @Test func anEditThatOvertookItsOwnMessageStaysWithTheFirstText() throws {
    let fixture = try Fixture()
    try fixture.change(.edited, "second", by: author("phone"))
    #expect(try fixture.insert("first", by: author("phone")) == .late)
    let message = try fixture.only
    #expect(message.text == "second" && message.original == "first" && !message.isOriginalMissing)
  }

  @Test func whatIsLessProvedGivesWayToTheMembersOwn() throws {
    let member = author("phone")
    for (front, state) in [
      (author("phone", isEncrypted: false), Message.State.received), (author("EV1L", isMember: false), .received),
      (author("EV1L", isMember: false, isEncrypted: false), .received), (member, .undecryptable),
    ] {
      let fixture = try Fixture()
      try fixture.insert("put in front", by: front, state: state)
      #expect(try fixture.insert("the real one", by: member).isShown)
      #expect(try fixture.only.text == "the real one")
      // And is not driven out by it again.
      #expect(try fixture.insert("put behind", by: front, state: state) == .known)
      #expect(try fixture.only.text == "the real one")
    }
  }

  @Test func aStrangersMessageIsNotChangedByTheMemberWhoseNameItBears() throws {
    let fixture = try Fixture()
    try fixture.insert("a stranger's", by: author("EV1L", isMember: false))
    #expect(try fixture.change(.edited, "edited", by: author("phone")) == .applied)
    let message = try fixture.only
    #expect(message.text == "edited" && !message.isStranger && message.isOriginalMissing)
  }
}

@Suite struct Places {
  private func arrival(earliest: TimeInterval) -> Arrival {
    Arrival(now: now, isCatchingUp: false, earliest: now.addingTimeInterval(earliest), mayWait: false)
  }

  private func place(_ claimed: TimeInterval?, earliest: TimeInterval = -30) -> (time: Double, claimed: Double?) {
    let place = MessagePlace(claimed: claimed.map { now.addingTimeInterval($0) }, arrival: arrival(earliest: earliest))
    return (place.time.timeIntervalSince(now), place.claimed?.timeIntervalSince(now))
  }

  @Test func aTimeThatCannotBeIsShownAndTheMessageStandsWhereItCame() {
    #expect(place(-5) == (-5, nil))
    #expect(place(-1200) == (0, -1200))
    #expect(place(-1200, earliest: -3600) == (-1200, nil))
    #expect(place(-7200, earliest: -3600) == (0, -7200))
    #expect(place(5) == (0, nil))
    #expect(place(86_400) == (0, 86_400))
    #expect(place(nil) == (0, nil))
  }

  @Test func whatWaitedForUsMayBeAsOldAsOurAbsence() {
    func time(_ seconds: TimeInterval) -> Date { now.addingTimeInterval(seconds) }
    var contact = ServerContact()
    contact.begin(at: time(0))
    #expect(contact.earliest(at: time(1)) == time(1 - 30), "a device that was never here missed nothing")
    contact.sign(at: time(20))
    contact.end(at: time(30))
    contact.begin(at: time(10_000))
    #expect(contact.earliest(at: time(10_010)) == time(30 - 30))
    #expect(contact.earliest(at: time(10_400)) == time(10_400 - 30), "nothing comes that late")
    // A computer that sleeps notices nothing of it.
    for second in stride(from: 10_000.0, through: 10_400, by: 20) { contact.sign(at: time(second)) }
    contact.sign(at: time(50_000))
    #expect(contact.earliest(at: time(50_001)) == time(10_400 - 30))
    // A clock that is set back must not reach into the future.
    #expect(contact.earliest(at: time(0)) <= time(0))
  }
}

@Suite struct Holding {
  @Test func whatWaitsIsLimitedInNumberAndInBytes() {
    func message(_ size: Int) -> HeldMessages.Entry {
      HeldMessages.Entry(
        message: IncomingMessage(
          id: IncomingRequestID(value: 1), from: NameAddress(SIPURI(room)!), to: NameAddress(SIPURI(bob)!), headers: [],
          contentType: "message/cpim", contentEncoding: nil, body: Data(count: size)),
        deadline: .now + .seconds(8))
    }
    var held = HeldMessages()
    func add(_ size: Int, _ room: String) -> Bool { held.add(message(size), room: room) }
    for _ in 0..<HeldMessages.maximumCount { #expect(add(10, "a")) }
    #expect(!add(10, "b"))
    let first = held.take(room: "a")
    #expect(first.count == HeldMessages.maximumCount && held.isEmpty)
    #expect(add(HeldMessages.maximumSize - 1, "a"))
    #expect(!add(2, "b"))
    let early = held.takeOverdue(at: .now)
    let overdue = held.takeOverdue(at: .now + .seconds(9))
    #expect(early.isEmpty && overdue.count == 1 && held.isEmpty)
    let largest = add(HeldMessages.maximumSize, "b")
    #expect(largest)
  }
}
