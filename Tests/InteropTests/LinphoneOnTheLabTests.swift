// LinphoneOnTheLabTests.swift: limeade and Debian's Linphone client in the same rooms, all on the lab.
import ChatCore
import Foundation
import Lab
import MessageFormats
import TestSupport
import Testing

/// Two limeade accounts and a Linphone client, registered at a lab.
private struct Scene {
  let lab: Lab
  let alice: ChatAccount
  let bob: ChatAccount
  let carol: LinphoneClient
  let domain = "sip.example.org"

  init() async throws {
    lab = Lab(.example)
    let addresses = try await lab.start()
    func account(_ user: String) throws -> ChatAccount {
      try ChatAccount(
        user: user, domain: "sip.example.org", proxy: #require(SIPURI(addresses.sip)),
        factory: #require(SIPURI(addresses.factory)), keyServer: addresses.keyServer)
    }
    alice = try account("alice")
    bob = try account("bob")
    carol = try LinphoneClient(
      user: "carol", domain: domain, proxy: addresses.sip, factory: addresses.factory,
      keyServer: addresses.keyServer?.absoluteString)
    try await alice.start()
    try await bob.start()
    try await carol.waitUntilReady()
  }

  func end() async {
    carol.process.stop()
    await alice.stop()
    await bob.stop()
    await lab.stop()
  }

  func address(_ user: String) -> SIPURI { SIPURI(user: user, host: domain) }
}

@Suite(.serialized) struct LinphoneOnTheLab {
  @Test func textsOfAllThreeAreReadEncryptedByBothOthersAndAcknowledged() async throws {
    let scene = try await Scene()
    let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol)
    let room = try await alice.client.createRoom(
      named: "Team", members: [scene.address("bob"), scene.address("carol")])
    #expect(room.room.isEncrypted)
    #expect(Set(room.participants.map(\.address)) == Set(["alice", "bob", "carol"].map { "sip:\($0)@\(scene.domain)" }))
    let bobRoom = try await bob.room(named: "Team")
    let carolRoom = try #require(try await carol.process.event("joined")["room"])

    // carol (Linphone) -> both limeade.
    try carol.process.send("send \(carolRoom) from carol")
    #expect(try await alice.message("from carol").isEncrypted)
    #expect(try await bob.message("from carol").isEncrypted)
    let sent = try await carol.process.event("sent", ["text": "from carol"])
    try await carol.process.event(
      "msg-state", ["id": try #require(sent["id"]), "state": LinphoneClient.deliveredToUser])

    // alice (limeade) -> bob (limeade), carol (Linphone)
    let fromAlice = try await alice.client.send("from alice, 日本語 👍", to: room.room.address)
    let atBob = try await bob.message("from alice, 日本語 👍")
    #expect(atBob.isEncrypted)
    #expect(atBob.sender == alice.address)
    try await carol.process.event("message", ["text": "from alice, 日本語 👍", "secured": "1"])
    try await alice.delivery(of: fromAlice.messageID, by: bob.address)
    try await alice.delivery(of: fromAlice.messageID, by: "sip:carol@\(scene.domain)")

    // bob (limeade) -> alice, carol
    let fromBob = try await bob.client.send("from bob", to: bobRoom.room.address)
    #expect(try await alice.message("from bob").isEncrypted)
    try await carol.process.event("message", ["text": "from bob", "secured": "1"])
    try await bob.delivery(of: fromBob.messageID, by: alice.address)
    try await bob.delivery(of: fromBob.messageID, by: "sip:carol@\(scene.domain)")
    await scene.end()
  }

  @Test func linphoneCreatesARoomAndLimeadeIsInvitedIntoIt() async throws {
    let scene = try await Scene()
    let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol)
    try carol.process.send("create Second sip:alice@\(scene.domain) sip:bob@\(scene.domain)")
    let room = try await alice.room(named: "Second")
    #expect(room.room.isEncrypted)
    _ = try await bob.room(named: "Second")
    let carolRoom = try #require(try await carol.process.event("joined")["room"])

    let hello = try await alice.client.send("hello carol", to: room.room.address)
    try await carol.process.event("message", ["text": "hello carol", "secured": "1"])
    try await alice.delivery(of: hello.messageID, by: "sip:carol@\(scene.domain)")
    try carol.process.send("send \(carolRoom) hello all")
    #expect(try await alice.message("hello all").isEncrypted)
    #expect(try await bob.message("hello all").isEncrypted)
    await scene.end()
  }
}
