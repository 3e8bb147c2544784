// ShellCompletionTests.swift: Tab in bash, zsh and fish offers rooms whose names others chose, and runs nothing
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct ShellCompletions {
  /// Names that carol gives to rooms that she invites alice to, and what alice types of them.
  private static let names = [
    (name: "Ops $(touch MARK)", typed: ["O", "Ops\\ ", "\"O", "'O", "\"Ops $", "'Ops $("]),
    (name: "Back `touch MARK` tick", typed: ["Ba", "\"Back `", "'Ba"]),
    (name: "${MARK:=x} <(touch MARK) dollar", typed: ["\\$", "\"\\$", "'$"]),
    (name: "Quote's \"double\" $(touch MARK)", typed: ["Qu", "\"Qu", "'Qu"]),
    (name: "Deploy!! done", typed: ["De", "\"De", "'De"]),
    (name: "Semi; touch MARK & {a,b} x>MARK", typed: ["Se", "\"Se", "'Se"]),
    (name: "*star ~root", typed: ["\\*", "\"*"]),
    (name: "Grüße aus: Köln", typed: ["Gr", "\"Gr", "Grüße\\ aus:"]),
  ]

  private static func play(_ body: (LabProgram, _ folder: URL) async throws -> Void) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let alice = try await lab.listener("alice")
    for (number, name) in names.enumerated() {
      let made = try await lab.run(as: "carol", "room", "create", name.name, "alice", "--json")
      let room = try #require(made.events.first?["room"], "\(made.errors)")
      _ = try await lab.run(as: "carol", "send", room, "message number \(number)")
      try await alice.event("message", ["text": "message number \(number)"])
    }
    // Names that mean something to a command line are not offered: nothing may become an option or somebody's home.
    for name in ["-rf", "--output=MARK", "~root", "sip:bob@sip.example.org"] {
      let made = try await lab.run(as: "carol", "room", "create", "--", name, "alice")
      #expect(made.exitCode == 0, "\(made.errors)")
    }
    let folder = lab.folder.file("shell")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      at: folder.appendingPathComponent("limeade"), withDestinationURL: TestPaths.limeade)
    try await body(lab, folder)
    alice.stop()
  }

  @Test(.timeLimit(.minutes(5)), arguments: ["bash", "zsh", "fish"])
  func whatPeersNamedTheirRoomsIsInertAndCompletesToTheRoom(shell: String) async throws {
    try await Self.play { lab, folder in
      let script = try await CommandRun(TestPaths.limeade, ["--generate-completion-script", shell])
      #expect(script.exitCode == 0)
      // fish takes a description behind a tab, and quotes by itself.
      let path = folder.appendingPathComponent(shell == "zsh" ? "_limeade" : "completion.\(shell)").path
      // As scripts/package installs it: without the line that a program begins with.
      let installed = script.output.hasPrefix("#!") ? script.output.drop { $0 != "\n" }.dropFirst() : script.output[...]
      #expect(!installed.contains("-W \"$("))
      try installed.write(toFile: path, atomically: true, encoding: .utf8)
      let work = lab.folder.file("work")
      try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
      let screen = try await TmuxScreen(
        columns: 220, rows: 50,
        environment: lab.environment.merging([
          "HOME": work.path, "ZDOTDIR": work.path, "XDG_CONFIG_HOME": work.path,
        ]) { $1 })
      try await screen.enter("cd '\(work.path)'; export PATH='\(folder.path)':\"$PATH\"")
      switch shell {
      case "zsh":
        try await screen.enter("exec zsh -f")
        try await screen.enter("PS1='ready> '; fpath=('\(folder.path)' $fpath); autoload -Uz compinit; compinit -u -D")
      case "fish":
        try await screen.enter("exec fish -N -C 'source \(path); function fish_prompt; echo \"ready> \"; end'")
      default: try await screen.enter("set -o histexpand; PS1='ready> '; source '\(path)'")
      }
      try await screen.line(with: "ready>")
      let command = "limeade --config \(lab.configuration) --account alice history "
      for (number, name) in Self.names.enumerated() {
        for typed in name.typed {
          // In double quotes zsh and fish look for variables after a "$", and zsh for commands after a "`"; fish looks
          // for files after a "*".
          if shell != "bash", ["\"\\$", "\"Ops $"].contains(typed) { continue }
          if shell == "zsh", typed == "\"Back `" { continue }
          if shell == "fish", ["\\*", "\"*"].contains(typed) { continue }
          try await screen.press("C-l")
          try await screen.wait(for: "an empty screen") { $0.filter { !$0.isEmpty }.count <= 1 }
          try await screen.type(command + typed)
          try await screen.line(with: (command + typed).trimmingCharacters(in: .whitespaces))
          try await screen.press("Tab")
          let tail = String(name.name.suffix(3)).trimmingCharacters(in: .punctuationCharacters)
          let end = typed.hasPrefix("\"") ? "\"" : typed.hasPrefix("'") ? "'" : tail
          try await screen.wait(for: "\(typed) completed to \(name.name)", within: 20) { lines in
            let line = lines.filter { !$0.isEmpty }.joined()
            return line.dropFirst(command.count).contains(tail) && line.contains(end)
          }
          try await screen.press("Enter")
          try await screen.line(with: "message number \(number)", within: 20)
        }
      }
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: work.path).filter { !$0.hasPrefix(".") }
          .filter { !["fish", "limeade"].contains($0) }.isEmpty)
      // Nothing that looks like an option, a home folder or a person is offered as a name.
      let words = try await Self.offered("", shell, lab)
      #expect(words.count == Self.names.count + 4, "\(words)")
      for word in words { #expect(!word.hasPrefix("-") && !word.hasPrefix("~") && !word.hasPrefix("\\~"), "\(word)") }
      #expect(!words.contains { $0.contains("bob") }, "\(words)")
    }
  }

  /// What the program itself answers to the completion scripts, also to those of other versions.
  private static func offered(_ typed: String, _ shell: String, _ lab: LabProgram) async throws -> [String] {
    let line = ["limeade", "--config", lab.configuration, "--account", "alice", "history", typed]
    let run = try await CommandRun(
      TestPaths.limeade, ["---completion", "history", "--", "positional@0", "6", "0"] + line,
      environment: lab.environment.merging(["SAP_SHELL": shell]) { $1 })
    return run.lines
  }

  @Test func aScriptOfAnotherVersionExpandsNothingEither() async throws {
    try await Self.play { lab, folder in
      // As it was generated by swift-argument-parser: compgen -W.
      let check = """
        cd '\(folder.path)'; cur=Ops; COMPREPLY=()
        words="$(SAP_SHELL=bash ./limeade ---completion history -- positional@0 6 0 limeade --config \
        '\(lab.configuration)' --account alice history O)"
        while IFS='' read -r word; do COMPREPLY+=("$word"); done < <(IFS=$'\\n' compgen -W "$words" -- "$cur")
        printf '%s\\n' "${COMPREPLY[@]}"
        """
      let run = try await CommandRun(
        URL(fileURLWithPath: "/bin/bash"), ["-c", check], environment: lab.environment)
      #expect(run.output == "Ops $(touch MARK)\n", "\(run.errors)")
      #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("MARK").path))
      #expect(try await !Self.offered("De", "zsh", lab).contains { $0.contains("!") })
    }
  }
}
