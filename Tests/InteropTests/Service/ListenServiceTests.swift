// ListenServiceTests.swift: limeade listen as a service: readiness and end as systemd wants them, commands that fail.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct ListenAsAService {
  private static let bob = "sip:bob@sip.example.org"

  /// systemd's end of sd_notify(3): a datagram socket whose messages are read one by one.
  private final class NotifySocket: Sendable {
    let path: String
    private let descriptor: Int32

    init(_ path: String) throws {
      self.path = path
      descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = Array(path.utf8)
      try #require(bytes.count < 108)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
      let isBound = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
        }
      }
      try #require(isBound)
      var timeout = timeval(tv_sec: 60, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func next() throws -> String {
      var buffer = [UInt8](repeating: 0, count: 4096)
      let count = recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else { throw TestFailure("nothing came to NOTIFY_SOCKET") }
      return String(decoding: buffer[..<count], as: UTF8.self)
    }

    func wait(for state: String) throws { while try next().split(separator: "\n").first ?? "" != state {} }
  }

  @Test func readinessAndEndAreToldToTheServiceManager() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let manager = try NotifySocket("/tmp/limeade-notify-\(UUID().uuidString)")
    defer { unlink(manager.path) }
    let service = try PeerProcess(
      TestPaths.limeade, lab.arguments("alice", ["listen", "--daemon"]),
      environment: lab.environment.merging(["NOTIFY_SOCKET": manager.path]) { $1 }, keepsErrors: true)
    try manager.wait(for: "READY=1")
    #expect(try await lab.run(as: "alice", "send", Self.bob, "hello", "--wait", "delivered").exitCode == 0)
    #expect(try await lab.run(as: "bob", "send", "sip:alice@sip.example.org", "a secret").exitCode == 0)
    #expect(try await lab.run(as: "alice", "history", Self.bob).output.contains("hello"))
    service.stop(patience: 30)
    try manager.wait(for: "STOPPING=1")
    #expect(try await service.exitCode() == 0)
    // Nothing that was written comes into the journal.
    #expect(!service.output.contains { $0.contains("a secret") || $0.contains("hello") }, "\(service.output)")
    bob.stop()
  }

  @Test func aServiceThatCannotConnectIsNotReady() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let manager = try NotifySocket("/tmp/limeade-notify-\(UUID().uuidString)")
    defer { unlink(manager.path) }
    let run = try await lab.run(
      as: "alice", "listen", "--daemon",
      environment: ["NOTIFY_SOCKET": manager.path, "LIMEADE_PASSWORD": "not hers"])
    #expect(run.exitCode == 77)
    var states: [String] = []
    while states.last?.hasPrefix("STOPPING=1") != true { states.append(try manager.next()) }
    #expect(!states.contains("READY=1"))
  }

  @Test func aCommandThatFailsIsReportedAndTheBotGoesOn() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bot = try PeerProcess(
      TestPaths.limeade, lab.arguments("bob", ["listen", "--exec", "grep -c question", "--reply"]),
      environment: lab.environment, keepsErrors: true)
    try await bot.line("registered") { $0.contains("registered as") }
    let alice = try lab.start(as: "alice", "chat", "--plain", Self.bob)
    try alice.send("no such word")
    try await bot.line("the failure") { $0.contains("grep failed with exit code 1") }
    try alice.send("a question")
    try await alice.line("the answer") { $0.hasSuffix("\(Self.bob) [encrypted] 1") }
    alice.closeInput()
    #expect(try await alice.exitCode() == 0)
    bot.stop()
  }

  /// Escape sequences, C1 controls and direction overrides of a message and of a room's name reach no output as such.
  @Test func controlSequencesOfOthersNeverReachTheTerminal() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let evil = "a\u{1b}]0;owned\u{7}b\u{9b}31mc\u{202e}d\u{85}e\rf\u{7f}g"
    let bob = try PeerProcess(
      TestPaths.limeade, lab.arguments("bob", ["listen"]), environment: lab.environment, keepsErrors: true)
    try await bob.line("registered") { $0.contains("registered as") }
    let json = try await lab.listener("bob")
    // What SIP itself allows in a name.
    let made = try await lab.run(as: "alice", "room", "create", "Ops \u{9b}31m\u{202e}x", Self.bob)
    #expect(made.exitCode == 0, "\(made.errors)")
    let sent = try await lab.run(as: "alice", "send", "Ops", evil, "--wait", "delivered")
    #expect(sent.exitCode == 0, "\(sent.errors)")
    try await bob.line("the message") { $0.contains("[encrypted] a") }
    try await json.event("message", ["text": evil])
    var outputs = [made.output, sent.output, bob.output.joined(separator: "\n"), json.output.joined(separator: "\n")]
    for command in [
      ["history", "Ops"], ["history", "Ops", "--json"], ["room", "list"], ["room", "list", "--json"],
      ["room", "show", "Ops"], ["room", "show", "Nowhere"], ["send", "Nowhere", "x"], ["room", "leave", "Ops"],
    ] {
      let run = try await lab.run(as: "bob", command)
      outputs += [run.output, run.errors]
    }
    for output in outputs {
      let control = output.unicodeScalars.first { scalar in
        scalar != "\n" && (scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar == "\u{202e}")
      }
      #expect(control == nil, "\(output.debugDescription)")
    }
    bob.stop()
    json.stop()
  }
}
