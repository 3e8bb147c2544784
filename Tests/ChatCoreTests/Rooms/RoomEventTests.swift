// RoomEventTests.swift: what a room's notifications say happened, who did it, and how it is kept
import Foundation
import GRDB
import MessageFormats
import Testing

@testable import ChatCore

private func uri(_ text: String) -> SIPURI { SIPURI(text) ?? SIPURI(user: "bad", host: "bad") }
private let alice = uri("sip:alice@x.org")
private let bob = uri("sip:bob@x.org")
private let carol = uri("sip:carol@x.org")
private let dave = uri("sip:dave@x.org")
private let room = "sip:chatroom-1@x.org;gr=f"

private func device(_ user: SIPURI) -> SIPURI { uri("\(user);gr=urn:uuid:\(user.user ?? "")") }

@Suite struct RoomSteps {
  /// bob's account in a room with these people.
  private static func state(_ people: [SIPURI], admins: Set<SIPURI>, version: Int = 5) -> ConferenceState {
    var state = ConferenceState(entity: uri(room))
    _ = state.apply(
      ConferenceInfo(
        entity: uri(room), state: .full, version: version, subject: "Team",
        users: people.map { person in
          ConferenceInfo.User(
            entity: person, roles: [admins.contains(person) ? "admin" : "participant"],
            endpoints: [ConferenceInfo.Endpoint(entity: device(person))])
        }))
    return state
  }

  /// The words of what one change after `state` says.
  private static func words(
    _ users: [ConferenceInfo.User], subject: String? = nil, lifetime: Int? = nil, after state: ConferenceState,
    version: Int? = nil, full: Bool = false, _ own: Set<OwnAction> = [],
    _ partings: [SIPURI: ConferenceInfo.Parting] = [:]
  ) throws -> [String] {
    var after = state
    let written = ConferenceInfo(
      entity: uri(room), state: full ? .full : .partial, version: version ?? state.version + 1, subject: subject,
      ephemeralLifetime: lifetime, users: users)
    // As it comes over the wire.
    let info = try ConferenceInfo(parsing: written.serialized)
    let changes = after.apply(info)
    let step = RoomStep(
      before: state, after: after, info: info, partings: partings, account: bob, ownActions: own)
    return step.events(in: room, at: Date(), receivedAt: Date(), changes: changes)
      .map { $0.words { uri($0).user ?? $0 } }
  }

  private static func gone(_ user: SIPURI, _ parting: ConferenceInfo.Parting? = nil) -> ConferenceInfo.User {
    ConferenceInfo.User(
      entity: user, state: .deleted,
      endpoints: parting.map { [ConferenceInfo.Endpoint(entity: device(user), state: .deleted, parting: $0)] } ?? [])
  }

  private static func role(_ user: SIPURI, _ role: String) -> ConferenceInfo.User {
    ConferenceInfo.User(entity: user, state: .partial, roles: [role])
  }

  private static func new(_ user: SIPURI) -> ConferenceInfo.User {
    ConferenceInfo.User(
      entity: user, state: .full, roles: ["participant"], endpoints: [ConferenceInfo.Endpoint(entity: device(user))])
  }

