// TrustTests.swift: comparing, trusting and flagging devices, and an identity key that changes.
import Foundation
import GRDB
import Lime
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

extension ChatClient {
  /// Keeps what is written to a room in the outbox.
  fileprivate func hold(_ room: String) { outbox.block(room, until: .distantFuture) }

  fileprivate func release(_ room: String) {
    outbox.unblock(room)
    outbox.wake()
  }
}

@Suite(.serialized) struct Trust {
  @Test func bothEndsShowTheSameCodeAndTrustRaisesTheRoomsLevel() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    let room = try await pair.room()
    try await pair.talk(in: room)

    let atAlice = try await alice.client.store.verification(of: bob.configuration.address, curve: .c25519)
    let atBob = try await bob.client.store.verification(of: alice.configuration.address, curve: .c25519)
    let code = try #require(atAlice.devices.first?.code)
    #expect(atAlice.devices.count == 1)
    #expect(atBob.devices.map(\.code) == [code])
    #expect(atAlice.ownFingerprint == atBob.devices.first?.trust.fingerprint)
    #expect(atBob.ownFingerprint == atAlice.devices.first?.trust.fingerprint)
    #expect(code.split(separator: " ").map(\.count) == Array(repeating: 5, count: 8))

    #expect(try await alice.client.store.trust(room: room, curve: .c25519).level == .encrypted)
    let part = String(try #require(atAlice.devices.first).trust.device.suffix(12))
    #expect(try await alice.client.store.trust(device: part, curve: .c25519).status == .trusted)
    #expect(try await alice.client.store.trust(room: room, curve: .c25519).level == .trusted)
    #expect(try await bob.client.store.trust(room: room, curve: .c25519).level == .encrypted)

    let sent = try await alice.client.send("verified", to: room)
    _ = try await alice.outcome(of: sent)
    #expect(try await alice.client.store.message(room: room, messageID: sent.messageID)?.message.trust == "trusted")
    _ = try await bob.client.send("verified too", to: room)
    #expect(try await alice.message("verified too").trust == "trusted")
    #expect(try await bob.message("verified").trust == "untrusted")
    await pair.end()
  }

  @Test func aMessageThatRequiresTrustLeavesOnlyWhenEveryDeviceIsTrusted() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    let room = try await pair.room()
    let refusal = await #expect(throws: ChatError.self) {
      try await alice.client.send("secret", to: room, MessageOptions(requireTrust: true))
    }
    #expect(refusal?.exitCode == 10)
    #expect(try await alice.client.store.history(room: room).isEmpty)
    // The refusal fetched the keys, so that they can be compared before anything was sent.
    let verification = try await alice.client.store.verification(of: bob.configuration.address, curve: .c25519)
    #expect(verification.devices.first?.code != nil)
    _ = try await alice.client.store.trust(device: "sip:bob@", curve: .c25519)
    _ = try await alice.client.send("after comparing", to: room, MessageOptions(requireTrust: true))
    try await bob.message("after comparing")
    #expect(try await bob.client.store.history(room: room).map(\.message.text) == ["after comparing"])
    await pair.end()
  }

  @Test func aDeviceThatStopsBeingTrustedBeforeTheSendingGetsNothing() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    let room = try await pair.room()
    try await pair.talk(in: room)
    let store = alice.client.store
    _ = try await store.trust(device: "sip:bob@", curve: .c25519)
    // The first look finds it trusted, the outbox is processed when it is not any longer.
    let lime = LimeAccount(device: DeviceID(try #require(await alice.client.device)), curve: .c25519)
    let bobsDevice = DeviceID(try #require(await bob.client.device))
    await alice.client.hold(room)
    let sent = try await alice.client.send("too late", to: room, MessageOptions(requireTrust: true))
    try await store.database.write { try lime.setStatus($0, of: bobsDevice, to: .untrusted) }
    await alice.client.release(room)
    let end = try await alice.outcome(of: sent)
    #expect(end.state == .failed)
    #expect(end.failure?.contains("not every device") == true)
    try await pair.talk(in: room, " again")
    #expect(try await bob.client.store.message(room: room, messageID: sent.messageID) == nil)
    await pair.end()
  }

  /// The CPIM From is inside what LIME encrypts: a member of the room could write another member's name there.
  @Test func anInnerFromOfSomebodyElseIsNeverShownAsTheAuthor() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    let room = try await pair.room()
    try await pair.talk(in: room)
    let author = try #require(await alice.client.device)
    for forged in ["sip:carol@sip.example.org;gr=urn:uuid:\(UUID().uuidString)", "sip:alice@sip.example.org"] {
      await alice.client.hold(room)
      let sent = try await alice.client.send("as \(forged)", to: room)
      try await alice.client.store.database.write { db in
        let found = try OutboxEntry.fetchOne(
          db, sql: "SELECT * FROM outbox WHERE messageID = ?", arguments: [sent.messageID])
        var entry = try #require(found)
        let text = String(decoding: entry.content, as: UTF8.self)
        #expect(text.contains("From: <\(author)>"))
        entry.content = Data(text.replacing("From: <\(author)>", with: "From: <\(forged)>").utf8)
        try entry.update(db)
      }
      await alice.client.release(room)
      let shown = try await bob.event("what cannot be read") { event -> Message? in
        if case .message(let message) = event, message.messageID == sent.messageID { message } else { nil }
      }
      #expect(shown.state == .undecryptable && shown.text.isEmpty)
      #expect(shown.failure?.contains("not the device that encrypted it") == true)
      #expect(shown.senderDevice == author)
    }
    await pair.end()
  }

  @Test func nothingIsSentToARoomWithAFlaggedDevice() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    let room = try await pair.room()
    try await pair.talk(in: room)
    _ = try await alice.client.store.distrust(device: "sip:bob@", curve: .c25519)
    #expect(try await alice.client.store.trust(room: room, curve: .c25519).level == .unsafe)
    let refused = try await alice.outcome(of: try await alice.client.send("refused", to: room))
    #expect(refused.state == .failed)
    #expect(refused.failure?.contains("flagged as unsafe") == true)
    _ = try await bob.client.send("still read, and marked", to: room)
    #expect(try await alice.message("still read, and marked").trust == "unsafe")
    _ = try await alice.client.store.trust(device: "sip:bob@", curve: .c25519)
    _ = try await alice.client.send("accepted", to: room)
    try await bob.message("accepted")
    #expect(try await bob.client.store.message(room: room, messageID: refused.messageID) == nil)
    await pair.end()
  }

  @Test func anUnknownOrAmbiguousDeviceIsExplained() async throws {
    let pair = try await ChatPair()
    let room = try await pair.room()
    try await pair.talk(in: room)
    let store = pair.alice.client.store
    await #expect(throws: ChatError.self) { try await store.trust(device: "nobody", curve: .c25519) }
    await #expect(throws: ChatError.self) { try await store.trust(device: "", curve: .c25519) }
    await #expect(throws: ChatError.self) {
      try await store.verification(of: SIPURI(user: "nobody", host: "sip.example.org"), curve: .c25519)
    }
    await pair.end()
  }
}
