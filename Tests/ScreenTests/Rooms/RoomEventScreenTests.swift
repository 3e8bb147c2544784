// RoomEventScreenTests.swift: what happens in rooms, being added and put out, leaving, and what stays read, on the screen
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct RoomEventsInTmux {
  /// Somebody's command, beside their listener.
  private func run(_ stage: Stage, as user: String, _ arguments: String...) async throws {
    let run = try await stage.lab.run(as: user, arguments)
    #expect(run.exitCode == 0, "\(arguments): \(run.errors)")
  }

  @Test func beingAddedMarksTheRoomAndWhatHappenedStandsThereAfterARestart() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      try await run(stage, as: "carol", "room", "create", "Theirs", "alice", "bob")
      try await screen.line(with: "Act: 2(1)!")
      try await screen.press("M-2")
      try await screen.line(with: "carol made this room and added you, alice")
      try await screen.wait(for: "no mark") { !$0.contains { $0.contains("Act:") } }
      try await run(stage, as: "carol", "room", "rename", "Theirs", "Crew")
      try await screen.line(with: "carol renamed this room: Crew")
      try await screen.enter("/quit")
      try await screen.wait(for: "the shell") { $0.contains { $0.hasPrefix("$") } }
      try await screen.enter("clear; " + stage.line("alice", "chat", "Crew"))
      try await screen.line(with: "alice@sip.example.org registered")
      let lines = try await screen.lines()
      let made = try #require(lines.firstIndex { $0.contains("carol made this room and added you, alice") }, "\(lines)")
      #expect(lines[made...].contains { $0.contains("carol renamed this room: Crew") })

      try await run(stage, as: "carol", "room", "remove", "Crew", "alice")
      try await screen.line(with: "Crew: you were removed by carol")
      #expect(!(try await screen.lines()).contains { $0.contains(" left ") && $0.contains("alice") })
      try await screen.enter("/rooms left")
      try await screen.line(with: "# Crew")
      try await screen.press("Enter")
      try await screen.line(with: "you were removed by carol")
      try await screen.line(with: "[Crew (left)] >")
      // What is written into it is given back.
      try await screen.enter("still there?")
      try await screen.line(with: "no longer a member")
      try await screen.line(with: "[Crew (left)] > still there?")
    }
  }

  @Test func aRoomIsLeftByTheSecondEnterAndIsFoundAgainByTheSearchAndByHistory() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      try await screen.enter("/create Ops bob")
      try await screen.line(with: "▌ 2 # Ops")
      try await screen.enter("the code of the door")
      try await screen.line(with: "✓ the code of the door")
      try await screen.enter("/leave")
      try await screen.line(with: "leave Ops?")
      // Another key takes it back.
      try await screen.press("End")
      try await screen.press("Enter")
      try await screen.line(with: "leave Ops?")
      #expect((try await screen.lines()).contains { $0.contains("▌ 2 # Ops") })
      try await screen.press("Enter")
      try await screen.line(with: "Ops: you left")
      try await screen.press("M-1")
      try await screen.wait(for: "the other room") { $0[0].hasPrefix(" Lab team") }
      try await screen.enter("/search-all door")
      try await screen.line(with: "Ops", "the code of the door")
      try await screen.press("Enter")
      try await screen.line(with: "[Ops (left)] >")
      try await screen.line(with: ">me", "the code of the door")
      try await screen.line(with: "you left")
      let room = try #require(
        try await stage.lab.run(as: "alice", "room", "list", "--all", "--json").events
          .first { $0["name"] == "Ops" }?["room"])
      for name in ["Ops", room] {
        let history = try await stage.lab.run(as: "alice", "history", name)
        #expect(history.output.contains("the code of the door") && history.output.contains("-- you left"))
      }
    }
  }

  @Test(arguments: [["M-End"], ["NPage", "NPage", "NPage", "NPage", "NPage"]])
  func whatCameWhileScrolledBackIsReadAtTheEnd(_ keys: [String]) async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      for number in 1...40 { try await screen.enter("line \(number)") }
      try await screen.line(with: "✓ line 40")
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      try await screen.press("PPage", "PPage")
      try await screen.line(with: "scrolled back, Alt-End")
      // More than a screen.
      let texts = (1...30).map { "new \($0)" }
      let sent = try await stage.lab.run(
        as: "bob", ["chat", "--plain", room, "--json"], input: texts.joined(separator: "\n") + "\n")
      #expect(sent.exitCode == 0, "\(sent.errors)")
      try await screen.line(with: "Act: 1(30)")
      for key in keys { try await screen.press(key) }
      try await screen.line(with: "new 30")
      try await screen.wait(for: "nothing unread") { !$0.contains { $0.contains("Act:") } }
      // Its sender hears of the first one, which was jumped over, and of the last one.
      let deadline = ContinuousClock.now + .seconds(60)
      while true {
        let lines = try await stage.lab.run(as: "bob", "history", room).lines
        let read = lines.filter { $0.contains("displayed 1/2") || $0.contains("displayed 2/2") }
        if ["new 1  (", "new 30  ("].allSatisfy({ text in read.contains { $0.contains(text) } }) { break }
        guard ContinuousClock.now < deadline else { throw TestFailure("no receipts: \(lines)") }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }

  @Test func afterAJumpFarBackWhatHappenedLaterIsNotAmongTheOldMessages() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      try await screen.enter("the needle")
      try await screen.line(with: "✓ the needle")
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      let texts = (1...650).map { "hay \($0)" }.joined(separator: "\n")
      _ = try await stage.lab.run(as: "bob", ["chat", "--plain", room, "--json"], input: texts + "\n", within: 300)
      try await screen.line(with: "hay 650", within: 120)
      try await screen.enter("/rename Haystack")
      try await screen.line(with: "you renamed this room: Haystack")
      try await screen.enter("/search needle")
      try await screen.line(with: "the needle")
      try await screen.press("Enter")
      try await screen.line(with: ">me", "the needle")
      // Down to the end of what the jump loaded, and on.
      for _ in 1...8 { try await screen.press("NPage") }
      #expect(!(try await screen.lines()).contains { $0.contains("you renamed this room") })
      try await screen.press("M-End")
      try await screen.line(with: "you renamed this room: Haystack")
    }
  }

  @Test func answeringFromTheCommandLineMarksRead() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let (alice, bob) = (try await lab.listener("alice"), try await lab.listener("bob"))
    let made = try await lab.run(as: "bob", "room", "create", "Ops", "alice", "--json")
    let room = try #require(made.events.first?["room"])
    for text in ["one", "two", "three"] {
      #expect(try await lab.run(as: "bob", "send", room, text, "--wait", "delivered").exitCode == 0)
    }
    func unread() async throws -> String? {
      try await lab.run(as: "alice", "room", "list", "--json").events.first?["unread"]
    }
    #expect(try await unread() == "3")
    // A text that answers nothing says nothing of what was read.
    #expect(try await lab.run(as: "alice", "send", "Ops", "from a script").exitCode == 0)
    #expect(try await unread() == "3")
    let two = try #require(
      try await lab.run(as: "alice", "history", "Ops", "--json").events.first { $0["text"] == "two" }?["id"])
    #expect(try await lab.run(as: "alice", "send", "Ops", "fine", "--reply-to", two).exitCode == 0)
    #expect(try await unread() == "1")
    try await bob.event("displayed", ["id": two])
    #expect(try await lab.run(as: "alice", "message", "react", "Ops", "last", "👍").exitCode == 0)
    #expect(try await unread() == "0")
    for process in [alice, bob] { process.stop() }
  }
}
