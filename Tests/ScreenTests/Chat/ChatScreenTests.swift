// ChatScreenTests.swift: limeade chat in a real terminal against the lab: what the user sees after each key
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct ChatScreenInTmux {
  /// The column, counted from 0, where `part` begins, as a terminal counts: wide characters take two.
  private func column(of part: String, in line: String) -> Int? {
    line.range(of: part).map { column(upTo: $0.lowerBound, in: line) }
  }

  private func column(upTo end: String.Index, in line: String) -> Int {
    line[..<end].reduce(0) { sum, character in
      guard let scalar = character.unicodeScalars.first else { return sum }
      return sum + (scalar.properties.isEmojiPresentation || (0x2E80...0x9FFF).contains(scalar.value) ? 2 : 1)
    }
  }

  @Test func aMessageGoesOutIsMarkedDeliveredAndIsAnswered() async throws {
    try await Stage.play(echo: true) { stage in
      let first = try await stage.screen.lines()
      #expect(first[0].hasPrefix(" Lab team  🔒 E2EE untrusted  alice*, bob, carol"))
      #expect(first[1].hasPrefix("▌ 1 # Lab team"))
      #expect(first[23].hasPrefix("[Lab team] >"))
      try await stage.screen.enter("hello world")
      try await stage.screen.line(with: "✓ hello world")
      try await stage.screen.line(with: "bob        ◇ echo of \"hello world\", which came")
      // Members who were there before the chat was opened are no news.
      #expect(!(try await stage.screen.lines()).contains { $0.contains("joined") })
    }
  }

  @Test func wideAndCombiningCharactersKeepTheColumnsAligned() async throws {
    try await Stage.play { stage in
      try await stage.screen.press("F8")
      try await stage.screen.line(with: "│◇ bob")
      let texts = ["日本語テキスト", "e\u{301}a\u{308}", "👍 thumbs", "👨‍👩‍👧 family", "plain"]
      for text in texts { try await stage.screen.enter(text) }
      try await stage.screen.line(with: "✓ plain")
      let lines = try await stage.screen.lines()
      for text in texts {
        let line = try #require(lines.first { $0.contains(text) }, "\(lines)")
        #expect(column(of: text, in: line) == 36)
      }
      // The border before the members stands in one column, whatever is left of it.
      let borders = Set(lines[1...21].compactMap { line in line.lastIndex(of: "│").map { column(upTo: $0, in: line) } })
      #expect(borders.count == 1, "\(lines.joined(separator: "\n"))")
    }
  }

  @Test func anotherRoomCountsItsUnreadMessagesAndTheirLineGoesWithTheAnswer() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.line(with: "▌ 2 # Ops")
      let bobsRoom = try await stage.bob.event("room", ["name": Stage.team])
      stage.bob.stop()
      let room = try #require(bobsRoom["room"])
      for text in ["one", "two"] { #expect(try await stage.lab.run(as: "bob", "send", room, text).exitCode == 0) }
      try await stage.screen.line(with: "  1 # Lab team", "2 │")
      try await stage.screen.line(with: "Act: 1(2)")

      try await stage.screen.press("M-1")
      let lines = try await stage.screen.wait(for: "both messages") { lines in
        lines.contains { $0.contains("◇ two") }
      }
      let rule = try #require(lines.firstIndex { $0.contains("── new ──") })
      #expect(lines[rule + 1].contains("bob        ◇ one"))
      try await stage.screen.wait(for: "no unread messages") { !$0.contains { $0.contains("Act:") } }
      try await stage.screen.enter("seen")
      try await stage.screen.line(with: "· seen")
      #expect(!(try await stage.screen.lines()).contains { $0.contains("── new ──") })
    }
  }

  @Test func theRoomThatOneWritesToGoesToTheTopOfTheList() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.wait(for: "the new room at the top") { $0[1].hasPrefix("▌ 2 # Ops") }
      try await stage.screen.press("M-1")
      try await stage.screen.wait(for: "the first room, below") { $0[2].hasPrefix("▌ 1 # Lab team") }
      // Times count in whole seconds: only a later message brings the room up.
      try await Task.sleep(for: .seconds(1.1))
      try await stage.screen.enter("mine")
      try await stage.screen.wait(for: "the room at the top") { $0[1].hasPrefix("▌ 1 # Lab team") }
      // And another program of the account.
      try await Task.sleep(for: .seconds(1.1))
      #expect(try await stage.lab.run(as: "alice", "send", "Ops", "from a script").exitCode == 0)
      try await stage.screen.wait(for: "the other room at the top") { $0[1].hasPrefix("  2 # Ops") }
    }
  }

  @Test func noOtherRoomTakesThePlaceOfOneThatEnded() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.line(with: "[Ops] >")
      try await stage.screen.enter("/leave")
      try await stage.screen.line(with: "leave Ops?")
      try await stage.screen.press("Enter")
      // What is typed now would else go to the people of the first room.
      try await stage.screen.line(with: "Ops: you left")
      try await stage.screen.enter("not for the lab")
      try await stage.screen.line(with: "no room is open: /join ROOM")
      try await stage.screen.press("C-u", "M-1")
      try await stage.screen.line(with: "[Lab team] >")
      try await stage.screen.enter("for the lab")
      try await stage.screen.line(with: "✓ for the lab")
      #expect(!(try await stage.screen.lines()).contains { $0.contains("not for the lab") })
    }
  }

  @Test func whatSendCanDoTheInputLineCanDo() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("/ephemeral 60 for  now")
      try await stage.screen.line(with: "✓ for  now")
      try await stage.screen.line(with: "(deleted 60 s after")
      try await stage.screen.enter("/send-trusted only for the trusted")
      try await stage.screen.line(with: "not sent, as not every device in Lab team is trusted")
      try await stage.screen.enter("/files")
      try await stage.screen.line(with: "this room has no files")
      // The next key closes the page and counts.
      try await stage.screen.enter("/create Ops bob nobody")
      try await stage.screen.line(with: "! ", "nobody is not in the room")
      try await stage.screen.enter("/join lab team")
      try await stage.screen.line(with: "[Lab team] >")
      try await stage.screen.enter("still here")
      try await stage.screen.line(with: "✓ still here")
    }
  }

  @Test func whoIsTypingIsShownUntilTheMessageComes() async throws {
    try await Stage.play { stage in
      stage.bob.stop()
      let bob = try await TmuxScreen(environment: stage.lab.environment)
      try await bob.enter(stage.line("bob", "chat", "Lab"))
      try await bob.line(with: "bob@sip.example.org registered")
      try await bob.type("I am wri")
      try await stage.screen.line(with: "bob is typing")
      try await stage.screen.line(with: "▌ 1 # Lab", "typing │")
      try await bob.enter("ting")
      try await stage.screen.line(with: "bob        ◇ I am writing")
      try await stage.screen.wait(for: "nobody typing") { !$0.contains { $0.contains("typing") } }
    }
  }

  @Test func theScreenFollowsTheWindowsSize() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("a message that is long enough to need a second line in a narrow window")
      try await stage.screen.line(with: "✓ a message")
      try await stage.screen.resize(columns: 40, rows: 12)
      let small = try await stage.screen.wait(for: "the narrow layout") { $0.prefix(12).last?.hasPrefix(">") == true }
      #expect(small[10] == " alice registered                [E2EE]")
      #expect(small.contains { $0.hasSuffix("✓ a message that is long") })
      #expect(!small.contains { $0.contains("│") })
      try await stage.screen.resize(columns: 100, rows: 30)
      let large = try await stage.screen.wait(for: "the wide layout") { lines in
        lines.count >= 30 && lines[29].hasPrefix("[Lab team] >")
      }
      #expect(large[28].hasPrefix(" alice@sip.example.org registered"))
      #expect(large[1...27].allSatisfy { column(of: "│", in: $0) == 20 }, "\(large.joined(separator: "\n"))")
    }
  }

  @Test func commandsHelpJoinAndMistakesAreAnsweredOnTheScreen() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("/help")
      try await stage.screen.line(with: "/join ROOM", "open a room")
      for _ in 1...8 where !(try await stage.screen.lines()).contains(where: { $0.contains("ctrl-c clears") }) {
        try await stage.screen.press("NPage")
      }
      try await stage.screen.line(with: "ctrl-c clears the line")
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.line(with: "[Ops] >")
      try await stage.screen.enter("/join lab")
      let joined = try await stage.screen.wait(for: "the first room") { $0[0].hasPrefix(" Lab team") }
      #expect(!joined.contains { $0.contains("making the room") })
      try await stage.screen.enter("/join nowhere")
      try await stage.screen.line(with: "no room is called 'nowhere'")
      try await stage.screen.press("C-c")
      try await stage.screen.enter("/nothing")
      try await stage.screen.line(with: "no command /nothing")
    }
  }

  @Test func messagesAreAnsweredReactedToEditedAndRetracted() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("hello")
      try await stage.screen.line(with: "✓ hello")
      stage.bob.stop()
      func bob(_ arguments: String...) async throws {
        let done = try await stage.lab.run(as: "bob", arguments)
        #expect(done.exitCode == 0, "\(done.errors)")
      }
      try await bob("send", Stage.team, "good morning", "--reply-to", "last")
      try await stage.screen.line(with: "│ alice: hello")
      try await bob("message", "react", "Lab", "last", "👍")
      try await stage.screen.line(with: "👍 bob")
      try await stage.screen.enter("/react 🎉")
      try await stage.screen.line(with: "🎉 alice")
      // Bob has read what he answered, so the mark of an edit goes below the text.
      try await stage.screen.enter("/edit hello,  \"world\"")
      try await stage.screen.line(with: "hello,  \"world\" [read by 1 of 2]")
      try await stage.screen.line(with: "(edited)")

      // The newest message is bob's; the one before it is chosen by going up twice.
      try await stage.screen.press("M-p")
      try await stage.screen.press("M-p")
      try await stage.screen.enter("/reply as I said")
      try await stage.screen.line(with: "│ alice: hello,  \"world\"")
      try await stage.screen.line(with: "as I said")
      try await stage.screen.enter("/retract")
      let lines = try await stage.screen.wait(for: "the retraction") { $0.contains { $0.contains("(retracted)") } }
      #expect(!lines.contains { $0.contains("as I said") })
    }
  }

  @Test func twoPastedLinesAreOneMessage() async throws {
    try await Stage.play { stage in
      try await stage.screen.paste("line one\nline two")
      try await stage.screen.wait(for: "two lines of input") { lines in
        lines[22].hasPrefix("[Lab team] > line one") && lines[23].hasSuffix("line two")
      }
      try await stage.screen.press("Enter")
      try await stage.bob.event("message", ["text": "line one\nline two"])
    }
  }

  @Test func ctrlZGivesTheShellAndFgTheScreenBack() async throws {
    try await Stage.play { stage in
      try await stage.screen.type("half a line")
      try await stage.screen.line(with: "[Lab team] > half a line")
      try await stage.screen.press("C-z")
      try await stage.screen.line(with: "Stopped")
      #expect(try await !stage.screen.isOn("alternate_on"))
      try await stage.screen.enter("echo $((6 * 7)) and")
      try await stage.screen.line(with: "42 and")
      try await stage.screen.enter("fg")
      try await stage.screen.line(with: "[Lab team] > half a line")
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "✓ half a line")
    }
  }

  @Test(arguments: ["Ctrl-d", "SIGTERM", "SIGHUP", "SIGINT", "SIGSEGV"])
  func theTerminalIsCleanAfterTheEnd(by cause: String) async throws {
    // Swift's own report of a crash would ask for a key.
    try await Stage.play(environment: ["SWIFT_BACKTRACE": "enable=no"]) { stage in
      #expect(try await stage.screen.isOn("alternate_on"))
      #expect(try await stage.screen.isOn("mouse_sgr_flag"))
      switch cause {
      case "Ctrl-d": try await stage.screen.press("C-d")
      case "SIGTERM": kill(try await stage.screen.foreground(), SIGTERM)
      case "SIGINT": kill(try await stage.screen.foreground(), SIGINT)
      // As in a crash.
      case "SIGSEGV": kill(try await stage.screen.foreground(), SIGSEGV)
      default: kill(try await stage.screen.foreground(), SIGHUP)
      }
      try await stage.screen.wait(for: "the shell") { lines in
        lines.contains { $0.hasSuffix("$") } && !lines.contains { $0.contains("registered") }
      }
      #expect(try await !stage.screen.isOn("alternate_on"))
      #expect(try await stage.screen.isOn("cursor_flag"))
      #expect(try await !stage.screen.isOn("mouse_sgr_flag"))
      #expect(try await !stage.screen.isOn("mouse_standard_flag"))
      try await stage.screen.enter("stty -a | tr ';' '\\n' | grep -c -e ' echo ' -e ' icanon '; echo over")
      let lines = try await stage.screen.wait(for: "the modes of the line") { $0.contains { $0 == "over" } }
      #expect(lines.contains("1") || lines.contains("2"), "\(lines)")
    }
  }

  @Test func aServerThatGoesAwayIsShownWithItsCauseAndTextsWait() async throws {
    try await Stage.play { stage in
      stage.lab.stop()
      try await stage.screen.line(with: "connection lost", within: 40)
      try await stage.screen.enter("later")
      try await stage.screen.line(with: "… later")
      try await stage.screen.line(with: "alice@sip.example.org offline")
    }
  }
}
