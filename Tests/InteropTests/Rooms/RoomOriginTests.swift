// RoomOriginTests.swift: rooms come from conference servers, and the one with a person is the factory's
import Foundation
import GRDB
import HostilePeer
import Lab
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite(.serialized) struct RoomOriginTests {
  /// alice behind a server that can be made hostile, bob as he is, carol by hand.
  private struct Stage {
    let lab = Lab(.example)
    let addresses: LabAddresses
    let server: HostileServer
    let alice: ChatAccount
    let bob: ChatAccount
    let carol: HostilePeer

    init() async throws {
      addresses = try await lab.start()
      server = try HostileServer(to: addresses.sip)
      alice = try ChatAccount(
        user: "alice", domain: addresses.domain, proxy: #require(SIPURI(server.address)),
        factory: #require(SIPURI(addresses.factory)), keyServer: addresses.keyServer)
      bob = try ChatPair.account("bob", addresses)
      carol = try HostilePeer("carol", sip: addresses.sip)
      try await alice.start()
      try await bob.start()
      try await carol.start()
    }

    static func play(_ body: (Stage) async throws -> Void) async throws {
      let stage = try await Stage()
      let result: Result<Void, any Error>
      do { result = .success(try await body(stage)) } catch { result = .failure(error) }
      await stage.alice.stop()
      await stage.bob.stop()
      await stage.carol.stop()
      stage.server.stop()
      await stage.lab.stop()
      try result.get()
    }

    var aliceDevice: String { get async throws { try #require(await alice.client.device) } }

    func security(_ part: String) async throws {
      try await alice.event("security event with '\(part)'") { event in
        if case .security(_, _, let text) = event, text.contains(part) { return true }
        return nil
      }
    }
  }

  private static let oneToOne = """
    Subject: dummy subject\r
    End-To-End-Encrypted: true\r
    One-To-One-Chat-Room: true\r

    """

  @Test func aUserWhoActsAsAFocusOpensNoRoom() async throws {
    try await Stage.play { stage in
      let device = try await stage.aliceDevice
      let carol = stage.carol.device
      for from in [carol, carol + ";conf-id=abc", stage.carol.address, stage.carol.address + ";conf-id=x"] {
        let (answer, _) = try await stage.carol.invite(device, from: from, headers: Self.oneToOne)
        #expect(answer.status == 403, "\(from)")
      }
      // Nor does a message, encrypted or not.
      let text = CPIMMessage.text("hello", from: "sip:bob@sip.example.org", to: carol)
      #expect(try await stage.carol.message(device, text.serialized).status == 403)
      let lime = try await stage.carol.limeDevice(at: stage.addresses)
      let (type, body) = try await lime.envelope(
        .text("hello", from: carol, to: carol), to: [device], room: carol
      ).serialized
      #expect(try await stage.carol.message(device, contentType: type, body).status == 403)
      try await stage.security("not the conference server")
      #expect(try await stage.alice.client.rooms().isEmpty)
      #expect(await stage.carol.requests.filter { $0.method == "SUBSCRIBE" }.isEmpty)
      // Said once.
      let said = stage.alice.events.filter { if case .security = $0 { true } else { false } }
      #expect(said.count == 1)
    }
  }

  @Test func theRoomWithAPersonIsTheOneOfTheFactoryWhoeverMadeIt() async throws {
    try await Stage.play { stage in
      let made = try await stage.bob.client.oneToOneRoom(with: stage.alice.configuration.address).room.address
      try await stage.alice.members(of: made, are: [stage.alice.address, stage.bob.address])
      let sent = try await stage.bob.client.send("from bob", to: made)
      try await stage.alice.message("from bob")
      // alice's receipt already made her ask.
      try await stage.bob.delivery(of: sent.messageID, by: stage.alice.address)
      let invites = {
        stage.server.messages.filter { $0.method == "INVITE" && $0.startLine.contains("conference-factory") }
      }
      let asked = invites().count
      #expect(asked > 0)
      let room = try await stage.alice.client.room(for: stage.bob.address)
      #expect(room.room.address == made)
      #expect(room.room.isConfirmed)
      _ = try await stage.alice.client.send("to bob", to: made)
      try await stage.bob.message("to bob")
      #expect(invites().count == asked)
      #expect(try await stage.bob.client.rooms().count == 1)
    }
  }

  /// A focus that makes a room say that it is the one with bob, with a device of its own in it.
  @Test func aRoomThatOnlySaysItIsTheOneWithBobGetsNothing() async throws {
    try await Stage.play { stage in
      let real = try await stage.alice.client.oneToOneRoom(with: stage.bob.configuration.address).room.address
      let fake = try await stage.carol.createRoom(
        "Fake", at: stage.addresses.factory, members: [stage.alice.address, stage.bob.address], encrypted: true)
      try await stage.alice.members(of: fake, are: [stage.alice.address, stage.bob.address, stage.carol.address])
      try await stage.alice.client.store.database.write { db in
        try db.execute(sql: "UPDATE room SET isOneToOne = 1, isConfirmed = 0 WHERE address = ?", arguments: [fake])
      }
      #expect(try await stage.alice.client.room(for: stage.bob.address).room.address == real)
      let sent = try await stage.alice.client.send("the PIN is 4711", to: fake)
      let outcome = try await stage.alice.outcome(of: sent)
      #expect(outcome.state == .failed)
      #expect(outcome.failure?.contains("not the room that the conference factory keeps") == true)
      #expect(try await stage.alice.client.store.room(at: fake)?.room.isOneToOne == false)
      // With bob alone in it too: the factory names the other one.
      try await stage.alice.client.store.database.write { db in
        try db.execute(sql: "UPDATE room SET isOneToOne = 1 WHERE address = ?", arguments: [fake])
        try db.execute(
          sql: "DELETE FROM participant WHERE room = ? AND address = ?", arguments: [fake, stage.carol.address])
      }
      let again = try await stage.alice.client.send("the PIN is 4711", to: fake)
      #expect(try await stage.alice.outcome(of: again).state == .failed)
      #expect(try await stage.alice.client.room(for: stage.bob.address).room.address == real)
    }
  }

  @Test func nobodyFillsTheListOfRoomsWithoutEnd() async throws {
    try await Stage.play { stage in
      let domain = stage.addresses.domain
      try await stage.alice.client.store.database.write { db in
        for number in 0..<RoomEntry.maximumUnansweredRooms {
          _ = try RoomQueries.join(
            db, uri: #require(SIPURI("sip:chatroom-\(number)@\(domain);gr=1")), subject: "Room \(number)",
            encrypted: true, oneToOne: false, now: Date())
        }
      }
      _ = try await stage.bob.client.createRoom(named: "One more", members: [stage.alice.configuration.address])
      try await stage.security("an invitation was declined")
      #expect(try await stage.alice.client.rooms().count == RoomEntry.maximumUnansweredRooms)
    }
  }

  @Test func aRoomForTwoIsNoneAnyMoreWhenSomebodyIsAdded() async throws {
    try await Stage.play { stage in
      let room = try await stage.alice.client.oneToOneRoom(with: stage.bob.configuration.address).room.address
      try await stage.alice.stored(room, "both devices", within: 20) { $0.deviceCount == 2 }
      let info = ConferenceInfo(
        entity: try #require(SIPURI(room)), state: .partial, version: nil,
        users: [
          .init(
            entity: try #require(SIPURI(stage.carol.address)), roles: ["participant"],
            endpoints: [.init(entity: try #require(SIPURI(stage.carol.device)))])
        ])
      try await stage.server.notify("alice", room: room, body: info.serialized)
      try await stage.alice.members(of: room, are: [stage.alice.address, stage.bob.address, stage.carol.address])
      let sent = try await stage.alice.client.send("the PIN is 4711", to: room)
      #expect(try await stage.alice.outcome(of: sent).state == .failed)
      await #expect(throws: ChatError.self) { try await stage.alice.client.room(for: stage.bob.address) }
    }
  }

  @Test func aDeviceAtAnotherAddressIsNoDeviceOfBobs() async throws {
    try await Stage.play { stage in
      let room = try await stage.alice.client.createRoom(
        named: "Team", members: [stage.bob.configuration.address]
      ).room.address
      try await stage.alice.stored(room, "both devices", within: 20) { $0.deviceCount == 2 }
      let known = try await stage.alice.client.store.devices(room: room).map(\.gruu)
      let bob = try #require(known.first { $0.hasPrefix(stage.bob.address) })
      let device = try await #require(SIPURI(stage.aliceDevice))
      var info = ConferenceInfo(entity: try #require(SIPURI(room)), state: .full, version: 500, subject: "Team")
      info.users = [
        .init(
          entity: stage.alice.configuration.address, roles: ["admin"],
          endpoints: [.init(entity: device)]),
        .init(
          entity: try #require(SIPURI("sip:bob@SIP.example.org:5060")), roles: ["participant"],
          endpoints: try [stage.carol.device, bob, "sip:bob@sip.example.net;gr=urn:uuid:1"].map {
            .init(entity: try #require(SIPURI($0)))
          }),
      ]
      try await stage.server.notify("alice", room: room, body: info.serialized)
      try await stage.security("is a device of \(stage.bob.address)")
      #expect(Set(try await stage.alice.client.store.devices(room: room).map(\.gruu)) == Set(known))
      try await stage.alice.members(of: room, are: [stage.alice.address, stage.bob.address])
      // bob is still bob, in capitals and with a port too.
      _ = try await stage.alice.client.send("only for bob", to: room)
      #expect(try await stage.bob.message("only for bob").isEncrypted)
    }
  }

  @Test func aRoomThatItsFocusEndsIsLeft() async throws {
    try await Stage.play { stage in
      let room = try await stage.alice.client.createRoom(
        named: "Team", members: [stage.bob.configuration.address]
      ).room.address
      let info = ConferenceInfo(entity: try #require(SIPURI(room)), state: .deleted, version: 500)
      try await stage.server.notify("alice", room: room, body: info.serialized)
      try await stage.alice.roomState(of: room, is: .left)
    }
  }

  @Test func aMessageOfAnotherInstanceOfTheFocusOpensNoSecondRoom() async throws {
    try await Stage.play { stage in
      let room = try await stage.alice.client.createRoom(
        named: "Team", members: [stage.bob.configuration.address], encrypted: false
      ).room.address
      let other = try #require(SIPURI(room)).with(parameter: "gr", "urn:uuid:another")
      let text = CPIMMessage.text("same room", from: try #require(await stage.bob.client.device), to: other.description)
      let answer = try await stage.server.request(
        "MESSAGE", to: "alice", uri: stage.aliceDevice, from: other.description, contentType: "message/cpim",
        body: text.serialized)
      #expect(answer.status == 200)
      #expect(try await stage.alice.message("same room").room == room)
      #expect(try await stage.alice.client.rooms().count == 1)
    }
  }

  /// As older Flexisips pass it on: authenticated is whom the header names, and From is anybody.
  @Test func aRequestThatNamesAnotherSenderThanItsRoomIsRefused() async throws {
    try await Stage.play { stage in
      let room = try await stage.alice.client.createRoom(
        named: "Team", members: [stage.bob.configuration.address], encrypted: false
      ).room.address
      let text = CPIMMessage.text("forged", from: try #require(await stage.bob.client.device), to: room)
      for identity in ["<\(stage.carol.address)>", "\"Bob\" <\(stage.carol.device)>, <\(room)>", "nonsense"] {
        let headers = "P-Preferred-Identity: \(identity)\r\n"
        let answer = try await stage.server.request(
          "MESSAGE", to: "alice", uri: stage.aliceDevice, from: room, headers: headers, contentType: "message/cpim",
          body: text.serialized)
        #expect(answer.status == 403)
        let invitation = try await stage.server.request(
          "INVITE", to: "alice", uri: stage.aliceDevice, from: "sip:chatroom-forged@\(stage.addresses.domain);gr=1",
          headers: headers + "Contact: <\(stage.carol.device)>;isfocus\r\n")
        #expect(invitation.status == 403)
      }
      #expect(try await stage.alice.client.rooms().count == 1)
      #expect(
        !stage.alice.events.contains { if case .message(let message) = $0 { message.text == "forged" } else { false } })
    }
  }

  @Test func noRoomIsMadeByAPlainMessage() async throws {
    try await Stage.play { stage in
      let room = "sip:chatroom-unknown@\(stage.addresses.domain);gr=urn:uuid:1"
      let text = CPIMMessage.text("plain", from: stage.bob.address, to: room)
      let answer = try await stage.server.request(
        "MESSAGE", to: "alice", uri: stage.aliceDevice, from: room, contentType: "message/cpim", body: text.serialized)
      // The server keeps it until the device comes back, in case the invitation is on its way.
      #expect(answer.status == 503)
      #expect(try await stage.alice.client.rooms().isEmpty)
    }
  }

  /// The database as it is when the program was killed after the room's INVITE had left.
  @Test func aRoomWhoseMakingWasCutOffIsFoundAgain() async throws {
    try await Stage.play { stage in
      let room = try await stage.alice.client.createRoom(
        named: "Cut off", members: [stage.bob.configuration.address]
      ).room.address
      let missing = "sip:chatroom-never@\(stage.addresses.domain);gr=urn:uuid:1"
      try await stage.alice.client.store.database.write { db in
        try db.execute(
          sql: """
            UPDATE room SET state = 'joining', version = 0;
            DELETE FROM participant;
            DELETE FROM device;
            """)
        _ = try RoomQueries.join(
          db, uri: #require(SIPURI(missing)), subject: "Never", encrypted: true, oneToOne: false, now: Date())
      }
      try await stage.alice.restart()
      try await stage.alice.members(of: room, are: [stage.alice.address, stage.bob.address])
      // And one whose INVITE had not is forgotten.
      let deadline = ContinuousClock.now + .seconds(20)
      while try await stage.alice.client.store.room(at: missing) != nil, ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(20))
      }
      #expect(try await stage.alice.client.store.room(at: missing) == nil)
    }
  }

  @Test func aRoomThatAnswersNothingCanBeForgotten() async throws {
    try await Stage.play { stage in
      let room = try await stage.alice.client.createRoom(
        named: "Silent", members: [stage.bob.configuration.address]
      ).room.address
      let sent = try await stage.alice.client.send("text", to: room)
      _ = try await stage.alice.outcome(of: sent)
      stage.server.changeToServer { $0.method == "BYE" || $0.method == "SUBSCRIBE" ? [] : nil }
      try await stage.alice.client.forget(room, within: .seconds(1))
      #expect(try await stage.alice.client.rooms().isEmpty)
      let left = try await stage.alice.client.store.database.read {
        try Int.fetchOne($0, sql: "SELECT count(*) FROM message")
      }
      #expect(left == 0)
    }
  }
}
