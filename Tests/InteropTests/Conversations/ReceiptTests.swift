// ReceiptTests.swift: what others are told of reading and writing, when the user does not want them to know.
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite(.serialized) struct Receipts {
  private func texts(_ account: ChatAccount, of messageID: String) -> [Delivery.State] {
    account.events.compactMap { event in
      if case .delivery(_, messageID, _, let state, _, _) = event { state } else { nil }
    }
  }

  /// A round trip after which whatever was to come before it is here.
  private func settle(_ pair: ChatPair, in room: String, _ text: String) async throws {
    _ = try await pair.bob.client.send(text, to: room)
    try await pair.alice.message(text)
  }

  @Test(arguments: ReceiptPolicy.allCases, [false, true])
  func onlyTheReceiptsThatAreWantedLeave(policy: ReceiptPolicy, isRooms: Bool) async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      let (alice, bob) = (pair.alice, pair.bob)
      if isRooms {
        _ = try await bob.client.store.setNotices(of: room) { $0.receipts = policy }
      } else {
        try await bob.restart(configure: { $0.receipts = policy })
      }
      let sent = try await alice.client.send("read me", to: room)
      try await bob.message("read me")
      try await bob.client.markRead(room)
      #expect(try await bob.client.store.room(at: room)?.unread == 0)
      // What can be had is waited for; what must not come has had the time by then.
      switch policy {
      case .all: try await alice.delivery(of: sent.messageID, by: bob.address, state: .displayed)
      case .delivered: try await alice.delivery(of: sent.messageID, by: bob.address)
      case .none: break
      }
      try await settle(pair, in: room, "done")
      await bob.client.flushOutbox()
      try await settle(pair, in: room, "done again")
      let told = Set(texts(alice, of: sent.messageID))
      #expect(!told.contains(.displayed) || policy == .all)
      #expect(told.isEmpty == (policy == .none))
      // The switch is the account's own: what alice sends is asked for as before.
      #expect(try await bob.client.store.message(room: room, messageID: sent.messageID)?.message.isRead == true)
    }
  }

  @Test(arguments: [false, true])
  func nobodySeesThatOneIsWritingWhenThatIsOff(isRooms: Bool) async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      let (alice, bob) = (pair.alice, pair.bob)
      func isWriting() -> Bool { alice.events.contains { if case .composing = $0 { true } else { false } } }
      if isRooms {
        _ = try await bob.client.store.setNotices(of: room) { $0.typing = false }
      } else {
        try await bob.restart(configure: { $0.typing = false })
      }
      await bob.client.sendComposing(true, to: room)
      try await settle(pair, in: room, "done")
      #expect(!isWriting())
      _ = try await bob.client.store.setNotices(of: room) { $0.typing = true }
      await bob.client.sendComposing(true, to: room)
      try await alice.event("writing") { event -> Bool? in if case .composing = event { true } else { nil } }
    }
  }

  /// A message that cannot be decrypted is no receipt: without the notice its sender would never start a new session.
  @Test func whatAsksForANewSessionIsAlwaysSaid() {
    #expect(ReceiptPolicy.none.allows(.failed(.notAcceptable)))
    #expect(!ReceiptPolicy.none.allows(.delivered) && !ReceiptPolicy.none.allows(.displayed))
    #expect(ReceiptPolicy.delivered.allows(.delivered) && !ReceiptPolicy.delivered.allows(.displayed))
  }

  @Test func aRoomsSettingIsMadeShownAndTakenAwayByCommands() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let alice = try await lab.listener("alice")
    defer { alice.stop() }
    let bob = try await lab.listener("bob", "--mark-read")
    defer { bob.stop() }
    #expect(
      try await lab.run(as: "alice", "send", "sip:bob@sip.example.org", "one", "--wait", "displayed").exitCode == 0)
    // Beside the program that holds the account.
    let set = try await lab.run(as: "bob", "room", "set", "sip:alice@", "--receipts", "delivered", "--typing", "off")
    #expect(set.output.hasPrefix("receipts   delivered, for this room\ntyping     off, for this room\n"), "\(set.errors)")
    let run = try await lab.run(
      as: "alice", "send", "sip:bob@sip.example.org", "two", "--wait", "displayed", "--timeout", "3")
    #expect(run.exitCode == 75 && run.lines.contains("delivered sip:bob@sip.example.org"), "\(run.output)")
    let shown = try await lab.run(as: "bob", "room", "show", "sip:alice@", "--json").events.first
    #expect(shown?["receipts"] == "delivered" && shown?["typing"] == "false")
    let wrong = try await lab.run(as: "bob", "room", "set", "sip:alice@", "--receipts", "some")
    #expect(wrong.exitCode == 64)
    #expect(try await lab.run(as: "bob", "room", "set", "sip:alice@", "--receipts", "account").exitCode == 0)
    #expect(
      try await lab.run(as: "alice", "send", "sip:bob@sip.example.org", "three", "--wait", "displayed").exitCode == 0)
  }
}
