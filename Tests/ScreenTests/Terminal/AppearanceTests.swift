// AppearanceTests.swift: theme files, NO_COLOR, the bell and desktop notifications, in what the terminal gets
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct AppearanceInTmux {
  private static let theme = """
    base = "none"
    prompt = "bold 201"
    header = "underlined 15 on 53"
    sender-colors = [46]
    """

  private func write(theme: String, to stage: LabProgram) throws {
    let folder = URL(fileURLWithPath: stage.configuration).deletingLastPathComponent().appendingPathComponent("themes")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(theme.utf8).write(to: folder.appendingPathComponent("mine.toml"))
  }

  /// The colours of the prompt, as SGR parameters.
  private func prompt(_ screen: TmuxScreen) async throws -> String {
    let lines = try await screen.colouredLines()
    return try #require(lines.first { $0.contains("[Lab team] >") }, "\(lines)")
  }

  @Test func aThemeFileColoursTheScreenAndNoColorTakesAllColoursAway() async throws {
    try await Stage.play(echo: true, environment: ["NO_COLOR": ""]) { stage in
      try write(theme: Self.theme, to: stage.lab)
      func restart(_ variables: String, _ options: String...) async throws {
        try await stage.screen.press("C-d")
        try await stage.screen.wait(for: "the shell") { !$0.contains { $0.contains("registered") } }
        let line = Stage.line(stage.lab, "alice", ["chat"] + options)
        try await stage.screen.enter("\(variables) \(line)")
        try await stage.screen.line(with: "alice@sip.example.org registered")
      }
      let dark = try await prompt(stage.screen)
      #expect(dark.contains("38;5;75m"), "\(dark)")

      try await restart("", "--theme", "mine")
      let mine = try await prompt(stage.screen)
      #expect(mine.contains("38;5;201m"), "\(mine)")
      #expect(try await stage.screen.colouredLines()[0].contains("48;5;53m"))
      try await stage.screen.enter("hello")
      try await stage.screen.line(with: "bob        ◇ echo of")
      #expect(try await stage.screen.colouredLines().contains { $0.contains("38;5;46m") && $0.contains("bob") })

      try await restart("", "--theme", "light")
      let light = try await prompt(stage.screen)
      #expect(light.contains("38;5;25m"), "\(light)")

      for variables in ["NO_COLOR=1", "TERM=vt100"] {
        try await restart(variables, "--theme", "mine")
        let colours = try await stage.screen.colouredLines().filter { $0.contains("38;5;") || $0.contains("48;5;") }
        #expect(colours.isEmpty, "\(variables): \(colours)")
      }

      try await stage.screen.press("C-d")
      try await stage.screen.wait(for: "the shell") { !$0.contains { $0.contains("registered") } }
      try await stage.screen.enter("clear; TERM=xterm-nowhere \(Stage.line(stage.lab, "alice", ["chat"]))")
      try await stage.screen.line(with: "there is no terminfo entry for TERM \"xterm-nowhere\"")
      try await stage.screen.line(with: "ncurses-term")
    }
  }

  @Test(arguments: [
    ("base = \"dusk\"", "mine.toml, line 1: base: \"dusk\" is none of auto, dark, light, contrast, palette, none"),
    ("base = \"dark\"\nsidebar = \"bold\"", "mine.toml, line 2: sidebar: a theme has no 'sidebar'"),
    ("prompt = \"pink\"", "mine.toml, line 1: prompt: 'pink' is no style"),
    ("prompt = ", "mine.toml, line 1"),
  ])
  func aMistakeInAThemeFileIsToldWithItsLine(theme: String, message: String) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    try write(theme: theme, to: lab)
    let run = try await lab.run(as: "alice", "chat", "--theme", "mine")
    #expect(run.exitCode == 78)
    #expect(run.errors.contains(message), "\(run.errors)")
  }

  @Test func insideGNUScreenItLooksAsElsewhere() async throws {
    try await Stage.play { stage in
      let folder = try TemporaryFolder()
      let settings = folder.file("screenrc")
      try Data("startup_message off\n".utf8).write(to: settings)
      let sockets = folder.file("sockets")
      try FileManager.default.createDirectory(
        at: sockets, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      try await stage.screen.press("C-d")
      try await stage.screen.wait(for: "the shell") { !$0.contains { $0.contains("registered") } }
      // The program is screen's only window, so that screen ends with it.
      let chat = stage.line("alice", "chat")
      let start = "SCREENDIR='\(sockets.path)' screen -U -c '\(settings.path)'"
      try await stage.screen.enter("\(start) \(chat); echo over")
      try await stage.screen.line(with: "alice@sip.example.org registered")
      try await stage.screen.enter("日本 é 👍 in screen")
      let line = try await stage.screen.line(with: "✓ 日本 é 👍 in screen")
      #expect(line.hasPrefix("                    │"), "\(line)")
      let lines = try await stage.screen.lines()
      #expect(lines[0].hasPrefix(" Lab team  🔒 E2EE untrusted"))
      #expect(lines[23].hasPrefix("[Lab team] >"))
      try await stage.screen.press("C-d")
      try await stage.screen.wait(for: "the shell") { $0.contains("over") }
    }
  }

  /// tmux passes it on in a sequence of its own. What others write must not end the sequence.
  @Test(arguments: [
    ("osc777", "\u{1B}]777;notify;bob in Lab team;alice: a,b \u{FFFD}]0,x\u{FFFD}\u{07}"),
    ("osc9", "\u{1B}]9;bob in Lab team: alice: a,b \u{FFFD}]0,x\u{FFFD}\u{07}"),
  ])
  func aMentionInAnotherRoomRingsAndNotifies(form: String, sequence: String) async throws {
    try await Stage.play(interface: "[ui]\nnotify = \"\(form)\"") { stage in
      let written = try await stage.screen.record()
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.line(with: "▌ 2 # Ops")
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      stage.bob.stop()
      let quiet = try await stage.lab.run(as: "bob", "send", room, "nothing for you")
      #expect(quiet.exitCode == 0)
      try await stage.screen.line(with: "  1 # Lab team", "1 │")
      #expect(try await stage.lab.run(as: "bob", "send", room, "alice: a;b \u{1B}]0;x\u{07}").exitCode == 0)
      try await stage.screen.line(with: "  1 # Lab team", "2! │")
      let deadline = ContinuousClock.now + .seconds(60)
      var text = ""
      while !text.contains(sequence) || !text.contains("\u{07}"), ContinuousClock.now < deadline {
        try await Task.sleep(for: .milliseconds(50))
        text = String(decoding: (try? Data(contentsOf: written)) ?? Data(), as: UTF8.self)
      }
      #expect(text.contains(sequence), "\(text.suffix(2000).debugDescription)")
      // One bell of its own, for the mention alone; the other byte ends the sequence.
      #expect(text.count { $0 == "\u{07}" } == 2)
      #expect(!text.contains("nothing for you"))
    }
  }
}
