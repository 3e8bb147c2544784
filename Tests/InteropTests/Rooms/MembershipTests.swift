// MembershipTests.swift: rename, roles, inviting, removing and leaving, as all members see it (RFC 4579, RFC 4575).
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct Membership {
  @Test(arguments: ServiceKind.usual)
  func aRoomIsRenamedAndItsMembersChangedByLimeade(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol)
      let (room, _, atCarol) = try await scene.room(named: "Team")
      let address = room.room.address

      try await alice.client.rename(address, to: "Crew")
      try await bob.room(named: "Crew")
      try await carol.process.event("subject", ["room": atCarol, "subject": "Crew"])

      try await alice.client.makeAdmin(scene.address("carol"), in: address)
      try await carol.process.event("admin", ["who": scene.aor("carol"), "is": "1"])
      try await bob.event("carol's new role") { event in
        if case .participant(_, scene.aor("carol"), true, _) = event { return true }
        return nil
      }

      try await alice.client.remove(scene.address("bob"), from: address)
      try await carol.process.nextEvent("participant-removed", ["room": atCarol, "who": bob.address])
      try await bob.roomState(of: address, is: .left)
      try await alice.members(of: address, are: [alice.address, scene.aor("carol")])
      let without = try await alice.client.send("bob is out", to: address)
      try await carol.process.event("message", ["text": "bob is out", "secured": "1"])
      try await alice.delivery(of: without.messageID, by: scene.aor("carol"))

      try await alice.client.invite(scene.address("bob"), to: address)
      try await bob.roomState(of: address, is: .active)
      try await alice.members(of: address, are: ["alice", "bob", "carol"].map(scene.aor))
      // Carol encrypts for the devices that she knows of when she sends.
      let device = try #require(await bob.client.device)
      try await carol.process.nextEvent("device-added", ["room": atCarol, "device": device])
      try carol.process.send("send \(atCarol) bob is back")
      #expect(try await bob.message("bob is back").isEncrypted)
      #expect(
        !bob.events.contains { event in
          if case .message(let message) = event { message.text == "bob is out" } else { false }
        })

      try await bob.client.leave(address)
      #expect(try await bob.client.store.room(at: address)?.room.state == .left)
      try await alice.members(of: address, are: [alice.address, scene.aor("carol")])
      await #expect(throws: ChatError.self) { _ = try await bob.client.send("too late", to: address) }
    }
  }

  @Test(arguments: ServiceKind.usual)
  func onlyAnAdminChangesTheRoom(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (room, _, _) = try await scene.room(named: "Team")
      await #expect(throws: ChatError.self) {
        try await scene.bob.client.remove(scene.address("carol"), from: room.room.address)
      }
      #expect(try await scene.alice.client.store.room(at: room.room.address)?.participants.count == 3)
    }
  }
}
