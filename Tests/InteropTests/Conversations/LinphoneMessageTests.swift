// LinphoneMessageTests.swift: what limeade's and Debian's Linphone's messages are to each other beyond plain texts.
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct LinphoneMessages {
  @Test(arguments: ServiceKind.others)
  func repliesForwardsTypingAndTextsOfEveryKindGoBothWays(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, carol) = (scene.alice, scene.carol.process)
      let (room, _, atCarol) = try await scene.room(named: "Team")
      let address = room.room.address

      try carol.send("send \(atCarol) lunch?")
      let question = try await alice.message("lunch?", within: 60)
      let answer = try await alice.client.send("at noon", to: address, MessageOptions(replyTo: question.messageID))
      try await carol.event("message", within: 60, ["text": "at noon", "reply": "1", "reply-to": question.messageID])
      try carol.send("reply \(atCarol) see you")
      let reply = try await alice.message("see you", within: 60)
      #expect(reply.replyTo == answer.messageID && reply.replySender == alice.address)
      let shown = try await alice.client.store.message(room: address, messageID: reply.messageID)
      #expect(shown?.quote == Quote(sender: alice.address, text: "at noon"))

      await alice.client.sendComposing(true, to: address)
      try await carol.event("composing", within: 60, ["room": atCarol, "active": "1"])
      try carol.send("compose \(atCarol)")
      try await alice.event("typing of carol", within: 60) { event in
        if case .composing(address, scene.aor("carol"), true) = event { return true }
        return nil
      }

      // carol's newest message, forwarded by alice to a room of theirs, and from there back by carol.
      let other = try await alice.client.createRoom(named: "Other", members: [scene.address("carol")]).room.address
      let joined = try await carol.nextEvent("core-room-state", within: 60, ["addr": other, "state": "3"])
      let otherAtCarol = try #require(joined["room"])
      _ = try await alice.client.forward(reply.messageID, from: address, to: other)
      try await carol.event(
        "message", within: 60, ["room": otherAtCarol, "text": "see you", "forward": scene.aor("carol")])
      try carol.send("forward \(otherAtCarol) \(atCarol)")
      try await alice.event("text forwarded by carol", within: 60) { event in
        if case .message(let message) = event, message.room == address, message.forwardedFrom == scene.aor("carol") {
          return true
        }
        return nil
      }

      // What a program answers by itself has a header that Linphone does not know.
      let beep = try await alice.client.send("beep", to: address, MessageOptions(isAutomatic: true))
      try await carol.event("message", within: 60, ["id": beep.messageID, "text": "beep"])
      try await alice.delivery(of: beep.messageID, by: scene.aor("carol"), within: 60)
      for text in Self.texts {
        let sent = try await alice.client.send(text, to: address)
        try await alice.delivery(of: sent.messageID, by: scene.aor("carol"), within: 60)
        try await carol.event("message", within: 60, ["id": sent.messageID, "text": text])
        guard !text.contains("\n") else { continue }
        try carol.send("send \(atCarol) back: \(text)")
        try await alice.message("back: \(text)", within: 60)
      }
    }
  }

  /// Most of the notifications of a burst go out several in one MESSAGE.
  @Test func burstsComeInOrderAndEachMessageIsAcknowledged() async throws {
    try await Scene.play(.linphone) { scene in
      let (alice, carol) = (scene.alice, scene.carol.process)
      let (room, _, atCarol) = try await scene.room(named: "Burst")
      try carol.send("send \(atCarol) first")
      _ = try await alice.message("first", within: 60)
      let texts = (0..<40).map { "of carol \($0)" }
      for text in texts { try carol.send("send \(atCarol) \(text)") }
      for text in texts { try await carol.event("msg-state", within: 60, ["text": text, "state": "6"]) }
      let shown = try await alice.client.store.history(HistoryRequest(room: room.room.address)).map(\.message.text)
      #expect(shown.filter { $0.hasPrefix("of carol") } == texts)

      let own = (0..<40).map { "of alice \($0)" }
      for text in own { _ = try await alice.client.send(text, to: room.room.address) }
      for text in own { try await carol.nextEvent("message", within: 60, ["text": text, "secured": "1"]) }
    }
  }

  /// Scripts, directions, joined and combining characters, no-break and zero-width spaces; 64 KB.
  private static let texts = [
    "日本語 한국어 ไทย हिन्दी עברית العربية", "e\u{301} e\u{301}\u{323} ﷽ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u{10FFFD}",
    "👩🏽‍🚀🏳️‍🌈👨‍👩‍👧‍👦🇯🇵 a\u{200B}b\u{A0}c\u{202E}d\u{202C}", "two\nlines\n\n\tand a tab", "a \"quoted\" \\ <b>&amp;</b> %00 ;,",
    String(repeating: "ä0123456789 ", count: ChatClient.textLimit / 13),
  ]

  /// From 5.3 on Linphone knows reactions, from 5.5 on the others. To those before they are messages, and readable ones.
  @Test func reactionsEditsAndRetractionsAreKnownOrReadable() async throws {
    try await Scene.play(.lab) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol.process)
      let (room, _, atCarol) = try await scene.room(named: "Team")
      let address = room.room.address
      let version = try await scene.carol.version()
      let knowsReactions = !version.lexicographicallyPrecedes([5, 3])
      let knowsChanges = !version.lexicographicallyPrecedes([5, 5])
      let message = try await alice.client.send("first words", to: address)
      try await bob.message("first words", within: 60)
      try await carol.event("message", within: 60, ["text": "first words", "secured": "1"])
      try carol.send("send \(atCarol) from carol")
      let carols = try await alice.message("from carol", within: 60)
      try await bob.message("from carol", within: 60)

      _ = try await bob.client.react("👍", to: carols.messageID, in: address)
      _ = try await alice.client.edit(message.messageID, in: address, to: "better words")
      try await alice.change(.reaction, of: carols.messageID, "👍")
      try await bob.change(.edited, of: message.messageID, "better words")
      try await carol.event(knowsReactions ? "reaction" : "message", within: 60, ["text": "👍"])
      try await carol.event(knowsChanges ? "edited" : "message", within: 60, ["text": "better words"])

      let second = try await alice.client.send("regretted", to: address)
      try await bob.message("regretted", within: 60)
      _ = try await alice.client.retract(second.messageID, in: address)
      try await bob.change(.retracted, of: second.messageID)
      if knowsChanges {
        try await carol.event("retracted", within: 60, ["id": second.messageID])
        try carol.send("edit \(atCarol) of carol, at last")
        try await alice.change(.edited, of: carols.messageID, "of carol, at last")
        try carol.send("retract \(atCarol)")
        try await alice.change(.retracted, of: carols.messageID)
        try await bob.change(.retracted, of: carols.messageID)
      } else {
        // Where there is nothing that it could take away, it says so.
        try await carol.event("message", within: 60, ["text": "(deleted an earlier message)", "secured": "1"])
      }

      // The conversation goes on both ways, and what it says about its messages is understood.
      let after = try await alice.client.send("still here?", to: address)
      try await carol.event("message", within: 60, ["text": "still here?", "secured": "1"])
      try await alice.delivery(of: after.messageID, by: scene.aor("carol"), within: 60)
      try carol.send("read \(atCarol)")
      try await alice.delivery(of: after.messageID, by: scene.aor("carol"), state: .displayed, within: 60)
      try carol.send("send \(atCarol) yes")
      try await alice.message("yes", within: 60)
      try await bob.message("yes", within: 60)
      #expect(!carol.output.contains { $0.contains("\"undecryptable\"") })
    }
  }

  @Test(arguments: ServiceKind.others)
  func ephemeralMessagesGoOnBothEndsOnceTheyAreRead(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, carol) = (scene.alice, scene.carol.process)
      let room = try await alice.client.createRoom(named: "Pair", members: [scene.address("carol")]).room.address
      let atCarol = try #require(try await carol.event("joined", within: 60)["room"])

      let message = try await alice.client.send("burn-this", to: room, MessageOptions(lifetime: 1))
      try await carol.event("message", within: 60, ["text": "burn-this", "lifetime": "1"])
      try carol.send("read \(atCarol)")
      try await carol.event("expired", within: 60, ["id": message.messageID])
      try await alice.change(.expired, of: message.messageID)
      try await alice.isGoneFromDisk("burn-this")

      // Linphone before 5.5 has no time for unread ones: it takes the same from reading on. Ours goes once it is there.
      let unread = try await alice.client.send("unread", to: room, MessageOptions(unreadLifetime: 1))
      let unreadAtCarol = try await carol.event("message", within: 60, ["text": "unread"])
      try await alice.change(.expired, of: unread.messageID)
      if unreadAtCarol["lifetime"] == "1" { try carol.send("read \(atCarol)") }
      try await carol.event("expired", within: 60, ["id": unread.messageID])

      try carol.send("ephemeral \(atCarol) 1")
      try await carol.event("ephemeral", within: 60, ["room": atCarol, "seconds": "1"])
      try carol.send("send \(atCarol) burn-that")
      let atAlice = try await alice.message("burn-that", within: 60)
      #expect(atAlice.lifetime == 1)
      try await alice.client.markRead(room)
      try await alice.change(.expired, of: atAlice.messageID)
      try await carol.event("expired", within: 60, ["id": atAlice.messageID])
      try await alice.isGoneFromDisk("burn-that")
    }
  }

  /// Flexisip has such rooms from 2.5 on.
  @Test(arguments: [ServiceKind.lab, .linphone])
  func theTimeThatTheAdministratorsOfARoomSetIsShownAndKept(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, carol) = (scene.alice, scene.carol.process)
      try carol.send("create-ephemeral Hourly \(scene.aor("alice"))")
      let room = try await alice.room(named: "Hourly", within: 60).room.address
      try await alice.stored(room, "an hour's life for messages", within: 60) { $0.room.lifetime == 3600 }
      let atCarol = try #require(try await carol.event("joined", within: 60)["room"])
      try carol.send("ephemeral \(atCarol) 1800")
      try await alice.stored(room, "half an hour's life for messages", within: 60) { $0.room.lifetime == 1800 }
      try await alice.event("the new time") { event in
        if case .lifetime(room, 1800, nil) = event { return true }
        return nil
      }
      let sent = try await alice.client.send("like the room's", to: room)
      #expect(sent.lifetime == 1800)
      try await carol.event("message", within: 60, ["text": "like the room's", "lifetime": "1800"])
      // Another name is no other lifetime.
      try carol.send("admin \(atCarol) \(scene.aor("alice"))")
      try await alice.stored(room, "alice as administrator", within: 60) { summary in
        summary.participants.contains { $0.address == scene.aor("alice") && $0.isAdmin }
      }
      try await alice.client.rename(room, to: "Half-hourly")
      #expect(try await alice.client.store.room(at: room)?.room.lifetime == 1800)
      try await alice.restart()
      #expect(try await alice.client.store.room(at: room)?.room.lifetime == 1800)
    }
  }
  @Test(arguments: [ServiceKind.lab, .linphone])
  func anAdministratorOnLimeadeSetsTheTimeForAll(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol.process)
      let room = try await alice.client.createRoom(
        named: "Hourly", members: [scene.address("bob"), scene.address("carol")], lifetime: 3600
      ).room.address
      try await bob.stored(room, "an hour's life for messages", within: 60) { $0.room.lifetime == 3600 }
      let atCarol = try #require(try await carol.event("joined", within: 60)["room"])

      /// The change is on its way to carol while she writes.
      func carolWrites(with lifetime: Int?) async throws {
        for attempt in 1...50 {
          let text = "\(lifetime ?? 0), attempt \(attempt)"
          try carol.send("send \(atCarol) \(text)")
          if try await alice.message(text, within: 60).lifetime == lifetime { return }
        }
        throw TestFailure("carol's messages never had the lifetime \(lifetime ?? 0)")
      }
      try await carolWrites(with: 3600)
      await #expect(throws: ChatError.self) { try await bob.client.setLifetime(of: room, to: 5) }

      try await alice.client.setLifetime(of: room, to: 120)
      try await bob.event("the new time", within: 60) { event in
        if case .lifetime(room, 120, nil) = event { return true }
        return nil
      }
      try await carolWrites(with: 120)
      #expect(try await bob.client.send("like the room's", to: room).lifetime == 120)
      try await carol.event("message", within: 60, ["text": "like the room's", "lifetime": "120"])

      // It ends, a new name changes nothing of that, and it is set once more.
      try await alice.client.setLifetime(of: room, to: 0)
      try await carolWrites(with: nil)
      #expect(try await alice.client.send("for good", to: room).lifetime == nil)
      try await alice.client.rename(room, to: "Daily")
      try await alice.client.setLifetime(of: room, to: 86_400)
      try await bob.stored(room, "a day's life for messages", within: 60) { $0.room.lifetime == 86_400 }
      try await carolWrites(with: 86_400)
    }
  }

  @Test func inARoomThatWasNotMadeForItNobodySetsATimeForAll() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      let error = await #expect(throws: ChatError.self) { try await pair.alice.client.setLifetime(of: room, to: 60) }
      #expect(error?.description.contains("must have been made with a lifetime") == true)
      #expect(try await pair.bob.client.store.room(at: room)?.room.lifetime == 0)
    }
  }
}
