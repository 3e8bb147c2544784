// PipesTests.swift: limeade in pipes and scripts: closed descriptors, odd bytes, line ends, servers that say nothing
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct Pipes {
  private static let bob = "sip:bob@sip.example.org"

  /// A line of bash, in which `$limeade` is the program with alice's account.
  private func bash(
    _ line: String, _ lab: LabProgram, account: String = "alice", environment: [String: String] = [:]
  ) async throws -> CommandRun {
    let words = [TestPaths.limeade.path] + lab.arguments(account, [])
    let limeade = words.map { "'\($0)'" }.joined(separator: " ")
    return try await CommandRun(
      URL(fileURLWithPath: "/bin/bash"), ["-c", "limeade() { \(limeade) \"$@\"; }; \(line)"],
      environment: lab.environment.merging(environment) { $1 })
  }

  @Test func closedDescriptorsEndNoCommandWithACrash() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    #expect(try await lab.run(as: "alice", "room", "create", "Ops", Self.bob).exitCode == 0)
    let closed = try await bash("limeade send Ops <&-", lab)
    #expect(closed.exitCode == 65, "\(closed.exitCode) \(closed.errors)")
    #expect(closed.errors.split(separator: "\n").count == 1 && closed.errors.contains("standard input"))
    let commands = [
      "send Ops -", "send Ops text", "history Ops", "room list", "room show Ops", "keys show", "keys verify bob",
      "account show", "message react Ops last +", "file list Ops", "account passphrase", "chat --plain Ops",
      "listen --timeout 1", "account add x --address sip:x@sip.example.org --no-try",
      "lab --users /dev/stdin", "keyserver --users /dev/stdin", "lab --print-config",
    ]
    for command in commands {
      for redirection in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let run = try await bash("limeade \(command) \(redirection)", lab)
        let isOrderly = [0, 10, 64, 65, 69, 73, 75, 76, 78].contains(run.exitCode)
        #expect(isOrderly, "\(command) \(redirection): \(run.exitCode)")
      }
    }
    bob.stop()
  }

  @Test func aMessageThatWentOutIsNoFailureWhenThatCannotBeSaid() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    #expect(try await lab.run(as: "alice", "room", "create", "Ops", Self.bob).exitCode == 0)
    for (number, redirection) in [">/dev/full", ">&-", "| true", "--json >/dev/full"].enumerated() {
      let run = try await bash(
        "set -o pipefail; limeade send Ops 'once \(number)' --wait delivered \(redirection)", lab)
      #expect(run.exitCode == 0, "\(redirection): \(run.exitCode) \(run.errors)")
      if !redirection.hasPrefix("|") {
        #expect(run.errors.contains("standard output cannot be written"), "\(run.errors)")
        #expect(run.errors.contains("done all the same"))
      }
      try await bob.event("message", ["text": "once \(number)"])
    }
    for command in ["message edit Ops last x", "room create Other \(Self.bob)", "room leave Other", "keys publish"] {
      let run = try await bash("limeade \(command) >/dev/full", lab)
      #expect(run.exitCode == 0, "\(command): \(run.errors)")
    }
    // What fails says so all the same.
    let failed = try await bash("limeade send Nobody text >/dev/full", lab)
    #expect(failed.exitCode == 65)
    // What only shows something fails when it cannot.
    #expect(try await bash("limeade history Ops >/dev/full", lab).exitCode == 73)
    bob.stop()
  }

  @Test func aTextThatIsBlankOrHasANulIsRefused() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    #expect(try await lab.run(as: "alice", "room", "create", "Ops", Self.bob).exitCode == 0)
    for (text, cause) in [("before\\0after", "a NUL (U+0000) in line 1"), ("a\\nb\\0", "line 2"), ("\\0", "blank")] {
      let run = try await bash("printf '\(text)' | limeade send Ops -", lab)
      #expect(run.exitCode == 65 && run.errors.contains(cause), "\(text): \(run.errors)")
    }
    for text in ["", "   ", "\\n\\n", "\\t \\r\\n", "\\u200b\\u2800 "] {
      let run = try await bash("printf '\(text)' | limeade send Ops -", lab)
      #expect(run.exitCode == 65 && run.errors.contains("nothing to send"), "\(text): \(run.errors)")
      #expect(try await bash("limeade send Ops $'\(text)'", lab).exitCode == 65, "\(text)")
    }
    let edited = try await bash("limeade send Ops text && limeade message edit Ops last ' '", lab)
    #expect(edited.exitCode == 65, "\(edited.errors)")
    // Ordinary lines, tabs and ends of lines go as they are.
    #expect(try await bash("printf 'one\\n\\ttwo\\n' | limeade send Ops - --wait delivered", lab).exitCode == 0)
    try await bob.event("message", ["text": "one\n\ttwo"])
    #expect(!bob.output.contains { $0.contains("after") })
    bob.stop()
  }

  @Test func linesMayEndAsWindowsEndsThem() async throws {
    let folder = try TemporaryFolder()
    let users = folder.file("users")
    try Data("# people\r\n\r\nalice:one\r\nbob:two\r\n".utf8).write(to: users)
    let lab = try await LabProgram(["--users", users.path])
    defer { lab.stop() }
    // The password is the line without its end, in the configuration that the lab writes too.
    let bob = try await lab.listener("bob")
    let said = lab.folder.file("said")
    try Data("over\r\n".utf8).write(to: said)
    let sent = try await bash("limeade send \(Self.bob) - --wait delivered <'\(said.path)'", lab)
    #expect(sent.exitCode == 0, "\(sent.errors)")
    try await bob.event("message", ["text": "over"])
    let typed = try await bash(
      "printf 'first\\r\\nsecond\\r\\n  \\r\\nthird' | limeade chat --plain \(Self.bob) >/dev/null", lab)
    #expect(typed.exitCode == 0, "\(typed.errors)")
    for text in ["first", "second", "third"] { try await bob.event("message", ["text": text]) }
    // password-command, and the answers of --exec.
    let configuration = try String(contentsOfFile: lab.configuration, encoding: .utf8)
    let other = configuration.replacing(
      "password = \"two\"", with: "password-command = \"printf 'two\\\\r\\\\nlogin: bob\\\\r\\\\n'\"")
    #expect(other != configuration)
    bob.stop()
    let path = lab.folder.file("other.toml").path
    try Data(other.replacing("\n", with: "\r\n").utf8).write(to: URL(fileURLWithPath: path))
    chmod(path, 0o600)
    let bot = try PeerProcess(
      TestPaths.limeade,
      ["--config", path, "--account", "bob", "listen", "--json", "--exec", "printf answer\\r\\n", "--reply"],
      environment: lab.environment, name: "bot")
    try await bot.event("registered")
    bot.stop()
  }

  @Test func aFileWhoseNameIsNoUTF8IsSent() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let folder = lab.folder.file("files").path
    let run = try await bash(
      """
      mkdir '\(folder)'; cd '\(folder)'; echo content >$'caf\\xe9.txt'; echo other >$'caf\\xe8.txt'
      limeade send \(Self.bob) 'a file' --file $'caf\\xe9.txt' --file=$'caf\\xe8.txt' --wait delivered
      """, lab)
    #expect(run.exitCode == 0, "\(run.errors)")
    let event = try await bob.event("message", ["text": "a file"])
    #expect(event["files"]?.contains("caf") == true, "\(event)")
    let listed = try await bash("limeade file list sip:alice@sip.example.org --json", lab, account: "bob")
    let id = try #require(listed.events.first?["id"])
    let saved = try await bash("cd '\(folder)'; limeade file save \(id) --to got && cat got/*", lab, account: "bob")
    #expect(saved.exitCode == 0 && saved.output.contains("content"), "\(saved.errors)")
    let missing = try await bash("limeade send \(Self.bob) x --file $'\\xff\\xfe'", lab)
    #expect(missing.exitCode != 0 && missing.errors.split(separator: "\n").count == 1, "\(missing.errors)")
    bob.stop()
  }

  @Test func programsThatAreStartedGetNoPasswordByTheEnvironment() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let print = lab.folder.file("environment")
    let told = lab.folder.file("of the parent")
    let script = lab.folder.file("tell").path
    try Data("#!/bin/sh\nenv >>'\(print.path)'; tr '\\0' '\\n' </proc/$PPID/environ >>'\(told.path)'; echo bob\n".utf8)
      .write(to: URL(fileURLWithPath: script))
    chmod(script, 0o700)
    let secrets = ["LIMEADE_PASSWORD": "bob", "LIMEADE_PASSPHRASE": "hidden words", "SOMETHING_ELSE": "kept"]
    let bob = try PeerProcess(
      TestPaths.limeade, lab.arguments("bob", ["listen", "--json", "--exec", script, "--reply"]),
      environment: lab.environment.merging(secrets) { $1 }, name: "bob")
    try await bob.event("registered")
    let alice = try await lab.listener("alice")
    #expect(try await lab.run(as: "alice", "send", Self.bob, "question", "--wait", "delivered").exitCode == 0)
    try await alice.event("message", ["text": "bob"])
    // password-command and passphrase-command.
    let configuration = try String(contentsOfFile: lab.configuration, encoding: .utf8)
    let path = lab.folder.file("commands.toml").path
    try Data(configuration.replacing("password = \"carol\"", with: "password-command = \"\(script)\"").utf8)
      .write(to: URL(fileURLWithPath: path))
    chmod(path, 0o600)
    _ = try await CommandRun(
      TestPaths.limeade, ["--config", path, "--account", "carol", "send", Self.bob, "x"],
      environment: lab.environment.merging(["LIMEADE_PASSPHRASE": "hidden words"]) { $1 })
    for file in [print, told] {
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(text.contains("SOMETHING_ELSE=kept"))
      #expect(!text.contains("LIMEADE_PASS") && !text.contains("hidden words"), "\(text)")
    }
    for process in [alice, bob] { process.stop() }
  }

  @Test(.timeLimit(.minutes(2))) func aServerThatAnswersNothingKeepsNeitherSignalsNorTimeouts() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    // It takes connections and never reads.
    let silent = try LoopbackSocket.listening()
    let configuration = try String(contentsOfFile: lab.configuration, encoding: .utf8)
    let path = lab.folder.file("silent.toml").path
    try Data(configuration.replacing(lab.proxy, with: "sip:127.0.0.1:\(silent.port);transport=tcp").utf8)
      .write(to: URL(fileURLWithPath: path))
    chmod(path, 0o600)
    func words(_ line: [String]) -> [String] { ["--config", path, "--account", "alice"] + line }
    for line in [
      ["send", Self.bob, "text", "--timeout", "2"], ["listen", "--count", "1", "--timeout", "2"],
      ["message", "edit", Self.bob, "last", "x", "--timeout", "2"],
    ] {
      let start = ContinuousClock.now
      let run = try await CommandRun(TestPaths.limeade, words(line), environment: lab.environment)
      #expect(run.exitCode == 75, "\(line): \(run.exitCode) \(run.errors)")
      #expect(ContinuousClock.now - start < .seconds(8), "\(line)")
    }
    for line in [
      ["send", Self.bob, "text"], ["listen"], ["listen", "--daemon"], ["chat", "--plain", Self.bob],
      ["room", "create", "x", Self.bob],
    ] {
      for signal in ["INT", "TERM", "HUP"] {
        let command = ([TestPaths.limeade.path] + words(line)).map { "'\($0)'" }.joined(separator: " ")
        // A job of its own, so that SIGINT is not ignored as in the background.
        let check = "set -m; \(command) </dev/null >/dev/null 2>&1 & sleep 1.5; kill -\(signal) $!; wait $!"
        let start = ContinuousClock.now
        _ = try await CommandRun(URL(fileURLWithPath: "/bin/bash"), ["-c", check], environment: lab.environment)
        #expect(ContinuousClock.now - start < .seconds(6), "\(line) \(signal)")
      }
    }
  }
}
