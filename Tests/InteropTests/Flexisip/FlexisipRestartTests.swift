// FlexisipRestartTests.swift: a real Flexisip that is restarted under its clients; only where LIMEADE_FLEXISIP names it
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: FlexisipServer.isHere)) struct FlexisipRestart {
  /// Linphone tries to connect again after a minute by itself.
  private static let patience = 90.0

  @Test func roomsLastOverARestartWhereRedisKeepsTheRegistrations() async throws {
    try await Scene.play(.flexisipOnRedis) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol.process)
      let (room, _, atCarol) = try await scene.room(named: "Team")
      let address = room.room.address
      let before = try await alice.client.send("before", to: address)
      for member in ["bob", "carol"] { try await alice.delivery(of: before.messageID, by: scene.aor(member)) }

      let server = try #require(scene.service.flexisip)
      server.stop()
      let meanwhile = try await alice.client.send("meanwhile", to: address)
      try await server.start()
      try carol.send("offline")
      try carol.send("online")

      #expect(try await bob.message("meanwhile", within: Self.patience).isEncrypted)
      try await carol.event("message", within: Self.patience, ["text": "meanwhile", "secured": "1"])
      for member in ["bob", "carol"] {
        try await alice.delivery(of: meanwhile.messageID, by: scene.aor(member), within: Self.patience)
      }
      try carol.send("send \(atCarol) here again")
      for account in [alice, bob] {
        #expect(try await account.message("here again", within: Self.patience).isEncrypted)
      }
      try await alice.client.rename(address, to: "Crew")
      _ = try await bob.room(named: "Crew", within: Self.patience)
      try await carol.event("subject", within: Self.patience, ["room": atCarol, "subject": "Crew"])
      try await bob.client.leave(address)
      try await alice.members(of: address, are: [alice.address, scene.aor("carol")], within: Self.patience)
    }
  }

  /// Flexisip has forgotten who is registered and takes all devices out of the room as it starts; each comes back with
  /// its REGISTER. Until then the focus accepts what is written and has nobody to send it to. No Linphone here: 2.2.0
  /// has read the room twice then and invites by both, after which Linphone gets nothing, also among Linphones alone.
  @Test func limeadeComesBackIntoItsRoomsWhenARestartHasForgottenAllRegistrations() async throws {
    try await Scene.play(.flexisip) { scene in
      let (alice, bob) = (scene.alice, scene.bob)
      let room = try await alice.client.createRoom(named: "Pair", members: [scene.address("bob")]).room.address
      _ = try await bob.room(named: "Pair")
      let before = try await alice.client.send("before", to: room)
      try await alice.delivery(of: before.messageID, by: bob.address)

      let server = try #require(scene.service.flexisip)
      server.stop()
      try await server.start()

      var isDelivered = false
      for attempt in 1...15 where !isDelivered {
        let message = try await alice.client.send("attempt \(attempt)", to: room)
        isDelivered = (try? await alice.delivery(of: message.messageID, by: bob.address, within: 6)) != nil
      }
      #expect(isDelivered, "\(alice.events.map(\.jsonLine).joined(separator: "\n"))")
      let answer = try await bob.client.send("welcome back", to: room)
      #expect(try await alice.message("welcome back", within: Self.patience).isEncrypted)
      try await bob.delivery(of: answer.messageID, by: alice.address, within: Self.patience)
    }
  }
}
