// PanelScreenTests.swift: searching, comparing devices, the mouse and notifications, as the user meets them
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct PanelsInTmux {
  @Test func aMessageIsFoundInAnotherRoomAndItsPlaceShown() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      for text in ["the factory answers 302", "something else"] { try await screen.enter(text) }
      try await screen.line(with: "✓ something else")
      try await screen.enter("/create Ops bob")
      try await screen.line(with: "▌ 2 # Ops")
      try await screen.press("C-s")
      try await screen.type("factor")
      try await screen.line(with: "nothing found")
      try await screen.press("Tab")
      try await screen.line(with: "Search all rooms: factor")
      try await screen.line(with: ">", "Lab team", "me", "the factory answers 302")
      try await screen.press("Enter")
      try await screen.line(with: ">me         ✓ the factory answers 302")
      let lines = try await screen.lines()
      #expect(lines[0].hasPrefix(" Lab team"))
      #expect(lines.contains { $0.contains("something else") })
    }
  }

  @Test func aDeviceIsTrustedByComparingItsCode() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      try await screen.enter("hello")
      try await screen.line(with: "✓ hello")
      let answer = try await stage.lab.run(as: "carol", "keys", "verify", "alice", "--json")
      let code = try #require(answer.events.first?["code"])
      try await screen.enter("/verify carol")
      let groups = code.split(separator: " ")
      try await screen.line(with: "code  " + groups.prefix(4).joined(separator: " "))
      try await screen.line(with: groups.suffix(4).joined(separator: " "))
      try await screen.type("t")
      try await screen.line(with: "Is the code the same on both screens?")
      try await screen.type("t")
      try await screen.line(with: "> trusted")
      try await screen.press("Escape")
      // Escape and a key at once would be that key with Alt.
      try await screen.wait(for: "the messages") { !$0.contains { $0.contains("Comparing devices") } }
      try await screen.line(with: "E2EE trusted 1/2")
      try await screen.enter("/verify bob")
      try await screen.line(with: "> untrusted")
      try await screen.type("d")
      try await screen.line(with: "Press d again")
      try await screen.type("d")
      try await screen.line(with: "E2EE UNSAFE")
    }
  }

  @Test func theMouseOpensRoomsAndScrolls() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      try await screen.enter("/create Ops bob")
      try await screen.line(with: "▌ 2 # Ops")
      let lines = try await screen.lines()
      let row = try #require(lines.firstIndex { $0.contains("1 # Lab team") })
      try await screen.type("\u{1B}[<0;5;\(row + 1)M\u{1B}[<0;5;\(row + 1)m")
      try await screen.wait(for: "the clicked room") { $0[0].hasPrefix(" Lab team") }
      for number in 1...30 { try await screen.enter("line \(number)") }
      // As a message, and not as it was typed: one that comes after the scrolling stays below.
      try await screen.line(with: "✓ line 30")
      try await screen.type("\u{1B}[<64;40;10M")
      try await screen.line(with: "scrolled back, Alt-End")
      try await screen.wait(for: "older lines") { !$0.contains { $0.contains("line 30") } }
      try await screen.type("\u{1B}[<65;40;10M")
      try await screen.line(with: "line 30")
    }
  }

  @Test func mentionsAreCountedAndAnnouncedToACommandAsJSON() async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("notified")
    let interface = """
      [ui]
      notify-command = "tee \(file.path)"
      bell = false
      [ui.keys]
      f5 = "/info"
      "ctrl-x h" = "/help receipts"
      """
    try await Stage.play(interface: interface) { stage in
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.line(with: "▌ 2 # Ops")
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      stage.bob.stop()
      let text = "alice: look \u{1B}]0;title\u{07} $(touch pwned)"
      #expect(try await stage.lab.run(as: "bob", "send", room, text).exitCode == 0)
      try await stage.screen.line(with: "  1 # Lab team", "1! │")
      var notified: [String: Any] = [:]
      let deadline = ContinuousClock.now + .seconds(60)
      while notified.isEmpty, ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(50))
        guard let data = try? Data(contentsOf: file) else { continue }
        notified = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
      }
      #expect(notified["event"] as? String == "notify")
      #expect(notified["name"] as? String == Stage.team)
      #expect(notified["from"] as? String == "sip:bob@sip.example.org")
      #expect(notified["text"] as? String == "alice: look \u{FFFD}]0;title\u{FFFD} $(touch pwned)")
      try await stage.screen.press("F5")
      try await stage.screen.line(with: "security    encrypted")
      // Two keys in turn; the second one alone is a letter.
      try await stage.screen.press("Escape")
      try await stage.screen.wait(for: "the room") { !$0.contains { $0.contains("security    encrypted") } }
      try await stage.screen.press("h")
      try await stage.screen.line(with: "[Ops] > h")
      try await stage.screen.press("C-x", "h")
      try await stage.screen.line(with: "/receipts all|delivered|none")
    }
  }

  @Test func aRoomIsExportedToAFileWhoseNameIsCompleted() async throws {
    let folder = try TemporaryFolder()
    try FileManager.default.createDirectory(at: folder.file("exports here"), withIntermediateDirectories: true)
    try await Stage.play { stage in
      // Room for the whole path in one line.
      try await stage.screen.resize(columns: 160, rows: 24)
      try await stage.screen.enter("kept for later")
      try await stage.screen.line(with: "✓ kept for later")
      try await stage.screen.type("/export \(folder.url.path)/exp")
      try await stage.screen.press("Tab")
      try await stage.screen.line(with: "exports\\ here/")
      try await stage.screen.enter("team.txt")
      try await stage.screen.line(with: "── 1 message is in")
      let file = folder.file("exports here").appendingPathComponent("team.txt")
      #expect(try String(contentsOf: file, encoding: .utf8).contains("[encrypted] kept for later"))
      try await stage.screen.press("C-p", "Enter")
      try await stage.screen.line(with: "exists already")
    }
  }

  @Test func theScreenIsTheSameOnOtherKindsOfTerminals() async throws {
    try await Stage.play { stage in
      for terminal in ["screen", "linux", "xterm", "vt100"] {
        try await stage.screen.press("C-d")
        try await stage.screen.wait(for: "the shell") { !$0.contains { $0.contains("registered") } }
        try await stage.screen.enter("TERM=\(terminal) \(stage.line("alice", "chat"))")
        try await stage.screen.line(with: "alice@sip.example.org registered")
        try await stage.screen.enter("from \(terminal): 日本 é")
        // The Linux console's fonts have no ticks.
        let isConsole = terminal == "linux"
        let line = try await stage.screen.line(with: "\(isConsole ? "D" : "✓") from \(terminal): 日本 é")
        #expect(line.hasPrefix("                    │"), "\(terminal): \(line)")
        let lines = try await stage.screen.lines()
        #expect(lines[0].hasPrefix(" Lab team  \(isConsole ? "" : "🔒 ")E2EE untrusted"), "\(terminal)")
        #expect(lines[23].hasPrefix("[Lab team] >"), "\(terminal)")
      }
    }
  }

  @Test func aWrongSettingIsToldWithItsLine() async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("config.toml")
    let cases = [
      ("theme = \"dusk\"", "there is no theme 'dusk'"), ("mouse = \"yes\"", "line 5: [ui] mouse: write true or false"),
      ("colour = 1", "line 5: [ui] colour: unknown setting; known are theme"),
      ("[ui.keys]\nf99 = \"members\"", "line 6: [ui.keys] f99: 'f99' is no key"),
      ("[ui.keys]\nf5 = \"fly\"", "line 6: [ui.keys] f5: 'fly' is no action"),
    ]
    for (setting, message) in cases {
      let text = "[account.a]\naddress = \"sip:a@sip.example.org\"\npassword-command = \"echo x\"\n[ui]\n\(setting)\n"
      try Data(text.utf8).write(to: file)
      let run = try await CommandRun(TestPaths.limeade, ["--config", file.path, "chat"], within: 60)
      #expect(run.exitCode == 78)
      #expect(run.errors.contains(message), "\(run.errors)")
    }
  }
}
