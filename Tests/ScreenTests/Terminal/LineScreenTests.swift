// LineScreenTests.swift: limeade chat --plain on a terminal: lines for screen readers and dumb terminals
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct LinesInTmux {
  /// Bob and carol listen, alice's chat goes line by line.
  private func play(
    _ options: String = "--plain 'Lab team'", _ variables: String = "",
    before: (LabProgram) async throws -> Void = { _ in },
    _ body: (LabProgram, PeerProcess, PeerProcess, TmuxScreen) async throws -> Void
  ) async throws {
    let lab = try await LabProgram()
    let (bob, carol) = (try await lab.listener("bob"), try await lab.listener("carol"))
    #expect(try await lab.run(as: "alice", "room", "create", "Lab team", "bob", "carol").exitCode == 0)
    try await before(lab)
    let screen = try await TmuxScreen(environment: lab.environment)
    try await screen.enter("clear; \(variables) " + Stage.line(lab, "alice", ["chat"]) + " " + options)
    try await screen.line(with: "-- registered")
    try await body(lab, bob, carol, screen)
    for process in [bob, carol] { process.stop() }
    lab.stop()
  }

  private func last(_ lines: [String]) -> String { lines.last { !$0.isEmpty } ?? "" }

  @Test func whatIsTypedIsSentCommandsAreCarriedOutAndTheLastMessagesStandAtTheBeginning() async throws {
    try await play(before: { (lab: LabProgram) async throws -> Void in
      for number in 1...12 {
        #expect(try await lab.run(as: "alice", "send", "Lab team", "message \(number)").exitCode == 0)
      }
    }) { lab, bob, carol, screen in
      let lines = try await screen.wait(for: "the last messages") { $0.contains { $0.hasSuffix("me: message 12") } }
      #expect(lines.contains { $0.hasPrefix("== Lab team, E2EE") }, "\(lines)")
      #expect(lines.contains { $0.hasSuffix("me: message 3") } && !lines.contains { $0.hasSuffix("me: message 2") })
      try await screen.enter("hello")
      try await bob.event("message", ["text": "hello"])
      try await screen.enter("//help is text")
      try await bob.event("message", ["text": "/help is text"])
      // What was typed stands there already.
      let after = try await screen.wait(for: "the prompt") { self.last($0) == "Lab team>" }
      #expect(after.count { $0.contains("hello") } == 1, "\(after)")
      #expect(!after.contains { $0.contains("delivered") })
      try await screen.enter("/help receipts")
      try await screen.line(with: "/receipts all|delivered|none")
      try await screen.enter("/nothing")
      try await screen.line(with: "! no command /nothing")
      try await screen.press("C-c")
      try await screen.enter("/join sip:bob@sip.example.org")
      try await screen.line(with: "== bob, E2EE")
      try await screen.wait(for: "the prompt") { self.last($0) == "bob>" }
      try await screen.enter("/search hello")
      try await screen.line(with: "-- nothing found")
      try await screen.press("C-d")
      try await screen.wait(for: "the shell") { self.last($0).hasSuffix("$") }
      try await screen.enter("stty -a | tr ';' '\\n' | grep -c -e ' echo ' -e ' icanon '; echo over")
      try await screen.wait(for: "the modes of the line") {
        $0.contains("over") && ($0.contains("1") || $0.contains("2"))
      }
    }
  }

  @Test func whatComesLeavesTheLineBeingTypedAlone() async throws {
    try await play { lab, bob, carol, screen in
      try await screen.type("half a li")
      bob.stop()
      for text in ["one", "two"] {
        #expect(try await lab.run(as: "bob", "send", "Lab team", text).exitCode == 0)
      }
      let lines = try await screen.wait(for: "both messages above the line") { lines in
        lines.contains("bob: two") && self.last(lines) == "Lab team> half a li"
      }
      #expect(lines.contains("bob: one"), "\(lines)")
      #expect(lines.count { $0.contains("half a li") } == 1, "\(lines)")
      try await screen.press("Home")
      try await screen.type("not ")
      try await screen.press("End", "BSpace", "BSpace")
      try await screen.type("line")
      try await screen.wait(for: "the changed line") { self.last($0) == "Lab team> not half a line" }
      try await screen.press("Enter")
      try await carol.event("message", ["text": "not half a line"])
      // A line longer than the terminal scrolls in its row.
      try await screen.type(String(repeating: "word ", count: 40) + "end")
      let long = try await screen.wait(for: "the end of the line") { self.last($0).hasSuffix("word end") }
      #expect(self.last(long).hasPrefix("Lab team> "), "\(long)")
      #expect(long.count { $0.contains("word word") } == 1, "\(long)")
    }
  }

  @Test func otherRoomsMessagesHaveTheirRoomsName() async throws {
    try await play(before: { (lab: LabProgram) async throws -> Void in
      #expect(try await lab.run(as: "alice", "room", "create", "Ops", "bob").exitCode == 0)
    }) { lab, bob, carol, screen in
      bob.stop()
      #expect(try await lab.run(as: "bob", "send", "Ops", "it is down").exitCode == 0)
      try await screen.line(with: "[Ops] bob: it is down")
      try await screen.enter("/join Ops")
      try await screen.line(with: "== Ops, E2EE", "1 unread")
    }
  }

  @Test func receiptsAreToldWhenAskedFor() async throws {
    try await play("--plain --show-receipts") { lab, bob, carol, screen in
      try await screen.enter("hello")
      try await screen.line(with: "-- delivered 2 of 2: hello")
    }
  }

  /// Only letters, line ends and backspaces: no escape sequence.
  @Test func aDumbTerminalGetsItUnaskedAndNoEscapeSequence() async throws {
    try await play("", "TERM=dumb") { lab, bob, carol, screen in
      let file = try await screen.record()
      try await screen.enter("hello")
      try await bob.event("message", ["text": "hello"])
      bob.stop()
      #expect(try await lab.run(as: "bob", "send", "Lab team", "日本 answer").exitCode == 0)
      try await screen.line(with: "bob: 日本 answer")
      try await screen.type("abc")
      try await screen.wait(for: "the line") { self.last($0).hasSuffix("> abc") }
      let bytes = try Data(contentsOf: file)
      #expect(bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || [0x08, 0x0A, 0x0D].contains($0) })
      // A letter at the end of the line is one byte.
      #expect(String(decoding: bytes, as: UTF8.self).hasSuffix("> abc"), "\(String(decoding: bytes, as: UTF8.self))")
    }
  }

  @Test func whatAPickerShowsIsAListAndTakesANumber() async throws {
    let folder = try TemporaryFolder()
    let program = folder.file("opener")
    try Data("#!/bin/bash\nprintf '%s' \"$1\" > '\(folder.file("opened").path)'\n".utf8).write(to: program)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program.path)
    try await play(before: { (lab: LabProgram) async throws -> Void in
      #expect(try await lab.run(as: "alice", "room", "create", "Ops", "bob").exitCode == 0)
      try Stage.append("[ui]\nopen-command = \"\(program.path)\"", to: lab.configuration)
      let text = "https://example.org/a and https://example.org/b"
      #expect(try await lab.run(as: "alice", "send", "Lab team", text).exitCode == 0)
    }) { lab, bob, carol, screen in
      try await screen.enter("/open")
      let lines = try await screen.wait(for: "the question") { self.last($0) == "number>" }
      #expect(lines.contains { $0.hasPrefix("1 ") && $0.hasSuffix("https://example.org/a") }, "\(lines)")
      // What comes meanwhile leaves the number alone, and a wrong one chooses and sends nothing.
      try await screen.type("1")
      bob.stop()
      #expect(try await lab.run(as: "bob", "send", "Lab team", "meanwhile").exitCode == 0)
      try await screen.wait(for: "the message") { $0.contains("bob: meanwhile") && self.last($0) == "number> 1" }
      try await screen.enter("7")
      try await screen.line(with: "! '17' is no number of the list: nothing chosen")
      try await screen.enter("/open")
      try await screen.wait(for: "the question") { self.last($0) == "number>" }
      try await screen.enter("2")
      let deadline = ContinuousClock.now + .seconds(60)
      let opened = { (try? String(contentsOf: folder.file("opened"), encoding: .utf8)) ?? "" }
      while opened().isEmpty, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(20)) }
      #expect(opened() == "https://example.org/b")

      // A line that is being written waits until the room is chosen.
      try await screen.type("half")
      try await screen.press("M-k")
      let rooms = try await screen.wait(for: "the rooms") { self.last($0) == "number>" }
      let other = try #require(rooms.last { $0.hasSuffix(" Ops") }?.split(separator: " ").first)
      try await screen.press("Enter")
      try await screen.wait(for: "the line") { self.last($0) == "Lab team> half" }
      try await screen.press("M-k")
      try await screen.wait(for: "the rooms") { self.last($0) == "number>" }
      try await screen.enter(String(other))
      try await screen.line(with: "== Ops, E2EE")
      let history = try await lab.run(as: "alice", "history", "Lab team")
      #expect(!history.output.contains("17") && !history.output.contains("half"), "\(history.output)")
    }
  }

  @Test func whatNeedsAnEscapeSequenceSaysWhatToDo() async throws {
    let folder = try TemporaryFolder()
    let picture = folder.file("square.png").path
    let made = try await CommandRun(
      URL(fileURLWithPath: "/usr/bin/convert"), ["-size", "24x12", "xc:red", picture], within: 20)
    #expect(made.exitCode == 0, "\(made.errors)")
    try await play { lab, bob, carol, screen in
      let file = try await screen.record()
      try await screen.enter("hello")
      try await bob.event("message", ["text": "hello"])
      try await screen.enter("/copy")
      try await screen.line(with: "! lines are written without escape sequences: set copy-command in [ui]")
      try await screen.enter("/file \(picture)")
      try await carol.event("message", ["text": ""])
      try await screen.enter("/picture")
      try await screen.line(with: "-- square.png, 24×12")
      try await screen.line(with: "this terminal shows no pictures, /open opens it")
      #expect(try Data(contentsOf: file).allSatisfy { $0 != 0x1B })
    }
  }

  @Test func theFirstRunIsTheSame() async throws {
    let folder = try TemporaryFolder()
    let screen = try await TmuxScreen(environment: [
      "XDG_CONFIG_HOME": folder.file("config").path, "XDG_DATA_HOME": folder.file("data").path,
      "XDG_STATE_HOME": folder.file("state").path, "TERM": "dumb",
    ])
    try await screen.enter("'\(TestPaths.limeade.path)' chat --plain")
    try await screen.line(with: "There is no account yet.")
    try await screen.line(with: "SIP address (sip:you@your.domain):")
    try await screen.press("C-c")
  }
}
