// QuietScreenTests.swift: muted rooms, quiet hours, switches for receipts, blocked people and invitations on the screen
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct QuietInTmux {
  /// Whether something was announced to a command within a moment after `body`.
  private func announcements(_ file: URL) -> Int {
    (try? String(contentsOf: file, encoding: .utf8).split(separator: "\n").count) ?? 0
  }

  @Test(arguments: ["/mute", "/mute 2h", "/notify none", ""])
  func whatIsQuietIsCountedAndNotAnnounced(_ command: String) async throws {
    let folder = try TemporaryFolder()
    let file = folder.file("notified")
    // Without a command it is the hour.
    let hours = command.isEmpty ? "quiet-hours = \"00:00-23:59\"" : ""
    let interface = """
      [ui]
      notify-command = "tee -a \(file.path)"
      bell = false
      \(hours)
      """
    try await Stage.play(interface: interface) { stage in
      let screen = stage.screen
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      if !command.isEmpty {
        try await screen.enter(command)
        try await screen.line(with: "announced  none")
      }
      try await screen.enter("/create Ops bob")
      try await screen.line(with: "▌ 2 # Ops")
      if !command.isEmpty { try await screen.line(with: "1 # Lab", "muted") }
      #expect(try await stage.lab.run(as: "bob", "send", room, "alice: look").exitCode == 0)
      try await screen.line(with: "Act: 1(1)!")
      if !command.isEmpty {
        // Another room is announced, after which the first one would have been.
        let ops = try #require(try await stage.bob.event("room", ["name": "Ops"])["room"])
        try await screen.press("M-1")
        try await screen.line(with: "[Lab team] >")
        #expect(try await stage.lab.run(as: "bob", "send", ops, "alice: here").exitCode == 0)
        let deadline = ContinuousClock.now + .seconds(60)
        while announcements(file) == 0, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(50)) }
        #expect(try String(contentsOf: file, encoding: .utf8).contains("alice: here"))
      } else {
        // The announcement comes 0.7 s after the message.
        try await Task.sleep(for: .seconds(2))
      }
      #expect(announcements(file) == (command.isEmpty ? 0 : 1))
    }
  }

  @Test func receiptsAreSwitchedHereAndForTheAccountAndStaySo() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      try await screen.enter("/set send-displayed off")
      try await screen.line(with: "receipts   delivered, for this room")
      try await screen.enter("/set account typing off")
      try await screen.line(with: "typing     off")
      try await screen.press("Escape")
      // Escape and a key at once would be that key with Alt.
      try await screen.wait(for: "the messages") { !$0.contains { $0.contains("for the account") } }
      try await screen.enter("/set colour blue")
      try await screen.line(with: "no setting 'colour'")
      try await screen.enter("/quit")
      try await screen.wait(for: "the shell") { $0.contains { $0.hasPrefix("$") } }
      let shown = try await stage.lab.run(as: "alice", "room", "show", Stage.team)
      #expect(shown.output.contains("receipts   delivered, for this room") && shown.output.contains("typing     off"))
    }
  }

  @Test func blockedPeopleAreOnlySeenToHaveWritten() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      #expect(try await stage.lab.run(as: "bob", "send", room, "a rude word").exitCode == 0)
      try await screen.line(with: "a rude word")
      try await screen.enter("/block bob")
      try await screen.line(with: "bob", "(blocked)")
      #expect(!(try await screen.lines()).contains { $0.contains("rude") })
      #expect(try await stage.lab.run(as: "bob", "send", room, "another rude word").exitCode == 0)
      try await screen.wait(for: "both, hidden") { $0.count { $0.contains("(blocked)") } == 2 }
      try await screen.enter("/search rude")
      try await screen.line(with: "bob", "(blocked)")
      try await screen.press("Escape")
      try await screen.wait(for: "the messages") { !$0.contains { $0.contains("Search Lab team") } }
      try await screen.enter("/unblock bob")
      try await screen.line(with: "another rude word")
    }
  }

  @Test func aStrangersRoomIsAskedAboutAndOpensWhenAccepted() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let text = try String(contentsOfFile: lab.configuration, encoding: .utf8)
    try text.replacingOccurrences(of: "[account.alice]\n", with: "[account.alice]\ninvitations = \"ask\"\n")
      .write(toFile: lab.configuration, atomically: false, encoding: .utf8)
    let carol = try await lab.listener("carol")
    let screen = try await TmuxScreen(environment: lab.environment)
    try await screen.enter(Stage.line(lab, "alice", ["chat"]))
    try await screen.line(with: "alice@sip.example.org registered")
    #expect(try await lab.run(as: "carol", "room", "create", "Prize", "alice").exitCode == 0)
    try await screen.line(with: "you are invited to the room Prize, with carol: /accept or /decline")
    #expect(!(try await screen.lines()).contains { $0.contains("# Prize") })
    try await screen.enter("/accept")
    try await screen.line(with: "[Prize] >")
    try await screen.line(with: "carol", "added you, alice")
    carol.stop()
  }
}
