// SessionRepairTests.swift: what happens when a device cannot decrypt: a visible line, a notice, and a new session.
import ChatCore
import Foundation
import GRDB
import Lab
import MessageFormats
import TestSupport
import Testing

@Suite(.serialized) struct SessionRepair {
  @Test func anUnreadableMessageIsShownAndTheNextOneStartsANewSession() async throws {
    let lab = Lab(.example)
    let addresses = try await lab.start()
    func account(_ user: String) throws -> ChatAccount {
      try ChatAccount(
        user: user, domain: addresses.domain, proxy: #require(SIPURI(addresses.sip)),
        factory: #require(SIPURI(addresses.factory)), keyServer: addresses.keyServer)
    }
    let (alice, bob) = (try account("alice"), try account("bob"))
    try await alice.start()
    try await bob.start()
    let room = try await alice.client.createRoom(
      named: "Repair", members: [SIPURI(user: "bob", host: addresses.domain)])
    let bobRoom = try await bob.room(named: "Repair")
    _ = try await alice.client.send("before", to: room.room.address)
    try await bob.message("before")
    // Bob answers, so that alice's next message no longer carries the X3DH init block.
    _ = try await bob.client.send("answer", to: bobRoom.room.address)
    try await alice.message("answer")

    try await bob.client.store.database.write { try $0.execute(sql: "DELETE FROM lime_session") }
    let lost = try await alice.client.send("lost", to: room.room.address)
    let atBob = try await bob.event("undecryptable message") { event -> Message? in
      if case .message(let message) = event, message.state == .undecryptable { return message }
      return nil
    }
    #expect(atBob.messageID == lost.messageID)
    #expect(atBob.sender == alice.address)
    #expect(atBob.failure?.isEmpty == false)
    // The notice is not encrypted, as the session is what is broken: it says nothing of the message that can be believed.
    #expect(try await alice.securityEvent(about: bob.client.device).contains("could not decrypt"))
    let deliveries = try await alice.client.store.message(room: lost.room, messageID: lost.messageID)?.deliveries
    #expect(deliveries?.map(\.state) == [.pending])
    // It stays in the history, as what was said.
    let device = try #require(await bob.client.device)
    let claim = "\(device) says, without proof, that it could not decrypt it"
    #expect(deliveries?.map(\.reason) == [claim])

    let after = try await alice.client.send("after", to: room.room.address)
    #expect(try await bob.message("after").isEncrypted)
    try await alice.delivery(of: after.messageID, by: bob.address)
    await alice.stop()
    await bob.stop()
    await lab.stop()
  }
}
