// MessageChangeTests.swift: replies, reactions, edits, retractions and ephemeral messages between limeade accounts.
import Foundation
import Lab
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

extension ChatAccount {
  /// The change of that kind of the message, once it has come or was sent.
  @discardableResult
  func change(_ kind: MessageChange.Kind, of messageID: String, _ text: String = "") async throws -> MessageChange {
    try await event("\(kind) \(text) of \(messageID)", within: 60) { event in
      guard case .change(let change) = event, change.kind == kind, change.messageID == messageID, change.text == text,
        change.state != .queued
      else { return nil }
      return change
    }
  }

  /// The message as the history shows it.
  func stored(_ messageID: String, in room: String) async throws -> MessageWithDeliveries? {
    try await client.store.history(room: room).first { $0.message.messageID == messageID }
  }

  func isOnDisk(_ text: String) throws -> Bool {
    try FileManager.default.contentsOfDirectory(at: folder.url, includingPropertiesForKeys: nil).contains { file in
      // SQLite may take a file away at any moment.
      (try? Data(contentsOf: file))?.range(of: Data(text.utf8)) != nil
    }
  }

  func isGoneFromDisk(_ text: String) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try isOnDisk(text) {
      guard ContinuousClock.now < deadline else { throw TestFailure("\(address): '\(text)' is still in the files") }
      try await Task.sleep(for: .milliseconds(50))
    }
  }
}

@Suite(.serialized) struct MessageChanges {
  private func play(_ body: (ChatPair, _ room: String) async throws -> Void) async throws {
    try await ChatPair.play { try await body($0, try await $0.room()) }
  }

