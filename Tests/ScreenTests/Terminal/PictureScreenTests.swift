// PictureScreenTests.swift: a picture in terminals that were not made for it: xterm with sixels, and tmux, which has none
import Foundation
import TestSupport
import Testing

/// xterm as a VT340 on an X server of its own, whose picture is taken.
final class XtermScreen {
  private let folder: TemporaryFolder
  private let server: PeerProcess
  private let xterm: PeerProcess
  private let display: String

  init(_ command: [String], environment: [String: String]) async throws {
    folder = try TemporaryFolder()
    server = try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/Xvfb"),
      ["-displayfd", "1", "-screen", "0", "800x600x24", "-nolisten", "tcp", "-noreset"])
    display = ":" + (try await server.line(within: 30, "its display") { !$0.isEmpty })
    guard mkfifo(folder.file("keys").path, 0o600) == 0 else { throw TestFailure("no fifo") }
    let relay = TestPaths.package.appendingPathComponent("Tests/Peers/pty-relay.py").path
    xterm = try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/xterm"),
      ["-ti", "vt340", "-geometry", "80x24+0+0", "-fa", "", "-e", "python3", relay, folder.file("keys").path] + command,
      environment: environment.merging(["DISPLAY": display, "LC_ALL": "C.UTF-8"]) { $1 })
  }

  func type(_ text: String) throws {
    let keys = try FileHandle(forWritingTo: folder.file("keys"))
    try keys.write(contentsOf: Data(text.utf8))
    try keys.close()
  }

  /// The share of the X server's screen that has a colour, about.
  func share(of color: String) async throws -> Double {
    let shot = folder.file("shot.png").path
    let imported = try await CommandRun(
      URL(fileURLWithPath: "/usr/bin/import"), ["-display", display, "-window", "root", shot], within: 20)
    guard imported.exitCode == 0 else { throw TestFailure("no picture: \(imported.errors)") }
    let counted = try await CommandRun(
      URL(fileURLWithPath: "/usr/bin/convert"),
      [shot, "-fuzz", "12%", "-fill", "black", "+opaque", color, "-fill", "white", "-opaque", color]
        + ["-colorspace", "gray", "-format", "%[fx:mean]", "info:"], within: 20)
    return Double(counted.output.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
  }

  func stop() {
    xterm.stop()
    server.stop()
  }
}

@Suite(.serialized) struct PicturesOnScreens {
  private static let colour = "#10e060"

  /// A picture of one colour, by a program that is not ours.
  private static func picture(in folder: TemporaryFolder) async throws -> String {
    let path = folder.file("a green square.png").path
    let made = try await CommandRun(
      URL(fileURLWithPath: "/usr/bin/convert"), ["-size", "240x240", "xc:\(colour)", path], within: 20)
    #expect(made.exitCode == 0, "\(made.errors)")
    return path
  }

  @Test func xtermShowsAPictureThatCameUntilAKeyIsPressed() async throws {
    let folder = try TemporaryFolder()
    let picture = try await Self.picture(in: folder)
    let lab = try await LabProgram()
    let alice = try await lab.listener("alice")
    let sent = try await lab.run(as: "bob", "send", "sip:alice@sip.example.org", "--file", picture)
    #expect(sent.exitCode == 0, "\(sent.errors)")
    _ = try await alice.line(within: 30, "the file") { $0.contains("a green square.png") }
    alice.stop()
    let screen = try await XtermScreen(
      [TestPaths.limeade.path] + lab.arguments("alice", ["chat", "bob"]), environment: lab.environment)
    defer { screen.stop() }
    try await wait("the file is saved") {
      try screen.type("/save\r")
      let list = try await lab.run(as: "alice", "file", "list", "bob")
      return list.output.contains("saved as")
    }
    #expect(try await screen.share(of: Self.colour) < 0.01)
    try screen.type("/picture\r")
    try await wait("the picture is shown") { try await screen.share(of: Self.colour) > 0.05 }
    try screen.type("x")
    try await wait("the picture is gone") { try await screen.share(of: Self.colour) < 0.01 }
    lab.stop()
  }

  @Test func aTerminalWithoutPicturesGetsALineWithTheSize() async throws {
    let folder = try TemporaryFolder()
    let picture = try await Self.picture(in: folder)
    try await Stage.play { stage in
      let screen = stage.screen
      let written = try await screen.record()
      try await screen.enter("/file \"\(picture)\"")
      try await screen.line(with: "[file] a green square.png")
      try await screen.enter("/picture")
      try await screen.line(with: "a green square.png, 240×240")
      try await screen.line(with: "terminal shows no pictures")
      let bytes = try String(decoding: Data(contentsOf: written), as: UTF8.self)
      // tmux would take kitty's question for a title.
      #expect(!bytes.contains("\u{1B}_G"))
      #expect(!bytes.contains("\u{1B}P0"))
      try await screen.enter("still typing")
      try await screen.line(with: "still typing")
    }
  }

  @Test func whatIsNoPictureOrTooLargeIsRefusedByItsHeader() async throws {
    let folder = try TemporaryFolder()
    // A PNG of 100 000 x 100 000 pixels in a few bytes, and a script in a picture's clothes.
    let bomb =
      [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]
      + [0, 1, 0x86, 0xA0, 0, 1, 0x86, 0xA0, 8, 6, 0, 0, 0] as [UInt8]
    try Data(bomb).write(to: folder.file("bomb.png"))
    try Data("<svg xmlns='http://www.w3.org/2000/svg'/>".utf8).write(to: folder.file("script.png"))
    try await Stage.play { stage in
      let screen = stage.screen
      for name in ["bomb.png", "script.png"] {
        try await screen.enter("/file \(folder.file(name).path)")
        try await screen.line(with: "[file] \(name)")
      }
      try await screen.enter("/picture bomb")
      try await screen.line(with: "too large to be shown here (100000×100000)")
      try await screen.enter("/picture script")
      try await screen.line(with: "no PNG, JPEG, GIF or WebP picture")
    }
  }

  private func wait(_ what: String, _ isThere: () async throws -> Bool) async throws {
    for _ in 0..<120 {
      if try await isThere() { return }
      try await Task.sleep(for: .milliseconds(250))
    }
    throw TestFailure("within 30 s it was not so that \(what)")
  }
}
