// ConversationTests.swift: limeade and Debian's Linphone client in the same rooms, on the lab and on servers of others.
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct Conversation {
  @Test(arguments: ServiceKind.all)
  func textsOfAllThreeAreReadEncryptedByBothOthersAndAcknowledged(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (room, _, atCarol) = try await scene.room(named: "Team")
      try await converse(scene, room: room.room.address, atCarol: atCarol, encrypted: true)
    }
  }

  /// Else the conversation over TLS would not show that Linphone accepts the lab's certificate.
  @Test func linphoneRefusesTheLabsCertificateWithoutItsAuthority() async throws {
    let service = try await ChatService(.labOverTLS)
    let authority = try await TestAuthority()
    let carol = try LinphoneClient(
      user: "carol", domain: ChatService.domain, proxy: service.proxy, factory: service.factory, keyServer: nil,
      caFile: authority.certificate.path)
    try await carol.process.event("registration", within: 60, ["state": LinphoneClient.registrationFailed])
    carol.process.stop()
    await service.stop()
  }

  @Test(arguments: ServiceKind.usual)
  func anUnencryptedRoomCarriesTheSameConversationAndSaysSo(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (room, _, atCarol) = try await scene.room(named: "Open", encrypted: false)
      try await converse(scene, room: room.room.address, atCarol: atCarol, encrypted: false)
    }
  }

  @Test(arguments: ServiceKind.all)
  func linphoneCreatesARoomAndLimeadeIsInvitedIntoIt(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol)
      try carol.process.send("create Second \(scene.aor("alice")) \(scene.aor("bob"))")
      let room = try await alice.room(named: "Second")
      #expect(room.room.isEncrypted)
      try await scene.passOverUnreadable(room)
      _ = try await bob.room(named: "Second")
      let atCarol = try #require(try await carol.process.event("joined")["room"])
      try await alice.members(of: room.room.address, are: ["alice", "bob", "carol"].map(scene.aor))

      let hello = try await alice.client.send("hello carol", to: room.room.address)
      try await carol.process.event("message", ["text": "hello carol", "secured": "1"])
      try await alice.delivery(of: hello.messageID, by: scene.aor("carol"))
      try carol.process.send("send \(atCarol) hello all")
      #expect(try await alice.message("hello all").isEncrypted)
      #expect(try await bob.message("hello all").isEncrypted)
    }
  }

  private func converse(_ scene: Scene, room: String, atCarol: String, encrypted: Bool) async throws {
    let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol)
    let secured = encrypted ? "1" : "0"

    // carol (Linphone) -> both limeade
    try carol.process.send("send \(atCarol) from carol")
    #expect(try await alice.message("from carol").isEncrypted == encrypted)
    #expect(try await bob.message("from carol").isEncrypted == encrypted)
    let sent = try await carol.process.event("sent", ["text": "from carol"])
    try await carol.process.event(
      "msg-state", ["id": try #require(sent["id"]), "state": LinphoneClient.deliveredToUser])

    // alice (limeade) -> bob (limeade), carol (Linphone)
    let fromAlice = try await alice.client.send("from alice, 日本語 👍", to: room)
    let atBob = try await bob.message("from alice, 日本語 👍")
    #expect(atBob.isEncrypted == encrypted)
    #expect(atBob.sender == alice.address)
    try await carol.process.event("message", ["text": "from alice, 日本語 👍", "secured": secured])
    try await alice.delivery(of: fromAlice.messageID, by: bob.address)
    try await alice.delivery(of: fromAlice.messageID, by: scene.aor("carol"))

    // bob (limeade) -> alice, carol
    let fromBob = try await bob.client.send("from bob", to: room)
    #expect(try await alice.message("from bob").isEncrypted == encrypted)
    try await carol.process.event("message", ["text": "from bob", "secured": secured])
    try await bob.delivery(of: fromBob.messageID, by: alice.address)
    try await bob.delivery(of: fromBob.messageID, by: scene.aor("carol"))

    // What was read on one side is told to the other.
    try await alice.client.markRead(room)
    try await carol.process.event("imdn", ["id": try #require(sent["id"]), "from": alice.address, "state": "7"])
    try carol.process.send("read \(atCarol)")
    try await alice.delivery(of: fromAlice.messageID, by: scene.aor("carol"), state: .displayed)
  }
}
