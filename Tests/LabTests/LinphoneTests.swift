// LinphoneTests.swift: three real Linphone clients chat through the lab as they would through Flexisip
import Foundation
import TestSupport
import Testing

@testable import Lab

@Suite(.serialized, .timeLimit(.minutes(2)))
struct LinphoneTests {
  private func withClients(
    _ body: (_ alice: PeerProcess, _ bob: PeerProcess, _ carol: PeerProcess) async throws -> Void
  ) async throws {
    try await withClients(.chatroom) { clients, _ in try await body(clients[0], clients[1], clients[2]) }
  }

  private func withClients(
    _ kind: LabConfiguration.RoomAddresses, _ body: ([PeerProcess], Lab) async throws -> Void
  ) async throws {
    let change: (inout LabConfiguration) -> Void = {
      $0.hasKeyServer = true
      $0.roomAddresses = kind
    }
    try await withLab(change) { addresses, lab in
      let clients = try ["alice", "bob", "carol"].map { user in
        try LinphoneClient(
          user: user, domain: addresses.domain, proxy: addresses.sip, factory: addresses.factory,
          keyServer: addresses.keyServer?.absoluteString)
      }
      defer { for client in clients { client.process.stop() } }
      for client in clients { try await client.waitUntilReady() }
      try await body(clients.map(\.process), lab)
    }
  }

  private let others = "sip:bob@sip.example.org sip:carol@sip.example.org"

  @Test(arguments: ["create", "create-plain"])
  func aRoomCarriesTextBothWaysAndTellsWhatWasDelivered(_ create: String) async throws {
    try await withClients { alice, bob, carol in
      try alice.send("\(create) Team \(others)")
      let room = try await alice.nextEvent("joined")["room"] ?? ""
      try await bob.nextEvent("joined")
      try await carol.nextEvent("joined")
      let secured = create == "create" ? "1" : "0"
      try alice.send("send \(room) hello")
      for client in [bob, carol] { try await client.nextEvent("message", ["text": "hello", "secured": secured]) }
      try await alice.nextEvent("msg-state", ["text": "hello", "state": LinphoneClient.deliveredToUser])
      try bob.send("send r1 back")
      for client in [alice, carol] { try await client.nextEvent("message", ["text": "back", "secured": secured]) }
      try await bob.nextEvent("msg-state", ["text": "back", "state": LinphoneClient.deliveredToUser])
    }
  }

  /// Linphone 5.1 encrypts nothing in rooms named by conf-id, on Flexisip either.
  @Test func aPlainRoomNamedByConfIDOutlivesARestartOfTheConferenceServer() async throws {
    try await withClients(.confID) { clients, lab in
      let (alice, bob) = (clients[0], clients[1])
      try alice.send("create-plain Team \(others)")
      let room = try await alice.nextEvent("joined")["room"] ?? ""
      for client in clients.dropFirst() { try await client.nextEvent("joined") }
      try alice.send("send \(room) before")
      for client in clients.dropFirst() { try await client.nextEvent("message", ["text": "before"]) }
      try await alice.nextEvent("msg-state", ["text": "before", "state": LinphoneClient.deliveredToUser])
      await lab.restartConferenceServer()
      try bob.send("send r1 after")
      for client in [alice, clients[2]] {
        let message = try await client.nextEvent("message", ["text": "after"])
        #expect(message["room"] == (client === alice ? room : "r1"))
      }
      try await bob.nextEvent("msg-state", ["text": "after", "state": LinphoneClient.deliveredToUser])
    }
  }

  @Test func membersComeGoAndChange() async throws {
    try await withClients { alice, bob, carol in
      try alice.send("create Team \(others)")
      let room = try await alice.nextEvent("joined")["room"] ?? ""
      for client in [bob, carol] { try await client.nextEvent("joined") }
      try alice.send("subject \(room) Renamed")
      try await bob.nextEvent("subject", ["subject": "Renamed"])
      try alice.send("remove \(room) sip:carol@sip.example.org")
      try await bob.nextEvent("participant-removed", ["who": "sip:carol@sip.example.org"])
      try await carol.nextEvent("left")
      try alice.send("add \(room) sip:carol@sip.example.org")
      try await bob.nextEvent("participant-added", ["who": "sip:carol@sip.example.org"])
      try await carol.nextEvent("joined")
      try alice.send("leave \(room)")
      try await bob.nextEvent("participant-removed", ["who": "sip:alice@sip.example.org"])
      try await bob.nextEvent("admin", ["who": "sip:bob@sip.example.org", "is": "1"])
    }
  }

  @Test func aMemberWhoWasAwayGetsMessagesAndChanges() async throws {
    try await withClients { alice, bob, carol in
      try alice.send("create Team \(others)")
      let room = try await alice.nextEvent("joined")["room"] ?? ""
      for client in [bob, carol] { try await client.nextEvent("joined") }
      try bob.send("offline")
      try await bob.nextEvent("registration", ["state": LinphoneClient.registrationNone])
      for text in ["one", "two"] {
        try alice.send("send \(room) \(text)")
        try await carol.nextEvent("message", ["text": text])
      }
      try bob.send("online")
      for text in ["one", "two"] { try await bob.nextEvent("message", ["text": text, "secured": "1"]) }
      try await alice.nextEvent("msg-state", ["text": "two", "state": LinphoneClient.deliveredToUser])
    }
  }