  @Test func whoGoesIsSaidToHaveBeenRemovedOnlyWhereTheServerSaysSo() throws {
    let state = Self.state([alice, bob, carol], admins: [alice])
    #expect(try Self.words([Self.gone(carol)], after: state) == ["carol is no longer in this room"])
    #expect(try Self.words([Self.gone(carol, .init(method: .departed))], after: state) == ["carol left"])
    #expect(try Self.words([Self.gone(carol, .init(method: .booted))], after: state) == ["carol was removed"])
    let byAlice = ConferenceInfo.Parting(method: .booted, by: alice)
    #expect(try Self.words([Self.gone(carol, byAlice)], after: state) == ["carol was removed by alice"])
    // The devices may go in a notification of their own.
    #expect(
      try Self.words([Self.gone(carol)], after: state, [], [carol: byAlice]) == ["carol was removed by alice"])
    #expect(try Self.words([Self.gone(carol)], after: state, [.removing(carol.description)]) == ["you removed carol"])
  }

  @Test func theOnlyAdministratorDidWhatOnlyAdministratorsCan() throws {
    let state = Self.state([alice, bob], admins: [alice])
    #expect(try Self.words([Self.new(dave)], after: state) == ["alice added dave"])
    #expect(try Self.words([], subject: "Crew", after: state) == ["alice renamed this room: Crew"])
    #expect(try Self.words([Self.role(bob, "admin")], after: state) == ["alice made you an administrator"])
    #expect(
      try Self.words([], lifetime: 60, after: state)
        == ["alice changed this room: messages of this room are deleted 60 s after being read"])
  }

  @Test func ofSeveralAdministratorsNoneIsNamedAndNoneAcrossAGap() throws {
    let state = Self.state([alice, bob, carol], admins: [alice, carol])
    #expect(try Self.words([Self.new(dave)], after: state) == ["dave joined"])
    #expect(try Self.words([], subject: "Crew", after: state) == ["this room is now called Crew"])
    #expect(try Self.words([Self.role(bob, "admin")], after: state) == ["you are now an administrator"])
    #expect(try Self.words([Self.role(carol, "participant")], after: state) == ["carol is no longer an administrator"])
    let one = Self.state([alice, bob], admins: [alice])
    let all = [Self.role(alice, "admin"), Self.role(bob, "participant"), Self.new(dave)].map { user in
      var user = user
      user.state = .full
      return user
    }
    #expect(try Self.words(all, after: one, version: 9, full: true) == ["dave joined"])
  }

  @Test func whoIsThereAtFirstIsNoNews() throws {
    let empty = ConferenceState(entity: uri(room))
    #expect(try Self.words([Self.new(alice), Self.new(carol)], after: empty, version: 3, full: true) == [])
  }
}

@Suite struct StoredRoomEvents {
  /// bob's account, invited into a room whose first state is this.
  private static func welcome(
    admins: [SIPURI], people: [SIPURI] = [alice, bob], version: Int, oneToOne: Bool = false, devices: Int = 1,
    isFirstContact: Bool = false
  ) throws -> (event: RoomEvent?, store: StoredAccount) {
    let account = try StoredAccount()
    var state = ConferenceState(entity: uri(room))
    _ = state.apply(
      ConferenceInfo(
        entity: uri(room), state: .full, version: version, subject: "Team",
        users: people.map { person in
          ConferenceInfo.User(
            entity: person, roles: [admins.contains(person) ? "admin" : "participant"],
            endpoints: (0..<(person == bob ? devices : 1)).map {
              ConferenceInfo.Endpoint(entity: uri("\(person);gr=urn:uuid:\($0)"))
            })
        }))
    let event = try account.store.database.write { [state] db -> RoomEvent? in
      let stored = try RoomQueries.join(
        db, uri: uri(room), subject: "Team", encrypted: true, oneToOne: oneToOne, now: Date())
      try RoomEvent.invited(db, to: stored, account: bob, isFirstContact: isFirstContact, at: Date())
      return try RoomEvent.welcome(db, to: stored, state: state, account: bob)
    }
    return (event, account)
  }

  private static func words(_ event: RoomEvent?) -> String? { event?.words { uri($0).user ?? $0 } }

  @Test func whoAddsIsNamedWhereItIsCertain() async throws {
    let made = try Self.welcome(admins: [alice], version: 6)
    #expect(Self.words(made.event) == "alice made this room and added you, bob")
    #expect(made.event?.isInvitation == true && made.event?.isRead == false)
    #expect(try await made.store.store.rooms().map(\.isNew) == [true])
    #expect(try await made.store.store.mentions(of: Mention("bob")) == [room: 1])
    // Much has happened in it: alice may have come to be its administrator.
    #expect(Self.words(try Self.welcome(admins: [alice], version: 40).event) == "alice added you, bob")
    let two = try Self.welcome(admins: [alice, carol], people: [alice, bob, carol], version: 9)
    #expect(Self.words(two.event) == "you were added to this room" && two.event?.isRead == false)
  }

