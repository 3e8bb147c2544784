// JSONErrorTests.swift: with --json a command that fails says so as an object too, whatever is wrong.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct JSONErrors {
  private static let bob = "sip:bob@sip.example.org"

  @Test func everyFailureIsAnObject() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    #expect(try await lab.run(as: "alice", "room", "create", "Ops", Self.bob).exitCode == 0)
    let lines: [([String], Int32, String)] = [
      (["send", "No such room", "x", "--json"], 65, "is called"),
      (["--json", "send", "--no-such", "Ops", "x"], 64, "--no-such"),
      (["history", "--json", "--limit", "many"], 64, "many"), (["room", "--json", "create", "x"], 64, "addresses"),
      (["--account", "nobody", "room", "list", "--json"], 78, "[account.nobody]"),
      (["room", "create", "Nobody", "sip:nobody@sip.example.org", "--json"], 76, "not signed in yet"),
      (["keys", "trust", "nobody", "--json"], 65, "nobody"),
      (["history", "Ops", "--since", "soon", "--json"], 65, "soon"),
      (["listen", "--count", "1", "--timeout", "0.5", "--json"], 75, "no further message"),
      (["file", "save", "none", "--json"], 65, "none"), (["trace", "/nowhere", "--json"], 65, "/nowhere"),
      (["check", "--flexisip-conf", "/nowhere", "--json"], 78, "/nowhere"), (["nonsense", "--json"], 64, "nonsense"),
      (["send", Self.bob, "secret", "--require-trust", "--json"], 10, "trusted"),
      (["send", "Ops", "", "--json"], 65, "nothing to send"),
    ]
    for (line, code, text) in lines {
      let run = try await lab.run(as: "alice", line)
      #expect(run.exitCode == code, "\(line): \(run.exitCode) \(run.errors)")
      let last = run.events.last
      #expect(run.lines.count == run.events.count, "\(line): \(run.output)")
      #expect(last?["event"] == "error" && last?["code"] == "\(run.exitCode)", "\(line): \(run.output)")
      #expect(last?["text"]?.contains(text) == true, "\(line): \(run.output)")
      #expect(!run.errors.isEmpty, "\(line)")
    }
    // Without it nothing of the kind, and a text that is called so is none.
    for line in [["send", "Nowhere", "x"], ["send", "--", "Nowhere", "--json"]] {
      let run = try await lab.run(as: "alice", line)
      #expect(run.exitCode == 65 && run.output.isEmpty, "\(run.output)")
    }
    bob.stop()
  }

  @Test func aBrokenConfigurationIsAnObject() async throws {
    let folder = try TemporaryFolder()
    try Data("[account.a\n".utf8).write(to: folder.file("config.toml"))
    let run = try await CommandRun(
      TestPaths.limeade, ["--config", folder.file("config.toml").path, "--json", "room", "list"])
    #expect(run.exitCode == 78 && run.events.first?["code"] == "78" && run.events.first?["event"] == "error")
  }

  @Test func messagesNameTheirRoomForEveryReader() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let holder = try await lab.listener("bob")
    // Another program of the account hears of them through the socket.
    let second = try await lab.listener("bob")
    #expect(try await lab.run(as: "alice", "room", "create", "Ops", Self.bob).exitCode == 0)
    #expect(try await lab.run(as: "alice", "send", "Ops", "bob: look", "--wait", "delivered").exitCode == 0)
    #expect(try await lab.run(as: "alice", "send", Self.bob, "hello", "--wait", "delivered").exitCode == 0)
    for reader in [holder, second] {
      try await reader.event(
        "message", ["text": "bob: look", "roomName": "Ops", "oneToOne": "false", "mention": "true"])
      try await reader.event(
        "message",
        ["text": "hello", "roomName": "sip:alice@sip.example.org", "oneToOne": "true", "mention": "false"])
    }
    let history = try await lab.run(as: "bob", "history", "--json")
    #expect(history.events.contains { $0["roomName"] == "Ops" && $0["mention"] == "true" }, "\(history.output)")
    for reader in [holder, second] { reader.stop() }
  }

  /// What waits in another room is not this message's trouble.
  @Test func sendTellsOnlyOfItsOwnMessage() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let carol = try await lab.listener("carol")
    for (name, member) in [("Good", "bob"), ("Bad", "carol")] {
      let made = try await lab.run(as: "alice", "room", "create", name, "sip:\(member)@sip.example.org")
      #expect(made.exitCode == 0, "\(made.errors)")
    }
    carol.stop()
    #expect(try await lab.run(as: "alice", "send", "Good", "first", "--wait", "delivered").exitCode == 0)
    // Nothing is known of carol's keys yet, and nobody answers for them.
    let port = try LoopbackSocket.refusing()
    let path = lab.folder.file("keys.toml").path
    let configuration = try String(contentsOfFile: lab.configuration, encoding: .utf8)
    try Data(configuration.replacing(lab.keyServer, with: "http://127.0.0.1:\(port.port)/").utf8)
      .write(to: URL(fileURLWithPath: path))
    chmod(path, 0o600)
    func send(_ words: String...) async throws -> CommandRun {
      try await CommandRun(
        TestPaths.limeade, ["--config", path, "--account", "alice", "send"] + words, environment: lab.environment)
    }
    let stuck = try await send("Bad", "nobody reads this", "--timeout", "3", "--json")
    #expect(stuck.exitCode == 75 && stuck.events.contains { $0["event"] == "queued" }, "\(stuck.errors)")
    #expect(stuck.events.contains { $0["event"] == "error" && $0["room"] != nil }, "\(stuck.output)")
    let words = try await send("Good", "fine", "--wait", "delivered")
    #expect(words.exitCode == 0 && words.errors.isEmpty, "\(words.errors)")
    let objects = try await send("Good", "fine", "--wait", "delivered", "--json")
    #expect(objects.events.compactMap { $0["event"] } == ["sent", "delivered"], "\(objects.output)")
    bob.stop()
  }
}
