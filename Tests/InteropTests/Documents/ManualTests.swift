// ManualTests.swift: the man pages say what the program does: every command, option, setting and exit code.
import Foundation
import TestSupport
import Testing

@Suite struct ManualPages {
  private static let folder = TestPaths.package.appendingPathComponent("Resources/man")

  private static func page(_ name: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8).replacing("\\-", with: "-")
  }

  @Test func thePageIsWhatTheProgramSaysOfItself() async throws {
    let folder = try TemporaryFolder()
    let written = folder.file("limeade.1")
    let run = try await CommandRun(
      TestPaths.package.appendingPathComponent("scripts/man-pages"),
      ["--program", TestPaths.limeade.path, "--output", written.path])
    #expect(run.exitCode == 0, "\(run.errors)")
    let now = try String(contentsOf: written, encoding: .utf8)
    let kept = try String(contentsOf: Self.folder.appendingPathComponent("limeade.1"), encoding: .utf8)
    #expect(now == kept, "Resources/man/limeade.1 is older than the program: run scripts/man-pages")
  }

  /// By `--help` itself, which is not what the page was made from.
  @Test func everyOptionOfEveryHelpIsInThePage() async throws {
    let page = try Self.page("limeade.1")
    var commands: [[String]] = [[]]
    var options = 0
    while let command = commands.popLast() {
      let help = try await CommandRun(TestPaths.limeade, ["help"] + command).output
      let title = "\\fBlimeade \(command.joined(separator: " "))\\fR"
      #expect(command.isEmpty || page.contains(title) || help.contains("SUBCOMMANDS:"))
      for option in help.matches(of: /\n  (?:-[a-z], )?(--[a-z-]+)/) {
        options += 1
        #expect(page.contains("\\fB\(option.output.1)\\fR"), "\(command) \(option.output.1)")
      }
      if let list = help.split(separator: "SUBCOMMANDS:").dropFirst().first {
        for name in list.matches(of: /\n  ([a-z]+)\s/) { commands.append(command + [String(name.output.1)]) }
      }
    }
    #expect(options > 100)
    for code in [0, 10, 64, 65, 69, 73, 75, 76, 77, 78] { #expect(page.contains(".B \(code)\n")) }
  }

  /// The program names its settings when it meets one that it does not know.
  @Test func everySettingIsInThePageAndNoOther() async throws {
    let page = try Self.page("limeade-config.5")
    let described = Set(page.matches(of: /\.TP\n\.B ([a-z-]+)\n/).map { String($0.output.1) })
    var known: Set<String> = []
    for (text, command) in [
      ("nonsense = 1\n", ["room", "list"]), ("[account.a]\nnonsense = 1\n", ["room", "list"]),
      ("[ui]\nnonsense = 1\n", ["chat"]),
    ] {
      let folder = try TemporaryFolder()
      try Data(text.utf8).write(to: folder.file("config.toml"))
      let run = try await CommandRun(
        TestPaths.limeade, ["--config", folder.file("config.toml").path, "--account", "a"] + command)
      #expect(run.exitCode == 78)
      let list = try #require(run.errors.split(separator: "known are ").last)
      known.formUnion(list.split(separator: ",").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) })
    }
    #expect(known.isSuperset(of: ["password-command", "default", "room-order"]))
    #expect(described == known)
  }

  @Test(arguments: ["limeade.1", "limeade-config.5", "limeade-rpc.7"])
  func thePageIsSetWithoutWarnings(_ name: String) async throws {
    let run = try await CommandRun(
      URL(fileURLWithPath: "/usr/bin/man"), ["--warnings", "-l", Self.folder.appendingPathComponent(name).path],
      environment: ["LC_ALL": "C.UTF-8", "MANPAGER": "cat", "PAGER": "cat", "MAN_KEEP_STDERR": "1"])
    #expect(run.exitCode == 0)
    #expect(run.errors.isEmpty, "\(run.errors)")
    #expect(run.output.contains("NAME"))
  }

  /// Bash runs the script that the program writes; what it offers for an account and a room comes from the files.
  @Test func theShellCompletesCommandsAccountsAndRooms() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let made = try await lab.run(as: "alice", "room", "create", "Harbour", "sip:bob@sip.example.org")
    #expect(made.exitCode == 0)
    let script = """
      set -e; PATH=$(dirname "$0"):$PATH; . <(limeade --generate-completion-script bash)
      try() {
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMPREPLY=()
        _limeade limeade "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}" 2>/dev/null || true
        echo "${COMPREPLY[*]}"
      }
      try limeade hist; try limeade --config "$1" --account ''; try limeade send --wait ''
      try limeade --config "$1" --account alice history ''
      """
    let run = try await CommandRun(
      URL(fileURLWithPath: "/bin/bash"), ["-c", script, TestPaths.limeade.path, lab.configuration],
      environment: lab.environment)
    let lines = run.output.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines.count == 5, "\(run.output) \(run.errors)")
    #expect(lines.first?.contains("history") == true)
    #expect(lines.dropFirst().first?.contains("alice") == true && lines[1].contains("carol"))
    #expect(lines.dropFirst(2).first?.contains("displayed") == true)
    #expect(lines.dropFirst(3).first?.contains("Harbour") == true, "\(run.output)")
    bob.stop()
  }
}
