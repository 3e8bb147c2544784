// ThreeClientsTests.swift: two terminal UIs and Debian's Linphone client in one encrypted room
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct ThreeClients {
  @Test func twoScreensAndLinphoneTalkInOneRoom() async throws {
    let lab = try await LabProgram()
    let carol = try LinphoneClient(
      user: "carol", domain: "sip.example.org", proxy: lab.proxy, factory: lab.factory, keyServer: lab.keyServer)
    try await carol.waitUntilReady()
    let alice = try await TmuxScreen(environment: lab.environment)
    let bob = try await TmuxScreen(environment: lab.environment)
    for (screen, name) in [(alice, "alice"), (bob, "bob")] {
      try await screen.enter(Stage.line(lab, name, ["chat"]))
      try await screen.line(with: "\(name)@sip.example.org registered", within: 60)
    }
    try await alice.enter("/create Trio bob carol")
    let room = try #require(try await carol.process.event("joined")["room"])
    for screen in [alice, bob] { try await screen.line(with: "Trio", "E2EE", "alice*, bob, carol", within: 60) }

    try await alice.enter("from alice, 日本語")
    try await bob.line(with: "alice      ◇ from alice, 日本語", within: 60)
    try await carol.process.event("message", ["text": "from alice, 日本語", "secured": "1"])

    try carol.process.send("send \(room) from carol")
    for screen in [alice, bob] { try await screen.line(with: "carol      ◇ from carol", within: 60) }

    try await bob.type("from b")
    try await alice.line(with: "bob is typing", within: 60)
    try await bob.enter("ob")
    try await alice.line(with: "bob        ◇ from bob", within: 60)
    try await carol.process.event("message", ["text": "from bob", "secured": "1"])

    // Bob looks at it, carol is told to: then all have read it.
    try carol.process.send("read \(room)")
    try await alice.line(with: "✓✓ from alice, 日本語", within: 60)
    try await bob.line(with: "✓✓ from bob", within: 60)
    carol.process.stop()
    lab.stop()
  }
}
