// LinphoneTests.swift: three real Linphone clients chat through the lab as they would through Flexisip
import Foundation
import Testing

@testable import Lab

@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: LinphonePeer.executable != nil))
struct LinphoneTests {
  private func withClients(
    _ body: (_ alice: LinphoneClient, _ bob: LinphoneClient, _ carol: LinphoneClient) async throws -> Void
  ) async throws {
    let executable = try #require(LinphonePeer.executable)
    try await withLab({ $0.hasKeyServer = true }) { addresses, _ in
      let clients = try ["alice", "bob", "carol"].map { try LinphoneClient(executable, user: $0, lab: addresses) }
      defer { for client in clients { client.quit() } }
      for client in clients { try await client.event("registration", ["state": "2"]) }
      try await body(clients[0], clients[1], clients[2])
    }
  }

  private let others = "sip:bob@sip.example.org sip:carol@sip.example.org"

  @Test(arguments: ["create", "create-plain"])
  func aRoomCarriesTextBothWaysAndTellsWhatWasDelivered(_ create: String) async throws {
    try await withClients { alice, bob, carol in
      try alice.command("\(create) Team \(others)")
      let room = try await alice.event("joined")["room"] ?? ""
      try await bob.event("joined")
      try await carol.event("joined")
      let secured = create == "create" ? "1" : "0"
      try alice.command("send \(room) hello")
      for client in [bob, carol] { try await client.event("message", ["text": "hello", "secured": secured]) }
      try await alice.event("msg-state", ["text": "hello", "state": "6"])
      try bob.command("send r1 back")
      for client in [alice, carol] { try await client.event("message", ["text": "back", "secured": secured]) }
      try await bob.event("msg-state", ["text": "back", "state": "6"])
    }
  }

  @Test func membersComeGoAndChange() async throws {
    try await withClients { alice, bob, carol in
      try alice.command("create Team \(others)")
      let room = try await alice.event("joined")["room"] ?? ""
      for client in [bob, carol] { try await client.event("joined") }
      try alice.command("subject \(room) Renamed")
      try await bob.event("subject", ["subject": "Renamed"])
      try alice.command("remove \(room) sip:carol@sip.example.org")
      try await bob.event("participant-removed", ["who": "sip:carol@sip.example.org"])
      try await carol.event("left")
      try alice.command("add \(room) sip:carol@sip.example.org")
      try await bob.event("participant-added", ["who": "sip:carol@sip.example.org"])
      try await carol.event("joined")
      try alice.command("leave \(room)")
      try await bob.event("participant-removed", ["who": "sip:alice@sip.example.org"])
      try await bob.event("admin", ["who": "sip:bob@sip.example.org", "is": "1"])
    }
  }

  @Test func aMemberWhoWasAwayGetsMessagesAndChanges() async throws {
    try await withClients { alice, bob, carol in
      try alice.command("create Team \(others)")
      let room = try await alice.event("joined")["room"] ?? ""
      for client in [bob, carol] { try await client.event("joined") }
      try bob.command("offline")
      try await bob.event("registration", ["state": "0"])
      for text in ["one", "two"] {
        try alice.command("send \(room) \(text)")
        try await carol.event("message", ["text": text])
      }
      try bob.command("online")
      for text in ["one", "two"] { try await bob.event("message", ["text": text, "secured": "1"]) }
      try await alice.event("msg-state", ["text": "two", "state": "6"])
    }
  }

  @Test func aOneToOneRoomIsEncryptedAndHasBothMembers() async throws {
    try await withClients { alice, bob, _ in
      try alice.command("create-1to1 dummy sip:bob@sip.example.org")
      try await alice.event("joined")
      try await bob.event("joined")
      try bob.command("send r1 only you")
      try await alice.event("message", ["text": "only you", "secured": "1"])
    }
  }
}