  @Test func aDeviceThatComesIntoItsAccountsRoomsIsNotAddedByAnybody() throws {
    let old = try Self.welcome(admins: [alice], version: 40, isFirstContact: true).event
    #expect(Self.words(old) == "this device came into the room" && old?.isRead == true)
    let own = try Self.welcome(admins: [bob], version: 6, devices: 2).event
    #expect(Self.words(own) == "you made this room" && own?.isRead == true && own?.isInvitation == false)
    let chat = try Self.welcome(admins: [], version: 6, oneToOne: true).event
    #expect(Self.words(chat) == "alice opened this chat" && chat?.isRead == true)
    let other = try Self.welcome(admins: [], version: 6, oneToOne: true, devices: 2).event
    #expect(Self.words(other) == "this chat was opened")
  }

  @Test func whoIsPutOutIsToldByWhomOnlyWhereOneCouldDoIt() throws {
    let account = try StoredAccount()
    func end(_ end: RoomEnd, admins: [SIPURI], devices: Int = 1) throws -> String? {
      try account.store.database.write { db in
        try db.execute(sql: "DELETE FROM room")
        let stored = try RoomQueries.join(
          db, uri: uri(room), subject: "Team", encrypted: true, oneToOne: false, now: Date())
        for person in [alice, bob, carol] {
          try Participant(room: room, address: person.description, isAdmin: admins.contains(person)).insert(db)
        }
        for number in 0..<devices {
          try Device(room: room, participant: bob.description, gruu: "\(bob);gr=urn:uuid:\(number)").insert(db)
        }
        return Self.words(try end.event(db, stored, account: bob))
      }
    }
    #expect(try end(.dialogEnded, admins: [carol]) == "you were removed by carol")
    #expect(try end(.dialogEnded, admins: [alice, carol]) == "you were removed")
    // Another device of bob may have left.
    #expect(try end(.dialogEnded, admins: [carol], devices: 2) == "you are no longer in this room")
    // While we were away the administrator may have changed.
    #expect(try end(.refused, admins: [carol]) == "you were removed")
    #expect(try end(.leaving, admins: [carol]) == "you left")
    #expect(try end(.unknown, admins: [carol]) == "the server does not know this room any more")
  }

  @Test func aRoomKeepsABoundedNumberOfThemAndTheyGoWithIt() async throws {
    let account = try StoredAccount(rooms: [(room, "Team")])
    try await account.store.database.write { db in
      for number in 0..<(RoomEvent.kept + 50) {
        var event = RoomEvent(
          .renamed, room: room, account: bob, time: Date(), text: String(repeating: "x", count: 1000) + "\(number)")
        try event.record(db)
      }
    }
    let kept = try await account.store.roomEvents(room: room)
    #expect(kept.count == RoomEvent.kept)
    #expect(kept.allSatisfy { $0.text?.count == RoomEvent.longestText })
    try await account.store.forget(room: room)
    #expect(try await account.store.roomEvents().isEmpty)
  }

  @Test func theyStandBetweenTheMessagesByTheirTime() async throws {
    let account = try StoredAccount(rooms: [(room, "Team")])
    @Sendable func time(_ minute: Int) -> Date { Date(timeIntervalSince1970: 1_800_000_000 + Double(minute) * 60) }
    try await account.store.database.write { db in
      for minute in [1, 3, 5] {
        var message = Message(
          room: room, messageID: "m\(minute)", sender: alice.description, isOutgoing: false, text: "\(minute)",
          time: time(minute), receivedAt: time(minute), isEncrypted: true, trust: "unknown", state: .received,
          isRead: true)
        try message.insertQuickly(db)
      }
      for minute in [0, 2, 5, 6] {
        var event = RoomEvent(.renamed, room: room, account: bob, time: time(minute), text: "\(minute)")
        try event.record(db)
      }
    }
    let messages = try await account.store.history(room: room)
    let all = try await account.store.entries(messages, room: room, from: nil)
    let places = all.map { entry in
      switch entry {
      case .message(let message): message.message.text
      case .event(let event): "(\(event.text ?? ""))"
      }
    }
    #expect(places == ["(0)", "1", "(2)", "3", "(5)", "5", "(6)"])
    let middle = try await account.store.roomEvents(room: room, from: time(1), before: time(5))
    #expect(middle.map(\.text) == ["2"])
  }
}
