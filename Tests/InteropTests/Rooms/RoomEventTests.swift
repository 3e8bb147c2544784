// RoomEventTests.swift: who came, went and changed a room is told truly, kept and shown by history
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct RoomEvents {
  /// What happened in a room by an account's database, once `last` is among it.
  private static func words(_ account: ChatAccount, _ room: String, until last: String) async throws -> [String] {
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      let words = try await account.client.store.roomEvents(room: room).map { event in
        event.words { String($0.dropFirst("sip:".count).prefix { $0 != "@" }) }
      }
      if words.contains(last) { return words }
      guard ContinuousClock.now < deadline else { throw TestFailure("no '\(last)' in \(words)") }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test(arguments: ServiceKind.usual)
  func whatLinphoneDoesInARoomIsToldOfAndStaysAfterARestart(on kind: ServiceKind) async throws {
    try await Scene.play(kind) { scene in
      let (alice, bob, carol) = (scene.alice, scene.bob, scene.carol.process)
      try carol.send("create Theirs \(alice.address) \(bob.address)")
      let room = try await alice.room(named: "Theirs", within: 60).room.address
      try await bob.room(named: "Theirs", within: 60)
      let atCarol = try #require(try await carol.nextEvent("joined", within: 60)["room"])
      _ = try await Self.words(alice, room, until: "carol made this room and added you, alice")
      #expect(try await alice.client.store.summary(ofRoom: room)?.isNew == true)
      try await alice.client.markRead(room)
      #expect(try await alice.client.store.summary(ofRoom: room)?.isNew == false)

      try carol.send("subject \(atCarol) Renamed")
      _ = try await Self.words(bob, room, until: "carol renamed this room: Renamed")
      try await bob.members(of: room, are: ["alice", "bob", "carol"].map(scene.aor), within: 60)
      try carol.send("remove \(atCarol) \(bob.address)")
      try await bob.roomState(of: room, is: .left, within: 60)
      let atBob = try await Self.words(bob, room, until: "you were removed by carol")
      #expect(!atBob.contains { $0.contains("left") })
      // The server tells the others that bob is gone, and not how.
      _ = try await Self.words(alice, room, until: "bob is no longer in this room")
      try await carol.nextEvent("participant-removed", within: 60, ["who": bob.address])
      try carol.send("add \(atCarol) \(bob.address)")
      try await bob.roomState(of: room, is: .active, within: 60)
      _ = try await Self.words(bob, room, until: "carol added you, bob")
      _ = try await Self.words(alice, room, until: "carol added bob")
      try carol.send("admin \(atCarol) \(alice.address)")
      let before = try await Self.words(alice, room, until: "carol made you an administrator")
      #expect(
        before == [
          "carol made this room and added you, alice", "carol renamed this room: Renamed",
          "bob is no longer in this room", "carol added bob", "carol made you an administrator",
        ])
      try await alice.restart()
      #expect(try await Self.words(alice, room, until: before[4]) == before)
      try await alice.client.remove(scene.address("bob"), from: room)
      _ = try await Self.words(alice, room, until: "you removed bob")
      try await alice.client.leave(room)
      _ = try await Self.words(alice, room, until: "you left")
    }
  }

  @Test func historyHasThemInTextAndJSONWithTheirPlaceAndASearchHasNot() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let (bob, carol) = (try await lab.listener("bob"), try await lab.listener("carol"))
    func run(_ arguments: String...) async throws -> CommandRun { try await lab.run(as: "alice", arguments) }
    let made = try await run("room", "create", "Ops", "bob", "--json")
    let room = try #require(made.events.first?["room"])
    try await bob.event(
      "roomEvent",
      [
        "room": room, "kind": "made", "by": "sip:alice@sip.example.org", "address": "sip:bob@sip.example.org",
      ])
    #expect(try await run("send", "Ops", "first word", "--wait", "delivered").exitCode == 0)
    #expect(try await run("room", "invite", "Ops", "carol").exitCode == 0)
    try await carol.event("roomEvent", ["room": room, "kind": "made", "by": "sip:alice@sip.example.org"])
    #expect(try await run("room", "rename", "Ops", "Operations").exitCode == 0)
    #expect(try await run("room", "remove", "Operations", "carol").exitCode == 0)
    try await carol.event("roomEvent", ["room": room, "kind": "removed", "by": "sip:alice@sip.example.org"])
    #expect(try await run("send", "Operations", "second word", "--wait", "delivered").exitCode == 0)
    let lines = try await run("history", "Operations").lines
    func place(_ part: String) throws -> Int { try #require(lines.firstIndex { $0.contains(part) }, "\(lines)") }
    #expect(try place("-- you made this room") < place("first word"))
    #expect(try place("-- you added sip:carol@sip.example.org") < place("-- you renamed this room: Operations"))
    #expect(try place("-- you renamed this room") < place("-- you removed sip:carol@sip.example.org"))
    #expect(try place("-- you removed") < place("second word"))
    let events = try await run("history", "Operations", "--json").events
    #expect(
      events.compactMap { $0["event"] == "roomEvent" ? $0["kind"] : nil } == ["made", "added", "renamed", "removed"])
    #expect(try await run("history", "Operations", "--search", "word").lines.count == 2)
    #expect(try await run("history", "Operations", "--search", "removed").lines.isEmpty)
    #expect(try await run("history", "Operations", "--limit", "1").lines.count == 1)
    for process in [bob, carol] { process.stop() }
  }

  /// Another conference server of the same name knows nothing of the rooms, as one that has lost its database.
  @Test func aRoomThatItsServerHasForgottenIsToldOfOnceAndStaysReadable() async throws {
    let before = try await LabProgram()
    let bob = try await before.listener("bob")
    let made = try await before.run(as: "alice", "room", "create", "Ops", "bob", "--json")
    let room = try #require(made.events.first?["room"], "\(made.errors)")
    let sent = try await before.run(as: "alice", "send", "Ops", "the code of the door", "--wait", "delivered")
    #expect(sent.exitCode == 0, "\(sent.errors)")
    bob.stop()
    before.stop()
    let lab = try await LabProgram()
    defer { lab.stop() }
    func run(_ arguments: String...) async throws -> CommandRun {
      try await lab.run(as: "alice", arguments, environment: before.environment)
    }
    for isFirst in [true, false] {
      let alice = try PeerProcess(
        TestPaths.limeade, lab.arguments("alice", ["listen", "--json"]), environment: before.environment, name: "alice")
      try await alice.event("registered")
      if isFirst { try await alice.event("roomEvent", ["room": room, "kind": "forgotten"]) }
      let refused = try await run("send", "Ops", "is anybody there?")
      #expect(refused.exitCode != 0 && refused.errors.contains("no longer a member of Ops"), "\(refused.errors)")
      if !isFirst { #expect(!alice.output.contains { $0.contains("forgotten") }) }
      alice.stop()
    }
    let history = try await run("history", "Ops")
    #expect(history.output.contains("the code of the door"), "\(history.errors)")
    #expect(history.lines.count { $0.contains("-- the server does not know this room any more") } == 1)
    #expect(!history.output.contains("is anybody there?"))
    let found = try await run("history", "--search", "door", "--json")
    #expect(found.events.first?["room"] == room)
  }
}
