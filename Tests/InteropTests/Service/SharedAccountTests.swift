// SharedAccountTests.swift: several programs on one account: one holds it, the others ask it or take over.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct SharedAccounts {
  private static let alice = "sip:alice@sip.example.org"
  private static let bob = "sip:bob@sip.example.org"

  private static func play(_ body: (LabProgram) async throws -> Void) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    try await body(lab)
  }

  @Test func everyCommandWorksBesideAListener() async throws {
    try await Self.play { lab in
      let holder = try await lab.listener("alice", "--mark-read")
      let bob = try await lab.listener("bob", "--mark-read")
      let sent = try await lab.run(as: "alice", "send", Self.bob, "hello", "--wait", "displayed", "--json")
      #expect(sent.exitCode == 0, "\(sent.errors)")
      #expect(sent.events.first?["event"] == "sent" && sent.events.last?["event"] == "displayed")
      try await bob.event("message", ["text": "hello", "encrypted": "true"])
      // The holder sees what the other program did.
      try await holder.event("displayed", ["by": Self.bob])

      let account = try await lab.run(as: "alice", "account", "show", "--json")
      #expect(account.events.first?["held-by"]?.hasPrefix("process ") == true)
      let commands: [[String]] = [
        ["room", "create", "Ops", Self.bob], ["room", "rename", "Ops", "On call"], ["room", "list"],
        ["room", "show", "On call"], ["room", "admin", "On call", Self.bob], ["room", "remove", "On call", Self.bob],
        ["room", "invite", "On call", Self.bob], ["history", Self.bob], ["keys", "show"], ["keys", "publish"],
        ["keys", "verify", "bob"], ["keys", "trust", "sip:bob@"], ["send", Self.bob, "trusted", "--require-trust"],
        ["room", "leave", "On call"], ["keys", "distrust", "sip:bob@"], ["keys", "forget", "sip:bob@"],
      ]
      for command in commands {
        let run = try await lab.run(as: "alice", command)
        #expect(run.exitCode == 0, "\(command): \(run.errors)")
      }
      let plain = try await lab.run(as: "alice", "chat", "--plain", Self.bob, input: "line by line\n")
      #expect(plain.exitCode == 0, "\(plain.errors)")
      try await bob.event("message", ["text": "line by line"])
      #expect(holder.isRunning)
      holder.stop()
      #expect(try await holder.exitCode() == 0)
      bob.stop()
    }
  }

  @Test func failuresHaveTheSameExitCodesBesideAListener() async throws {
    try await Self.play { lab in
      let holder = try await lab.listener("alice")
      let bob = try await lab.listener("bob")
      let cases: [([String], Int32)] = [
        (["history", "Nowhere"], 65), (["send", "Nowhere", "x"], 65), (["send", Self.bob, ""], 65),
        (["room", "create", "Ops", "sip:nobody@sip.example.org"], 76),
        (["send", Self.bob, "who reads this?", "--wait", "displayed", "--timeout", "1"], 75),
        (["send", Self.bob, "secret", "--require-trust"], 10), (["keys", "trust", "nobody"], 65),
        (["listen", "--count", "1", "--timeout", "0.5"], 75), (["room", "invite", "Ops", "bob"], 65),
      ]
      for (command, code) in cases {
        let run = try await lab.run(as: "alice", command)
        #expect(run.exitCode == code, "\(command): \(run.errors)")
        #expect(run.errors.hasPrefix("limeade: "), "\(command): \(run.errors)")
      }
      #expect(!bob.output.contains { $0.contains("secret") })
      bob.stop()
      holder.stop()
    }
  }

  @Test func whenTheHolderIsKilledAnotherTakesOverAndItsSocketIsNoHindrance() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let first = try await lab.listener("alice")
      let second = try await lab.listener("alice")
      #expect(try await lab.run(as: "bob", "send", Self.alice, "one", "--wait", "delivered").exitCode == 0)
      try await second.nextEvent("message", ["text": "one"])
      first.kill()
      // It registers by itself now.
      try await second.nextEvent("registered")
      #expect(try await lab.run(as: "bob", "send", Self.alice, "two", "--wait", "delivered").exitCode == 0)
      try await second.nextEvent("message", ["text": "two"])
      #expect(try await lab.run(as: "alice", "send", Self.bob, "three", "--wait", "delivered").exitCode == 0)
      second.kill()
      // Nobody listens at the socket that is left behind.
      let socket = lab.folder.file("data/limeade/alice/socket").path
      #expect(FileManager.default.fileExists(atPath: socket))
      let alone = try await lab.run(as: "alice", "send", Self.bob, "four", "--wait", "delivered")
      #expect(alone.exitCode == 0, "\(alone.errors)")
      #expect(!FileManager.default.fileExists(atPath: socket))
      for text in ["three", "four"] { try await bob.event("message", ["text": text]) }
      bob.stop()
    }
  }

  @Test func programsThatStartAtOnceShareTheAccount() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      #expect(try await lab.run(as: "alice", "send", Self.bob, "first", "--wait", "delivered").exitCode == 0)
      let texts = (1...6).map { "at once \($0)" }
      let runs = try await withThrowingTaskGroup(of: CommandRun.self) { group in
        for text in texts {
          group.addTask { try await lab.run(as: "alice", "send", Self.bob, text, "--wait", "delivered", "--json") }
        }
        return try await group.reduce(into: [CommandRun]()) { $0.append($1) }
      }
      for run in runs { #expect(run.exitCode == 0 && run.events.last?["event"] == "delivered", "\(run.errors)") }
      for text in texts { try await bob.event("message", ["text": text, "encrypted": "true"]) }
      bob.stop()
      let heard = bob.output.filter { $0.contains("at once ") }
      #expect(heard.count == texts.count)
    }
  }

  @Test func aSendGoesOnWhenTheHolderEndsMeanwhile() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let holder = try await lab.listener("alice")
      let send = try lab.start(as: "alice", "send", Self.bob, "read me", "--wait", "displayed", "--json")
      try await send.event("delivered")
      holder.stop()
      #expect(try await holder.exitCode() == 0)
      bob.stop()
      let reader = try await lab.listener("bob", "--mark-read")
      // What came before is marked with the room's next message.
      #expect(try await lab.run(as: "alice", "send", Self.bob, "again", "--wait", "displayed").exitCode == 0)
      #expect(try await send.exitCode(within: 60) == 0)
      #expect(send.output.compactMap { JSONEvent($0)?["event"] } == ["sent", "delivered", "displayed"])
      reader.stop()
    }
  }
}