  /// Linphone follows the rooms that it has at its start by one SUBSCRIBE to the factory.
  @Test func aClientThatStartsAgainGetsWhatHappenedInItsRoomsAndWhatHappensNext() async throws {
    try await withLab({ $0.hasKeyServer = true }) { addresses, lab in
      let clients = try ["alice", "bob"].map { user in
        try LinphoneClient(
          user: user, domain: addresses.domain, proxy: addresses.sip, factory: addresses.factory,
          keyServer: addresses.keyServer?.absoluteString)
      }
      defer { for client in clients { client.process.stop() } }
      for client in clients { try await client.waitUntilReady() }
      let (alice, bob) = (clients[0].process, clients[1].process)
      let isBefore53 = try await clients[0].version().lexicographicallyPrecedes([5, 3])
      for name in ["One", "Two", "Three"] {
        try alice.send("create \(name) sip:bob@sip.example.org")
        let own = try await alice.nextEvent("joined", within: 60)["room"] ?? ""
        let room = try await bob.nextEvent("joined", within: 60)["room"] ?? ""
        // From 5.3 on it tells nothing of devices that are there when it joins.
        if isBefore53 { try await alice.event("device-added", within: 60, ["room": own]) }
        // With a message in it the room is in Bob's database.
        try bob.send("send \(room) in \(name)")
        try await alice.nextEvent("message", within: 60, ["text": "in \(name)"])
        try await bob.nextEvent(
          "msg-state", within: 60, ["text": "in \(name)", "state": LinphoneClient.deliveredToUser])
      }
      bob.stop()
      try alice.send("subject r1 First")
      try await alice.nextEvent("subject", within: 60, ["subject": "First"])
      try alice.send("send r2 while you were away")

      let back = try clients[1].restarted().process
      defer { back.stop() }
      for await event in lab.events where event.text.contains("subscribes to 3 room(s)") { break }
      try await Self.room("First", appearsAt: back)
      try await back.event("message", within: 60, ["text": "while you were away", "secured": "1"])
      try alice.send("subject r3 Last")
      try await Self.room("Last", appearsAt: back)
      // All three go through the one dialog.
      try alice.send("subject r2 Second")
      try await Self.room("Second", appearsAt: back)
    }
  }

  private static func room(_ subject: String, appearsAt client: PeerProcess) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < deadline {
      let count = client.output.count
      try client.send("rooms")
      try await client.nextEvent("rooms-end", within: 60)
      let isThere = client.output[count...].contains {
        $0.contains(#""event":"room""#) && $0.contains(#""subject":"\#(subject)""#)
      }
      if isThere { return }
      try await Task.sleep(for: .milliseconds(100))
    }
    throw TestFailure("no room \(subject) within 60 s: \(client.output.suffix(20))")
  }

  /// liblinphone 5.1 names no participant for such an acknowledgement.
  @Test func anAccountsSecondDeviceAcknowledgesWhatTheFirstSent() async throws {
    try await withLab({ $0.hasKeyServer = true }) { addresses, _ in
      let clients = try ["alice", "alice", "bob"].map { user in
        try LinphoneClient(
          user: user, domain: addresses.domain, proxy: addresses.sip, factory: addresses.factory,
          keyServer: addresses.keyServer?.absoluteString)
      }
      defer { for client in clients { client.process.stop() } }
      for client in clients { try await client.waitUntilReady() }
      let (first, second) = (clients[0].process, clients[1].process)
      try first.send("create Team sip:bob@sip.example.org")
      let room = try await first.nextEvent("joined")["room"] ?? ""
      for client in clients.dropFirst() { try await client.process.nextEvent("joined") }
      // Then nobody else acknowledges.
      clients[2].process.stop()
      try first.send("send \(room) hello")
      try await second.nextEvent("message", ["text": "hello", "secured": "1"])
      try await first.nextEvent("imdn")
      try first.send("rooms")
      try await first.nextEvent("rooms-end")
    }
  }

  @Test func aRoomsLifetimeIsItsMembersLifetime() async throws {
    try await withClients { alice, bob, carol in
      try alice.send("create-ephemeral Hourly \(others)")
      try await alice.nextEvent("joined")
      let room = try await bob.nextEvent("joined")["room"] ?? ""
      try await carol.nextEvent("joined")
      try bob.send("send \(room) gone in an hour")
      for client in [alice, carol] {
        let message = try await client.nextEvent("message", ["text": "gone in an hour"])
        #expect(message["lifetime"] == "3600", "\(message)")
      }
    }
  }

  @Test func aOneToOneRoomIsEncryptedAndHasBothMembers() async throws {
    try await withClients { alice, bob, _ in
      try alice.send("create-1to1 dummy sip:bob@sip.example.org")
      try await alice.nextEvent("joined")
      try await bob.nextEvent("joined")
      try bob.send("send r1 only you")
      try await alice.nextEvent("message", ["text": "only you", "secured": "1"])
    }
  }
}
