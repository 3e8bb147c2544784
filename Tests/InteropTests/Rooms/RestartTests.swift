// RestartTests.swift: a limeade that stops and starts again: the same device, its rooms, and what came meanwhile, once.
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct Restart {
  @Test(arguments: ServiceKind.usual + [.linphoneOwnPartOnly])
  func whatWasSentWhileOfflineArrivesOnceAfterTheStart(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol)
      let (room, _, atCarol) = try await scene.room(named: "Team")
      let before = try await alice.client.send("before", to: room.room.address)
      try await alice.delivery(of: before.messageID, by: bob.address)
      await bob.stop()

      let missed = try await alice.client.send("while bob is away", to: room.room.address)
      try await carol.process.event("message", ["text": "while bob is away"])
      try carol.process.send("send \(atCarol) carol too")
      _ = try await alice.message("carol too")
      try await alice.delivery(of: missed.messageID, by: scene.aor("carol"))
      #expect(
        !alice.events.contains(where: { event in
          if case .delivery(_, missed.messageID, bob.address, _, _, _) = event { true } else { false }
        }))

      try await bob.restart()
      #expect(try await bob.message("while bob is away", within: 60).isEncrypted)
      #expect(try await bob.message("carol too", within: 60).isEncrypted)
      try await alice.delivery(of: missed.messageID, by: bob.address)
      let after = try await alice.client.send("after", to: room.room.address)
      _ = try await bob.message("after")
      try await alice.delivery(of: after.messageID, by: bob.address)
      let texts = try await bob.client.store.history(room: room.room.address).map(\.message.text)
      #expect(texts.sorted() == ["after", "before", "carol too", "while bob is away"])
    }
  }

  @Test(arguments: ServiceKind.usual)
  func aRestartKeepsDeviceAndRoomsAndResumesTheSubscription(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol)
      let (room, atBob, atCarol) = try await scene.room(named: "Team")
      let address = room.room.address
      let device = await alice.client.device
      await alice.stop()
      try await alice.restart()

      #expect(await alice.client.device == device)
      let known = try #require(try await alice.client.store.room(at: address))
      #expect(known.room.state == .active)
      #expect(known.deviceCount == 3)
      let text = try await alice.client.send("again here", to: address)
      #expect(try await bob.message("again here").isEncrypted)
      try await carol.process.event("message", ["text": "again here", "secured": "1"])
      try await alice.delivery(of: text.messageID, by: scene.aor("carol"))
      try carol.process.send("send \(atCarol) welcome back")
      #expect(try await alice.message("welcome back").isEncrypted)

      // No second device of alice anywhere, and nothing about the room was told anew.
      let devices = try await bob.client.store.devices(room: atBob.room.address)
      #expect(devices.filter { $0.participant == alice.address }.map(\.gruu) == [device])
      #expect(!alice.events.contains { if case .participant = $0 { true } else { false } })
      if kind == .linphone {
        #expect(scene.service.focusLog.contains("Last-Notify-Version: \(known.room.version)"))
      }

      // A dialog of before the restart is not needed to change the room.
      try await alice.client.rename(address, to: "Crew")
      _ = try await bob.room(named: "Crew")
      try await carol.process.event("subject", ["room": atCarol, "subject": "Crew"])
    }
  }

  @Test(arguments: ServiceKind.usual)
  func aRoomThatWasLeftElsewhereMeanwhileIsUpToDateAfterTheStart(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob) = (scene.alice, scene.bob)
      let (room, _, _) = try await scene.room(named: "Team")
      await alice.stop()
      try await bob.client.leave(room.room.address)
      try await alice.restart()
      try await alice.members(of: room.room.address, are: [alice.address, scene.aor("carol")])
      #expect(try await alice.client.store.room(at: room.room.address)?.deviceCount == 2)
    }
  }
  /// As after a restart of a server that forgets its registrations, and as when everybody else has signed out.
  @Test(arguments: ServiceKind.usual)
  func aTextForMembersWithoutAnyDeviceWaitsForOne(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob) = (scene.alice, scene.bob)
      for isEncrypted in [true, false] {
        let name = isEncrypted ? "Secret" : "Open"
        let room = try await alice.client.createRoom(
          named: name, members: [scene.address("bob")], encrypted: isEncrypted
        ).room.address
        try await bob.room(named: name)
        try await alice.members(of: room, are: [alice.address, bob.address])
        await bob.client.stop(unregistering: true)
        try await alice.stored(room, "bob without a device", within: 60) {
          $0.participants.count == 2 && $0.deviceCount == 1
        }
        let text = try await alice.client.send("into the \(name)", to: room)
        let reason = try await alice.event("reason why it waits") { event in
          if case .error(room, let text, _) = event { return text }
          return nil
        }
        #expect(reason.contains("no device of another member of \(name) is registered now"))
        #expect(try await alice.client.store.message(room: room, messageID: text.messageID)?.message.state == .queued)

        try await bob.restart()
        #expect(try await bob.message("into the \(name)", within: 60).isEncrypted == isEncrypted)
        try await alice.delivery(of: text.messageID, by: bob.address, within: 60)
      }
    }
  }

  @Test(arguments: ServiceKind.usual)
  func whoWasRemovedWhileAwayIsToldSoOnce(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob) = (scene.alice, scene.bob)
      let (room, atBob, _) = try await scene.room(named: "Team")
      await bob.stop()
      try await alice.client.remove(scene.address("bob"), from: room.room.address)
      try await alice.members(of: room.room.address, are: [alice.address, scene.aor("carol")])
      try await bob.restart()
      try await bob.roomState(of: atBob.room.address, is: .left, within: 60)
      // What the focus may have to say of it in further ways comes before what it says of another room.
      _ = try await alice.client.createRoom(named: "Next", members: [scene.address("bob")])
      try await bob.room(named: "Next", within: 60)
      let told = bob.events.filter { event in
        switch event {
        case .room(let summary, _): summary.room.address == atBob.room.address && summary.room.state == .left
        case .error, .security: true
        default: false
        }
      }
      #expect(told.count == 1, "\(told.map(\.jsonLine).joined(separator: "\n"))")
    }
  }
}
