// EditorScreenTests.swift: the line in the user's editor, pastes without brackets, long texts: in a real terminal
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct EditorsAndLongTexts {
  /// A program as an editor: what it is called with is its last argument.
  private func editor(_ body: String, in folder: TemporaryFolder) throws -> String {
    let file = folder.file("editor")
    try Data("#!/bin/bash\n\(body)\n".utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: file.path)
    return file.path
  }

  private func leftovers(_ lab: LabProgram) throws -> [String] {
    let folder = try #require(lab.environment["XDG_DATA_HOME"], "\(lab.environment)")
    let found = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
    return found.filter { $0.contains("input-") && !$0.hasSuffix(".lock") || $0.contains("message.txt") }
  }

  @Test func theEditorHasTheTerminalAndItsTextComesBackUnsent() async throws {
    let folder = try TemporaryFolder()
    let seen = folder.file("seen").path
    let program = try editor(
      """
      file="${@: -1}"
      { stat -c '%a' "$file" "$(dirname "$file")"; env; cat "$file"; } > '\(seen)'
      stty sane
      [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo 'in the editor'
      read -r line
      printf '%s\\nand a second line\\n' "$line" > "$file"
      cp "$file" "$file~"
      """, in: folder)
    let variables = ["VISUAL": "\(program) --flag", "LIMEADE_PASSWORD": "alice", "NO_COLOR": ""]
    try await Stage.play(environment: variables) { stage in
      try await stage.screen.type("half a text")
      try await stage.screen.press("C-x", "C-e")
      try await stage.screen.line(with: "in the editor")
      #expect(try await !stage.screen.isOn("alternate_on"))
      // Messages that come meanwhile draw nothing, Ctrl-Z and Ctrl-C are the editor's.
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      stage.bob.stop()
      #expect(try await stage.lab.run(as: "bob", "send", room, "meanwhile").exitCode == 0)
      try await stage.screen.press("C-z")
      try await stage.screen.enter("from the editor")
      try await stage.screen.wait(for: "the text in the line") { lines in
        lines[22].hasPrefix("[Lab team] > from the editor") && lines[23].hasSuffix("and a second line")
      }
      try await stage.screen.line(with: "the text is in the line: Enter sends it")
      try await stage.screen.line(with: "bob", "meanwhile")
      let told = try String(contentsOfFile: seen, encoding: .utf8)
      #expect(told.hasPrefix("600\n700\n") && told.hasSuffix("half a text\n"), "\(told)")
      #expect(!told.contains("LIMEADE_PASSWORD"))
      #expect(try leftovers(stage.lab).isEmpty)
      // It was not sent.
      let history = try await stage.lab.run(as: "alice", "history", Stage.team)
      #expect(!history.output.contains("from the editor"))
      try await stage.screen.press("C-_")
      try await stage.screen.line(with: "[Lab team] > half a text")
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "me", "half a text")
    }
  }

  @Test func anEditorThatFailsOrIsMissingLosesNothing() async throws {
    let folder = try TemporaryFolder()
    let program = try editor("echo 'lost?' > \"${@: -1}\"; exit 3", in: folder)
    try await Stage.play(environment: ["EDITOR": program]) { stage in
      try await stage.screen.type("kept")
      try await stage.screen.press("C-x", "C-e")
      try await stage.screen.line(with: "ended with exit code 3: the line is as it was")
      try await stage.screen.line(with: "[Lab team] > kept")
      try FileManager.default.removeItem(atPath: program)
      try await stage.screen.press("C-x", "C-e")
      try await stage.screen.line(with: "which VISUAL or EDITOR names")
      try await stage.screen.line(with: "[Lab team] > kept")
      #expect(try leftovers(stage.lab).isEmpty)
    }
  }

  @Test func theEndOfTheProgramEndsTheEditorAndKeepsWhatItSaved() async throws {
    let folder = try TemporaryFolder()
    let program = try editor(
      "echo 'saved there' > \"${@: -1}\"; echo 'in the editor'; trap 'exit 0' HUP; while :; do read -t 1; done",
      in: folder)
    try await Stage.play(environment: ["EDITOR": program]) { stage in
      let chat = try await stage.screen.foreground()
      try await stage.screen.type("begun")
      try await stage.screen.press("C-x", "C-e")
      try await stage.screen.line(with: "in the editor")
      kill(chat, SIGTERM)
      try await stage.screen.wait(for: "the shell") { $0.contains { $0.hasSuffix("$") } }
      #expect(try leftovers(stage.lab).isEmpty)
      try await stage.screen.enter("clear; \(stage.line("alice", "chat"))")
      try await stage.screen.line(with: "[Lab team] > saved there")
    }
  }

  @Test func whatWasSavedInTheEditorOutlivesAKilledChat() async throws {
    let folder = try TemporaryFolder()
    let program = try editor(
      "echo 'saved there' > \"${@: -1}\"; echo 'in the editor'; trap 'exit 0' HUP; while :; do read -t 1 || exit; done",
      in: folder)
    try await Stage.play(environment: ["EDITOR": program]) { stage in
      let chat = try await stage.screen.foreground()
      try await stage.screen.type("begun")
      // Time for the disk.
      try await Task.sleep(for: .seconds(1))
      try await stage.screen.press("C-x", "C-e")
      try await stage.screen.line(with: "in the editor")
      kill(chat, SIGKILL)
      try await stage.screen.wait(for: "the shell") { $0.contains { $0.hasSuffix("$") || $0.contains("Killed") } }
      #expect(try !leftovers(stage.lab).isEmpty)
      try await stage.screen.enter("stty sane; clear; \(stage.line("alice", "chat"))")
      try await stage.screen.line(with: "[Lab team] > begun")
      try await stage.screen.press("C-p")
      try await stage.screen.line(with: "[Lab team] > saved there")
      #expect(try leftovers(stage.lab).isEmpty)
    }
  }

  @Test func aPasteWithoutBracketsIsOneMessageWhichEnterSends() async throws {
    try await Stage.play { stage in
      let lines = (1...40).map { "pasted line number \($0)" }
      try await stage.screen.pasteUnbracketed(lines.joined(separator: "\n") + "\n")
      try await stage.screen.line(with: "pasted 41 lines: Enter sends them")
      let before = try await stage.lab.run(as: "alice", "history", Stage.team)
      #expect(!before.output.contains("pasted line"))
      try await stage.screen.press("BSpace", "Enter")
      try await stage.bob.event("message", within: 60, ["text": lines.joined(separator: "\n")])
      try await stage.screen.line(with: "… 26 more lines, Alt-v or /view")
      try await stage.screen.press("M-v")
      try await stage.screen.line(with: " pasted line number 1")
      try await stage.screen.press("PageDown", "PageDown", "PageDown")
      try await stage.screen.line(with: " pasted line number 40")
    }
  }
}
