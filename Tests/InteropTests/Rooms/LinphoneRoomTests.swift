// LinphoneRoomTests.swift: rooms that Debian's Linphone makes and changes, one-to-one rooms, absence, leaving, rejoining.
import ChatCore
import Foundation
import GRDB
import TestSupport
import Testing

@Suite(.serialized) struct LinphoneRooms {
  @Test(arguments: ServiceKind.usual)
  func linphoneAsAdministratorRenamesRemovesInvitesPromotesAndLeaves(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol.process)
      try carol.send("create Theirs \(alice.address) \(bob.address)")
      let room = try await alice.room(named: "Theirs", within: 60).room.address
      try await bob.room(named: "Theirs", within: 60)
      let atCarol = try #require(try await carol.nextEvent("joined", within: 60)["room"])

      try carol.send("subject \(atCarol) Renamed")
      try await alice.room(named: "Renamed", within: 60)
      try carol.send("remove \(atCarol) \(bob.address)")
      try await bob.roomState(of: room, is: .left, within: 60)
      // Linphone adds nobody who is still in its list.
      try await carol.nextEvent("participant-removed", within: 60, ["who": bob.address])
      try await alice.members(of: room, are: [alice.address, scene.aor("carol")], within: 60)
      await #expect(throws: ChatError.self) { _ = try await bob.client.send("too late", to: room) }
      try carol.send("add \(atCarol) \(bob.address)")
      try await bob.roomState(of: room, is: .active, within: 60)
      try await alice.members(of: room, are: ["alice", "bob", "carol"].map(scene.aor), within: 60)
      _ = try await alice.client.send("bob is back", to: room)
      #expect(try await bob.message("bob is back", within: 60).isEncrypted)

      try carol.send("admin \(atCarol) \(alice.address)")
      try await alice.stored(room, "alice as administrator", within: 60) { summary in
        summary.participants.contains { $0.address == alice.address && $0.isAdmin }
      }

      try await alice.client.makeAdmin(scene.address("carol"), in: room, false)
      try await carol.nextEvent("admin", within: 60, ["who": scene.aor("carol"), "is": "0"])
      await #expect(throws: ChatError.self) { try await bob.client.makeAdmin(scene.address("bob"), in: room) }

      // Leaving, and coming back when an administrator invites.
      try carol.send("leave \(atCarol)")
      // Linphone takes no invitation to a room that it is still leaving.
      try await carol.event("left", within: 60, ["room": atCarol])
      try await alice.members(of: room, are: [alice.address, bob.address], within: 60)
      let missed = try await alice.client.send("carol is out", to: room)
      try await alice.delivery(of: missed.messageID, by: bob.address, within: 60)
      try await alice.client.invite(scene.address("carol"), to: room)
      let again = try #require(try await carol.nextEvent("joined", within: 60)["room"])
      try await alice.members(of: room, are: ["alice", "bob", "carol"].map(scene.aor), within: 60)
      _ = try await alice.client.send("welcome back", to: room)
      try await carol.event("message", within: 60, ["text": "welcome back", "secured": "1"])
      try carol.send("send \(again) thanks")
      #expect(try await alice.message("thanks", within: 60).isEncrypted)
      #expect(!carol.output.contains { $0.contains("carol is out") })
    }
  }

  @Test(arguments: ServiceKind.usual)
  func aOneToOneRoomIsTheSameWhoeverAsksForIt(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol.process)
      let room = try await alice.client.room(for: scene.aor("carol")).room
      #expect(room.isOneToOne && room.isEncrypted)
      let atCarol = try #require(try await carol.nextEvent("joined", within: 60)["room"])
      try carol.send("send \(atCarol) only you")
      let atAlice = try await alice.message("only you", within: 60)
      #expect(atAlice.room == room.address && atAlice.isEncrypted)
      #expect(try await alice.client.room(for: scene.aor("carol")).room.address == room.address)
      // The focus says the same to a client that lost its memory of it.
      try await alice.client.store.database.write { try $0.execute(sql: "DELETE FROM room") }
      let asked = try await alice.client.room(for: scene.aor("carol")).room.address
      #expect(asked == room.address)

      try carol.send("create-1to1 dummy \(bob.address)")
      let second = try #require(try await carol.nextEvent("joined", within: 60)["room"])
      try carol.send("send \(second) hello bob")
      let atBob = try await bob.message("hello bob", within: 60)
      let found = try await bob.client.room(for: scene.aor("carol"))
      #expect(found.room.address == atBob.room && found.room.isOneToOne)
      let answer = try await bob.client.send("hello carol", to: found.room.address)
      try await carol.event("message", within: 60, ["text": "hello carol", "room": second])
      try await bob.delivery(of: answer.messageID, by: scene.aor("carol"), within: 60)
    }
  }

  @Test(arguments: ServiceKind.others)
  func whatWasWrittenWhileLinphoneWasAwayReachesItInOrderOnce(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol.process)
      let (room, _, atCarol) = try await scene.room(named: "Team")
      try carol.send("offline")
      try await carol.event("registration", within: 60, ["state": LinphoneClient.registrationNone])
      var last: Message?
      for text in ["one", "two", "three"] {
        last = try await alice.client.send(text, to: room.room.address)
        try await bob.message(text, within: 60)
      }
      try carol.send("online")
      for text in ["one", "two", "three"] {
        try await carol.nextEvent("message", within: 60, ["text": text, "secured": "1"])
      }
      try await alice.delivery(of: try #require(last).messageID, by: scene.aor("carol"), within: 60)
      try carol.send("send \(atCarol) I am back")
      try await alice.message("I am back", within: 60)
      for text in ["one", "two", "three"] {
        let copies = carol.output.filter { $0.contains("\"event\":\"message\"") && $0.contains("\"text\":\"\(text)\"") }
        #expect(copies.count == 1)
      }
    }
  }
}
