// AwayServerTests.swift: what is sent while the server is away waits in the outbox, and leaves once with the next connection.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct AwayServer {
  private static let bob = "sip:bob@sip.example.org"

  /// A lab, bob listening, alice with a room of both, and a configuration by which she reaches nobody.
  private struct Stage {
    let lab: LabProgram
    let bob: PeerProcess
    let away: String
    private let refusing: LoopbackSocket

    init() async throws {
      lab = try await LabProgram()
      bob = try await lab.listener("bob")
      let made = try await lab.run(as: "alice", "room", "create", "Lab", AwayServer.bob)
      try #require(made.exitCode == 0, "\(made.errors)")
      let first = try await lab.run(as: "alice", "send", "Lab", "first", "--wait", "delivered")
      try #require(first.exitCode == 0, "\(first.errors)")
      away = lab.folder.file("away.toml").path
      refusing = try LoopbackSocket.refusing()
      try point(to: refusing.port)
    }

    /// The server of the configuration `away`.
    func point(to port: Int) throws {
      let text = try String(contentsOfFile: lab.configuration, encoding: .utf8)
      let other = text.replacing(lab.proxy, with: "sip:127.0.0.1:\(port);transport=tcp")
      try Data(other.utf8).write(to: URL(fileURLWithPath: away))
      chmod(away, 0o600)
    }

    func away(_ arguments: String...) async throws -> CommandRun {
      try await CommandRun(
        TestPaths.limeade, ["--config", away, "--account", "alice"] + arguments, environment: lab.environment)
    }

    func texts() -> [String] {
      bob.output.compactMap { JSONEvent($0) }.filter { $0["event"] == "message" }.compactMap { $0["text"] }
    }

    func end() {
      bob.stop()
      lab.stop()
    }
  }

  private static func play(_ body: (Stage) async throws -> Void) async throws {
    let stage = try await Stage()
    defer { stage.end() }
    try await body(stage)
  }

  @Test func aTextIsQueuedAndTheNextConnectionSendsItOnce() async throws {
    try await Self.play { stage in
      let queued = try await stage.away("send", "Lab", "kept", "--json")
      #expect(queued.exitCode == 75, "\(queued.errors)")
      let id = try #require(queued.events.first?["id"])
      #expect(queued.events.first?["event"] == "queued" && queued.events.first?["room"]?.hasPrefix("sip:") == true)
      #expect(queued.errors.contains("waits in the outbox"), "\(queued.errors)")
      let words = try await stage.away("send", "Lab", "kept too")
      #expect(words.exitCode == 75 && words.output.hasPrefix("queued "), "\(words.errors)")
      let shown = try await stage.lab.run(as: "alice", "history", "Lab", "--json")
      #expect(shown.events.last { $0["id"] == id }?["state"] == "queued")

      // Any command that connects.
      #expect(try await stage.lab.run(as: "alice", "keys", "publish").exitCode == 0)
      try await stage.bob.event("message", ["text": "kept", "id": id, "encrypted": "true"])
      try await stage.bob.event("message", ["text": "kept too"])
      #expect(try await stage.lab.run(as: "alice", "send", "Lab", "last", "--wait", "delivered").exitCode == 0)
      try await stage.bob.event("message", ["text": "last"])
      #expect(stage.texts() == ["first", "kept", "kept too", "last"])
    }
  }

  @Test func withNoQueueNothingIsKept() async throws {
    try await Self.play { stage in
      for arguments in [
        ["send", "Lab", "dropped", "--no-queue"], ["message", "react", "Lab", "last", "+1", "--no-queue"],
        ["message", "edit", "Lab", "last", "x", "--no-queue"], ["message", "retract", "Lab", "last", "--no-queue"],
        ["message", "forward", "Lab", "last", "Lab", "--no-queue"],
      ] {
        let run = try await CommandRun(
          TestPaths.limeade, ["--config", stage.away, "--account", "alice"] + arguments,
          environment: stage.lab.environment)
        #expect(run.exitCode == 69 && run.output.isEmpty, "\(arguments): \(run.exitCode) \(run.errors)")
      }
      #expect(try await !stage.lab.run(as: "alice", "history", "Lab").output.contains("dropped"))
    }
  }

  /// The holder started while the server was away, or has not heard from it at all.
  @Test(.timeLimit(.minutes(2)), arguments: [false, true])
  func besideAHolderThatIsOfflineItIsQueuedToo(silent: Bool) async throws {
    try await Self.play { stage in
      let server = try LoopbackSocket.listening()
      if silent { try stage.point(to: server.port) }
      let screen = try PeerProcess(
        URL(fileURLWithPath: "/usr/bin/script"),
        [
          "-qec", "'\(TestPaths.limeade.path)' --config '\(stage.away)' --account alice chat", "/dev/null",
        ], environment: stage.lab.environment.merging(["TERM": "xterm"]) { $1 }, name: "chat")
      defer { screen.kill() }
      let socket = stage.lab.folder.file("data/limeade/alice/socket").path
      while !FileManager.default.fileExists(atPath: socket) { try await Task.sleep(for: .milliseconds(20)) }
      let queued = try await stage.away("send", "Lab", "beside", "--timeout", "5")
      #expect(queued.exitCode == 75 && queued.output.hasPrefix("queued "), "\(queued.exitCode) \(queued.errors)")
      #expect(queued.errors.contains("waits in the outbox"), "\(queued.errors)")
      if !silent {
        let refused = try await stage.away("send", "Lab", "dropped", "--no-queue")
        #expect(refused.exitCode == 69, "\(refused.errors)")
      }
      let edited = try await stage.away("message", "edit", "Lab", "last", "beside, edited", "--timeout", "5")
      #expect(edited.exitCode == 75 && edited.output.hasPrefix("queued "), "\(edited.exitCode) \(edited.errors)")
      let nobody = try await stage.away("send", "No such room", "x", "--timeout", "5")
      #expect(nobody.exitCode == 65 && nobody.errors.contains("no room is called"), "\(nobody.errors)")
      // It could be somebody whom only the server knows.
      let stranger = try await stage.away("send", "Nowhere", "x", "--timeout", "5")
      #expect(stranger.exitCode == (silent ? 75 : 65), "\(stranger.exitCode) \(stranger.errors)")
      screen.kill()
      _ = try await screen.exitCode()
      // The chat itself ends with its terminal.
      while FileManager.default.fileExists(atPath: socket) { try await Task.sleep(for: .milliseconds(20)) }
      let last = try await stage.lab.run(as: "alice", "send", "Lab", "last", "--wait", "delivered")
      #expect(last.exitCode == 0, "\(last.exitCode) \(last.errors)")
      try await stage.bob.event("message", ["text": "last"])
      #expect(stage.texts().filter { $0.hasPrefix("beside") }.count == 1, "\(stage.texts())")
      #expect(!stage.texts().contains("dropped"))
    }
  }

  @Test func changesForwardsAndFilesAreQueuedToo() async throws {
    try await Self.play { stage in
      let said = try await stage.lab.run(as: "bob", "send", "Lab", "from bob", "--wait", "sent")
      #expect(said.exitCode == 0, "\(said.errors)")
      let heard = try await stage.lab.run(as: "alice", "listen", "--count", "1", "--timeout", "20", "--json")
      #expect(heard.exitCode == 0)
      let file = stage.lab.folder.file("plan.txt")
      try Data("the plan".utf8).write(to: file)
      for arguments in [
        ["message", "react", "Lab", "last", "👍"], ["message", "edit", "Lab", "last", "first, edited"],
        ["message", "forward", "Lab", "last", "Lab"], ["send", "Lab", "with a file", "--file", file.path],
      ] {
        let run = try await CommandRun(
          TestPaths.limeade, ["--config", stage.away, "--account", "alice"] + arguments,
          environment: stage.lab.environment)
        #expect(run.exitCode == 75 && run.output.contains("queued "), "\(arguments): \(run.exitCode) \(run.errors)")
      }
      try FileManager.default.removeItem(at: file)
      #expect(try await stage.lab.run(as: "alice", "listen", "--timeout", "8").exitCode == 0)
      try await stage.bob.event("reaction", ["text": "👍"])
      try await stage.bob.event("edited", ["text": "first, edited"])
      try await stage.bob.event("message", ["text": "with a file"])
      #expect(stage.bob.output.compactMap { JSONEvent($0) }.filter { $0["forwardedFrom"] != nil }.count == 1)
    }
  }

  @Test func whomNothingCanBeKeptForIsNamedWithWhatToDo() async throws {
    try await Self.play { stage in
      let room = try await stage.away("send", "No such room", "x")
      #expect(room.exitCode == 65, "\(room.errors)")
      #expect(
        room.errors.contains("no room is called 'No such room'") && room.errors.contains("nothing was sent or kept"))
      let person = try await stage.away("send", "sip:carol@sip.example.org", "x")
      #expect(person.exitCode == 69, "\(person.errors)")
      #expect(person.errors.contains("there is no room with sip:carol@sip.example.org yet"), "\(person.errors)")
      #expect(person.errors.contains("nothing was sent or kept"))
    }
  }

  /// What somebody has to put right keeps its exit code, and the text is kept all the same.
  @Test func aWrongPasswordLosesNoText() async throws {
    try await Self.play { stage in
      let run = try await stage.lab.run(
        as: "alice", "send", "Lab", "kept", environment: ["LIMEADE_PASSWORD": "not hers"])
      #expect(run.exitCode == 77 && run.output.hasPrefix("queued "), "\(run.exitCode) \(run.errors)")
      #expect(run.errors.contains("check the account's password") && run.errors.contains("waits in the outbox"))
      #expect(try await stage.lab.run(as: "alice", "keys", "publish").exitCode == 0)
      try await stage.bob.event("message", ["text": "kept"])
    }
  }

  @Test func aServerThatAnswersNothingQueuesAtTheTimeLimit() async throws {
    try await Self.play { stage in
      let server = try LoopbackSocket.listening()
      try stage.point(to: server.port)
      let run = try await stage.away("send", "Lab", "kept", "--timeout", "2")
      #expect(run.exitCode == 75 && run.output.hasPrefix("queued "), "\(run.exitCode) \(run.errors)")
      #expect(try await stage.lab.run(as: "alice", "keys", "publish").exitCode == 0)
      try await stage.bob.event("message", ["text": "kept"])
    }
  }
}
