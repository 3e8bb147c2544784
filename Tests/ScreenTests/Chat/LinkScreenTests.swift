// LinkScreenTests.swift: links in the chat: marked for the terminal, opened, copied, selected, as the user meets them
import Foundation
import TestSupport
import Testing

/// A program of the user's in place of a browser.
private enum Opener {
  /// A program that writes its arguments to a file, one a line.
  static func make(in folder: TemporaryFolder) throws -> (command: String, opened: URL) {
    let opened = folder.file("opened")
    let program = folder.file("opener")
    try Data("#!/bin/sh\nprintf '%s\\n' \"$@\" >>'\(opened.path)'\n".utf8).write(to: program)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: program.path)
    return (program.path, opened)
  }

  static func lines(_ file: URL, count: Int) async throws -> [String] {
    for _ in 0..<500 {
      let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
      let lines = text.split(separator: "\n").map(String.init)
      if lines.count >= count { return lines }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw TestFailure("the program was not started")
  }
}

@Suite(.serialized) struct LinksInTmux {
  @Test func linksAreMarkedAndOpenedWithoutAShell() async throws {
    let folder = try TemporaryFolder()
    let (command, opened) = try Opener.make(in: folder)
    let pwned = folder.file("pwned").path
    try await Stage.play(interface: "[ui]\nopen-command = \"\(command) -n\"\n") { stage in
      let screen = stage.screen
      let first = "https://example.org/first?a=b&c=$(touch$IFS\(pwned));x"
      let second = "https://example.org/" + String(repeating: "second/", count: 12)
      let written = try await screen.record()
      for text in ["look: \(first)", "and (\(second))."] {
        let sent = try await stage.lab.run(as: "bob", "send", Stage.team, text)
        #expect(sent.exitCode == 0, "\(sent.errors)")
      }
      try await screen.line(with: "second/second")
      try await screen.enter("/open 2")
      #expect(try await Opener.lines(opened, count: 2) == ["-n", first])
      try await screen.enter("/open")
      try await screen.line(with: ">1 ", "bob", "https://example.org/second")
      try await screen.press("Down")
      try await screen.line(with: ">2 ", "bob", "https://example.org/first")
      try await screen.press("Up", "Enter")
      #expect(try await Opener.lines(opened, count: 4).suffix(2) == ["-n", second])
      #expect(!FileManager.default.fileExists(atPath: pwned))
      // Each piece of the wrapped address carries it whole.
      let bytes = try String(decoding: Data(contentsOf: written), as: UTF8.self)
      #expect(bytes.ranges(of: ";\(second)\u{1B}\\").count >= 2)
      try await screen.enter("/open 9")
      try await screen.line(with: "'9' is none of the 2 links and files")
      try await screen.enter("/copy 2")
      try await screen.line(with: "given to the terminal's clipboard")
      let copied = Data(first.utf8).base64EncodedString()
      let all = try String(decoding: Data(contentsOf: written), as: UTF8.self)
      #expect(all.contains("\u{1B}]52;c;\(copied)\u{1B}\\"))
    }
  }

  @Test func theBareModeShowsWholeLinesAndKeepsWhatWasTyped() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      let text = "https://example.org/" + String(repeating: "abcdefghi/", count: 9) + "end"
      try await screen.enter("see \(text)")
      try await screen.line(with: "end")
      try await screen.type("a draft")
      try await screen.press("M-l")
      let lines = try await screen.wait(for: "the bare messages") { $0.contains { $0.contains("any key goes back") } }
      // Nothing stands before the rest of what the terminal has broken.
      #expect(lines.joined().contains(text))
      #expect(!lines.contains { $0.contains("registered") })
      let sent = try await stage.lab.run(as: "bob", "send", Stage.team, "meanwhile")
      #expect(sent.exitCode == 0)
      try await screen.press("x")
      try await screen.line(with: "meanwhile")
      try await screen.line(with: "[Lab team] > a draft")
      #expect(try await !screen.lines().contains { $0.contains("draftx") })
    }
  }

  @Test func aProgramThatIsNotThereOrFailsIsASentence() async throws {
    try await Stage.play(interface: "[ui]\nopen-command = \"/nonexistent/browser\"\ncopy-command = \"false\"\n") {
      stage in
      let screen = stage.screen
      try await screen.enter("/open")
      try await screen.line(with: "! this room has no links and no saved files")
      try await screen.enter("https://example.org/")
      try await screen.line(with: "me", "https://example.org/")
      try await screen.enter("/open")
      try await screen.line(with: "there is no program /nonexistent/browser")
      try await screen.enter("/copy")
      try await screen.line(with: "false failed with exit code 1")
    }
  }
}

@Suite(.serialized) struct FilesInTmux {
  @Test func pathsWithBlanksAreCompletedSavedAndOpened() async throws {
    let folder = try TemporaryFolder()
    let home = folder.file("home with blank")
    let downloads = home.appendingPathComponent("Téléchargements")
    let settings = home.appendingPathComponent(".config")
    for made in [home.appendingPathComponent("my \"dir\""), downloads, settings] {
      try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
    }
    try Data("# made by a file manager\nXDG_DOWNLOAD_DIR=\"$HOME/Téléchargements\"\n".utf8)
      .write(to: settings.appendingPathComponent("user-dirs.dirs"))
    try Data("one".utf8).write(to: home.appendingPathComponent("my \"dir\"/a file.txt"))
    try Data("two".utf8).write(to: home.appendingPathComponent("my \"dir\"/another.txt"))
    let (command, opened) = try Opener.make(in: folder)
    let environment = ["HOME": home.path, "XDG_CONFIG_HOME": settings.path, "XDG_DOWNLOAD_DIR": ""]
    try await Stage.play(interface: "[ui]\nopen-command = \"\(command)\"\n", environment: environment) { stage in
      let screen = stage.screen
      try await screen.type("/file ~/my")
      try await screen.press("Tab")
      try await screen.line(with: "> /file ~/my\\ \\\"dir\\\"/")
      try await screen.press("Tab")
      try await screen.line(with: "1/2  a file.txt  another.txt")
      try await screen.line(with: "/a\\ file.txt")
      try await screen.press("Enter")
      try await screen.line(with: "[file] a file.txt")
      // What comes is saved where file managers put it, though the terminal's language is another.
      let sent = try await stage.lab.run(
        as: "bob", "send", Stage.team, "--file", home.appendingPathComponent("my \"dir\"/another.txt").path)
      #expect(sent.exitCode == 0, "\(sent.errors)")
      try await screen.line(with: "bob", "[file] another.txt")
      try await screen.enter("/save")
      try await screen.line(with: "~/Téléchargements)")
      try await screen.enter("/open")
      _ = try await Opener.lines(opened, count: 1)
      let path = downloads.appendingPathComponent("another.txt").path
      #expect(try String(contentsOf: opened, encoding: .utf8) == path + "\n")
    }
  }
}
