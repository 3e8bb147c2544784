// EditScreenTests.swift: editing the last message and answering a chosen one, in a terminal with the lab
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct EditingInTmux {
  @Test func upEditsTheLastMessageAndEscEndsIt() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("helo")
      try await stage.screen.line(with: "✓ helo")
      try await stage.screen.press("Up")
      try await stage.screen.line(with: "[Lab team] > /edit helo")
      try await stage.screen.line(with: " editing: helo", "Esc ends it")
      try await stage.screen.press("Escape")
      try await stage.screen.wait(for: "an empty line") { $0[23] == "[Lab team] >" }
      // Without a change nothing is sent.
      try await stage.screen.press("Up")
      try await stage.screen.line(with: "[Lab team] > /edit helo")
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "nothing was changed")
      try await stage.screen.press("Up", "BSpace")
      try await stage.screen.type("lo")
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "hello", "(edited)")
      try await stage.bob.event("edited", within: 60, ["text": "hello"])
      #expect(!stage.bob.output.contains { JSONEvent($0)?["event"] == "edited" && JSONEvent($0)?["text"] == "helo" })
      try await stage.screen.press("C-Up")
      try await stage.screen.line(with: "[Lab team] > /edit hello")
      try await stage.screen.press("C-Up")
      try await stage.screen.line(with: "[Lab team] > helo")
    }
  }

  /// While an answer is written somebody else writes: it is still the answer to what stood above the line.
  @Test func anAnswerIsToWhatStandsAboveTheInputAlsoAfterARestart() async throws {
    try await Stage.play { stage in
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      stage.bob.stop()
      stage.carol.stop()
      #expect(try await stage.lab.run(as: "bob", "send", room, "shall we?").exitCode == 0)
      try await stage.screen.line(with: "bob", "shall we?")
      try await stage.screen.press("M-r")
      try await stage.screen.type("yes")
      try await stage.screen.line(with: " answering bob: shall we?")
      #expect(try await stage.lab.run(as: "carol", "send", room, "never mind").exitCode == 0)
      try await stage.screen.line(with: "carol", "never mind")
      try await stage.screen.type(", we shall")
      try await stage.screen.line(with: " answering bob: shall we?")
      try await Task.sleep(for: .seconds(1))
      kill(try await stage.screen.foreground(), SIGTERM)
      try await stage.screen.wait(for: "the shell") { $0.contains { $0.hasSuffix("$") } }
      try await stage.screen.enter("clear; \(stage.line("alice", "chat"))")
      try await stage.screen.line(with: "[Lab team] > /reply yes, we shall")
      try await stage.screen.line(with: " answering bob: shall we?")
      try await stage.screen.line(with: "alice@sip.example.org registered")
      try await stage.screen.press("Enter")
      let lines = try await stage.screen.wait(for: "the answer") { $0.contains { $0.hasSuffix("yes, we shall") } }
      #expect(lines.contains { $0.contains("bob: shall we?") && !$0.contains("answering") }, "\(lines)")
    }
  }
}
