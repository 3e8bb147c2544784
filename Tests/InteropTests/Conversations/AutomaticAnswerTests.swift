// AutomaticAnswerTests.swift: automatic answers are marked and not answered, and there is a limit to them (RFC 3834).
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct AutomaticAnswers {
  private static func sip(_ user: String) -> String { "sip:\(user)@sip.example.org" }

  @Test(arguments: [[], ["--plain"]]) func twoBotsAnswerAPersonAndNotEachOther(_ kind: [String]) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let alice = try await lab.listener("alice", "--echo")
    let bob = try await lab.listener("bob", "--exec", "echo bot of bob", "--reply")
    let carol = try await lab.listener("carol")
    let made = try await lab.run(as: "carol", ["room", "create", "Ops", Self.sip("alice"), Self.sip("bob")] + kind)
    #expect(made.exitCode == 0, "\(made.errors)")
    let sent = try await lab.run(as: "carol", "send", "Ops", "hello", "--wait", "delivered")
    #expect(sent.exitCode == 0, "\(sent.errors)")
    try await carol.event("message", ["text": "bot of bob", "automatic": "true"])
    let echo = try await carol.event("message", ["from": Self.sip("alice")])
    #expect(echo["automatic"] == "true" && echo["text"]?.hasPrefix("echo of") == true)
    // Each has the other's answer before the next of carol's.
    try await bob.event("message", ["from": Self.sip("alice"), "automatic": "true"])
    try await alice.event("message", ["text": "bot of bob", "automatic": "true"])
    #expect(try await lab.run(as: "carol", "send", "Ops", "once more", "--wait", "delivered").exitCode == 0)
    #expect(try await answers(4, carol) == 4)
    // A program of one's own marks what it sends, too.
    #expect(try await lab.run(as: "carol", "send", "Ops", "by a script", "--automatic", "--wait", "sent").exitCode == 0)
    try await alice.event("message", ["text": "by a script", "automatic": "true"])
    #expect(try await lab.run(as: "carol", "send", "Ops", "by hand", "--wait", "delivered").exitCode == 0)
    // A bot answers one message after the other: an answer to an answer would have come before these.
    #expect(try await answers(6, carol) == 6)
    #expect(!carol.output.contains { $0.contains("echo of \\\"by a script") })
    for process in [alice, bob, carol] { process.stop() }
  }

  /// How many automatic answers somebody has when there are at least so many.
  private func answers(_ count: Int, _ listener: PeerProcess) async throws -> Int {
    let deadline = ContinuousClock.now + .seconds(20)
    while true {
      let events = listener.output.compactMap { JSONEvent($0) }
      let found = events.count { $0["event"] == "message" && $0["automatic"] == "true" }
      if found >= count || ContinuousClock.now > deadline { return found }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  @Test func aRoomGetsOnlySoManyAnswersInAMinute() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bot = try PeerProcess(
      TestPaths.limeade, lab.arguments("bob", ["listen", "--json", "--echo", "--answer-limit", "2"]),
      environment: lab.environment, name: "bot", keepsErrors: true)
    try await bot.event("registered")
    for name in ["Ops", "Other"] {
      #expect(try await lab.run(as: "alice", "room", "create", name, Self.sip("bob")).exitCode == 0)
    }
    for number in 1...4 {
      let sent = try await lab.run(as: "alice", "send", "Ops", "message \(number)", "--wait", "delivered")
      #expect(sent.exitCode == 0, "\(sent.errors)")
    }
    try await bot.line("a word on standard error") { $0.contains("--answer-limit") && $0.hasPrefix("limeade: ") }
    try await bot.event("error", ["code": "75"])
    // Other rooms have their own.
    let alice = try await lab.listener("alice")
    #expect(try await lab.run(as: "alice", "send", "Other", "elsewhere").exitCode == 0)
    try await alice.event("message", ["text": "echo of \"elsewhere\", which came encrypted"])
    #expect(bot.output.count { $0.contains("--answer-limit") } == 2)
    let history = try await lab.run(as: "alice", "history", "Ops", "--json")
    #expect(history.events.count { $0["automatic"] == "true" } == 2, "\(history.output)")
    for process in [alice, bot] { process.stop() }
  }
}