  @Test func aReplyShowsWhatItAnswersOnBothEnds() async throws {
    try await play { pair, room in
      let question = try await pair.alice.client.send("lunch?", to: room)
      try await pair.bob.message("lunch?")
      let answer = try await pair.bob.client.send("at noon", to: room, MessageOptions(replyTo: question.messageID))
      try await pair.alice.message("at noon")
      for account in [pair.alice, pair.bob] {
        let stored = try #require(try await account.stored(answer.messageID, in: room))
        #expect(stored.quote == Quote(sender: pair.alice.address, text: "lunch?"))
      }
      await #expect(throws: ChatError.self) {
        try await pair.bob.client.send("to nothing", to: room, MessageOptions(replyTo: "unknown"))
      }
    }
  }

  @Test func theLastReactionCountsAndCanBeTakenBack() async throws {
    try await play { pair, room in
      let (alice, bob) = (pair.alice, pair.bob)
      let message = try await alice.client.send("done", to: room)
      try await bob.message("done")
      _ = try await bob.client.react("👍", to: message.messageID, in: room)
      _ = try await bob.client.react("👨‍👩‍👧‍👦", to: message.messageID, in: room)
      _ = try await alice.client.react("❤️", to: message.messageID, in: room)
      try await alice.change(.reaction, of: message.messageID, "👨‍👩‍👧‍👦")
      try await bob.change(.reaction, of: message.messageID, "❤️")
      for account in [alice, bob] {
        let reactions = try #require(try await account.stored(message.messageID, in: room)).reactions
        let told = Set(reactions.map { "\($0.sender) \($0.text)" })
        #expect(told == ["\(bob.address) 👨‍👩‍👧‍👦", "\(alice.address) ❤️"])
      }
      _ = try await bob.client.react("", to: message.messageID, in: room)
      try await alice.change(.reaction, of: message.messageID, "")
      #expect(try await alice.stored(message.messageID, in: room)?.reactions.map(\.text) == ["❤️"])
      // A reaction is no message: nothing to read, nothing in the history.
      #expect(try await alice.client.store.history(room: room).count == 1)
      #expect(try await alice.client.rooms().first?.unread == 0)
    }
  }

  @Test func theAuthorEditsAndRetractsAndNobodyElse() async throws {
    try await play { pair, room in
      let (alice, bob) = (pair.alice, pair.bob)
      let message = try await alice.client.send("the-first-words", to: room)
      try await bob.message("the-first-words")
      _ = try await alice.client.edit(message.messageID, in: room, to: "better words")
      try await bob.change(.edited, of: message.messageID, "better words")
      let atBob = try #require(try await bob.stored(message.messageID, in: room)).message
      #expect(atBob.text == "better words" && atBob.editedAt != nil && atBob.original == "the-first-words")

      await #expect(throws: ChatError.self) {
        _ = try await alice.client.edit(message.messageID, in: room, to: "better words")
      }

      await #expect(throws: ChatError.self) {
        _ = try await bob.client.edit(message.messageID, in: room, to: "bob's words")
      }
      await #expect(throws: ChatError.self) { _ = try await bob.client.retract(message.messageID, in: room) }
      await #expect(throws: ChatError.self) { _ = try await alice.client.retract("unknown", in: room) }

      // What a client that does not ask would send: encrypted as bob, about alice's message.
      let forged = MessageChange(
        .edited, room: room, messageID: message.messageID, sender: bob.address, text: "forged words", time: Date())
      try await bob.post(forged, in: room)
      try await alice.change(.edited, of: message.messageID, "forged words")
      let own = try await alice.client.store.history(room: room).filter { $0.message.sender == alice.address }
      #expect(own.map(\.message.text) == ["better words"])

      _ = try await alice.client.retract(message.messageID, in: room)
      try await bob.change(.retracted, of: message.messageID)
      for account in [alice, bob] {
        let history = try await account.client.store.history(room: room)
        let retracted = try #require(history.first { $0.message.sender == alice.address }).message
        #expect(retracted.isRetracted && retracted.text.isEmpty)
        for text in ["better words", "the-first-words"] { try await account.isGoneFromDisk(text) }
      }
    }
  }

  @Test func anUnencryptedChangeOfAnEncryptedMessageIsRefused() async throws {
    try await play { pair, room in
      let (alice, bob) = (pair.alice, pair.bob)
      let message = try await alice.client.send("stays", to: room)
      try await bob.message("stays")
      // Anyone who can put a plain message into the room could claim to be alice.
      let forged = MessageChange(
        .retracted, room: room, messageID: message.messageID, sender: alice.address, time: Date())
      try await alice.post(forged, in: room, mustBePlain: true)
      try await bob.event("security event", within: 60) { event in
        if case .security(_, _, let text) = event, text.contains("unencrypted change") { return true }
        return nil
      }
      #expect(try await bob.stored(message.messageID, in: room)?.message.text == "stays")
    }
  }

  @Test func aTextIsForwardedWithItsAuthor() async throws {
    try await play { pair, room in
      let message = try await pair.bob.client.send("the door code is 1234", to: room)
      try await pair.alice.message("the door code is 1234")
      let other = try await pair.alice.client.createRoom(
        named: "Other", members: [pair.bob.configuration.address]
      ).room.address
      let forwarded = try await pair.alice.client.forward(message.messageID, from: room, to: other)
      let atBob = try await pair.bob.event("forwarded message", within: 60) { event -> Message? in
        if case .message(let message) = event, message.room == other { return message }
        return nil
      }
      #expect(atBob.messageID == forwarded.messageID)
      #expect(atBob.text == "the door code is 1234" && atBob.forwardedFrom == pair.bob.address)
    }
  }

  @Test func anEphemeralMessageGoesFromBothEndsAndTheirDisksAfterReading() async throws {
    try await play { pair, room in
      let (alice, bob) = (pair.alice, pair.bob)
      let message = try await alice.client.send("burn-after-reading", to: room, MessageOptions(lifetime: 1))
      let atBob = try await bob.message("burn-after-reading")
      #expect(atBob.lifetime == 1 && atBob.expiresAt == nil)
      _ = try await alice.client.send("stays", to: room)
      try await bob.message("stays")
      try await alice.delivery(of: message.messageID, by: bob.address, within: 60)
      #expect(try await alice.stored(message.messageID, in: room)?.message.expiresAt == nil)
      #expect(try bob.isOnDisk("burn-after-reading"))

      try await bob.client.markRead(room)
      for account in [bob, alice] {
        try await account.change(.expired, of: message.messageID)
        #expect(try await account.client.store.history(room: room).map(\.message.text) == ["stays"])
        try await account.isGoneFromDisk("burn-after-reading")
      }
    }
  }

  @Test func aMessageThatIsNotReadGoesFromBothEnds() async throws {
    try await play { pair, room in
      let (alice, bob) = (pair.alice, pair.bob)
      let message = try await alice.client.send("letter-nobody-opened", to: room, MessageOptions(unreadLifetime: 2))
      let atBob = try await bob.message("letter-nobody-opened")
      #expect(atBob.unreadLifetime == 2 && atBob.lifetime == nil && atBob.expiresAt != nil)
      for account in [bob, alice] {
        try await account.change(.expired, of: message.messageID)
        #expect(try await account.client.store.history(room: room).isEmpty)
        try await account.isGoneFromDisk("letter-nobody-opened")
      }
      #expect(try await bob.client.store.room(at: room)?.unread == 0)
    }
  }

  @Test func whatExpiredWhileTheProgramWasOffIsGoneAfterTheStart() async throws {
    try await play { pair, room in
      let message = try await pair.bob.client.send("short-lived", to: room, MessageOptions(lifetime: 1))
      try await pair.alice.message("short-lived")
      try await pair.alice.client.markRead(room)
      try await pair.alice.restart {
        let deadline = Date().addingTimeInterval(1.5)
        while Date() < deadline { usleep(20_000) }
      }
      #expect(try await pair.alice.stored(message.messageID, in: room) == nil)
      try await pair.alice.isGoneFromDisk("short-lived")
    }
  }
}

extension ChatAccount {
  /// Sends a change as a client that checks nothing.
  fileprivate func post(_ change: MessageChange, in room: String, mustBePlain: Bool = false) async throws {
    let gruu = try #require(await client.ownDevice.gruu)
    let cpim = InnerMessage.change(
      change, id: MessageID.make(), from: gruu, to: try #require(SIPURI(room)))
    let entry = OutboxEntry(
      room: room, message: nil, content: cpim.serialized, messageID: cpim.messageID, isUrgent: true,
      mustBePlain: mustBePlain, attempts: 0, createdAt: Date())
    try await client.store.database.write { db in
      var entry = entry
      try entry.insert(db)
    }
    await client.outbox.wake()
  }
}
