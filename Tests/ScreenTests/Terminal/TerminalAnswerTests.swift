// TerminalAnswerTests.swift: what the terminal is told and asked beside the screen: its title, its background, its bytes
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct TerminalAnswersInTmux {
  private func restart(_ stage: Stage, _ variables: String = "") async throws {
    try await stage.screen.press("C-d")
    try await stage.screen.wait(for: "the shell") { !$0.contains { $0.contains("registered") } }
    try await stage.screen.enter("\(variables) \(stage.line("alice", "chat"))")
    try await stage.screen.line(with: "alice@sip.example.org registered")
  }

  /// The colours of the prompt, as SGR parameters.
  private func wait(forPrompt colour: String, _ stage: Stage) async throws {
    let deadline = ContinuousClock.now + .seconds(30)
    var prompt = ""
    while !prompt.contains(colour) {
      guard ContinuousClock.now < deadline else { throw TestFailure("the prompt is \(prompt.debugDescription)") }
      prompt = try await stage.screen.colouredLines().first { $0.contains("[Lab team] >") } ?? ""
    }
    // Nothing of the answer was typed.
    #expect(try await stage.screen.lines()[23] == "[Lab team] >")
  }

  @Test func theThemeFollowsTheBackgroundThatTheTerminalTells() async throws {
    try await Stage.play { stage in
      try await wait(forPrompt: "38;5;75m", stage)
      try await stage.screen.set("window-style", to: "bg=#fdf6e3")
      try await restart(stage)
      try await wait(forPrompt: "38;5;25m", stage)
      // What the terminal says counts, not the variable.
      try await stage.screen.set("window-style", to: "bg=#002b36")
      try await restart(stage, "COLORFGBG='0;15'")
      try await wait(forPrompt: "38;5;75m", stage)
      try await stage.screen.set("window-style", to: "default")
      try await restart(stage, "COLORFGBG='0;15'")
      try await wait(forPrompt: "38;5;25m", stage)
      // An answer that comes late, or in pieces, changes the colours and is not typed.
      try await stage.screen.type("half")
      try await stage.screen.send(bytes: "\u{1B}]11;rgb:0000/2b2b/3636\u{1B}\\")
      try await stage.screen.press("BSpace", "BSpace", "BSpace", "BSpace")
      try await wait(forPrompt: "38;5;75m", stage)
    }
  }

  @Test func theTitleTellsWhatIsUnreadAndIsGivenBack() async throws {
    try await Stage.play(environment: ["SWIFT_BACKTRACE": "enable=no"]) { stage in
      func wait(for title: String) async throws {
        let deadline = ContinuousClock.now + .seconds(30)
        var seen = ""
        while seen != title {
          guard ContinuousClock.now < deadline else { throw TestFailure("the title is \(seen)") }
          seen = try await stage.screen.value(of: "#{pane_title}")
        }
      }
      try await wait(for: "Lab team - limeade")
      try await stage.screen.press("C-d")
      try await stage.screen.wait(for: "the shell") { !$0.contains { $0.contains("registered") } }
      try await stage.screen.enter("printf '\\033]2;mine\\007'")
      try await wait(for: "mine")
      try await stage.screen.enter(stage.line("alice", "chat"))
      try await wait(for: "Lab team - limeade")
      try await stage.screen.enter("/create Ops bob")
      try await wait(for: "Ops - limeade")
      #expect(try await stage.lab.run(as: "carol", "send", Stage.team, "news").exitCode == 0)
      try await wait(for: "(1) Ops - limeade")
      try await stage.screen.enter("/rename x\u{9D}2;stolen")
      // What is under way when the program is stopped fails, and says so.
      try await stage.screen.line(with: "you renamed this room")
      try await stage.screen.press("C-z")
      try await wait(for: "mine")
      try await stage.screen.enter("fg")
      try await stage.screen.line(with: "alice@sip.example.org registered")
      let title = try await stage.screen.value(of: "#{pane_title}")
      #expect(title.hasPrefix("(1) ") && title.hasSuffix(" - limeade"), "\(title)")
      kill(try await stage.screen.foreground(), SIGSEGV)
      try await wait(for: "mine")
    }
  }

  @Test func theTitleStaysWhereThatIsWanted() async throws {
    try await Stage.play(interface: "[ui]\ntitle = false") { stage in
      let title = try await stage.screen.value(of: "#{pane_title}")
      #expect(!title.contains("limeade"), "\(title)")
    }
  }

  /// What makes a chat usable over a slow line.
  @Test func aKeyCostsOneByteAndAMessageLessThanFiveHundred() async throws {
    try await Stage.play { stage in
      try await stage.screen.type("a")
      try await stage.screen.line(with: "[Lab team] > a")
      let written = try await stage.screen.record()
      func size() -> Int { ((try? Data(contentsOf: written)) ?? Data()).count }
      let text = "bcdefghijklmnopqrstuvwxyz"
      for (number, letter) in text.enumerated() {
        try await stage.screen.type(String(letter))
        try await stage.screen.line(with: "[Lab team] > a\(text.prefix(number + 1))")
      }
      #expect(size() == text.count)
      let before = size()
      #expect(try await stage.lab.run(as: "carol", "send", Stage.team, "a line as people write them").exitCode == 0)
      try await stage.screen.line(with: "carol      ◇ a line as people write them")
      // The receipt may still be under way.
      try await Task.sleep(for: .milliseconds(500))
      let bytes = ((try? Data(contentsOf: written)) ?? Data()).dropFirst(before)
      #expect((1..<500).contains(bytes.count), "\(String(decoding: bytes, as: UTF8.self).debugDescription)")
    }
  }
}
