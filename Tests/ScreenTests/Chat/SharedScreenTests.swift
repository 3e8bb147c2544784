// SharedScreenTests.swift: screens and commands on one account: beside a holder, as the holder, and after its end
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct ScreensShareAnAccount {
  private static let bob = "sip:bob@sip.example.org"

  /// A second screen of alice.
  private func open(_ stage: Stage) async throws -> TmuxScreen {
    let screen = try await TmuxScreen(environment: stage.lab.environment)
    try await screen.enter(stage.line("alice", "chat"))
    try await screen.line(with: "alice@sip.example.org registered")
    return screen
  }

  /// The process that holds alice's account.
  private func holder(_ stage: Stage) async throws -> pid_t {
    let shown = try await stage.lab.run(as: "alice", "account", "show", "--json")
    let text = try #require(shown.events.first?["held-by"], "\(shown.output)\(shown.errors)")
    return try #require(pid_t(text.replacing("process ", with: "")))
  }

  @Test func aScreenWorksBesideAListenerAsWithoutOne() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let holder = try await lab.listener("alice")
    let bob = try await lab.listener("bob", "--echo", "--mark-read")
    let screen = try await TmuxScreen(environment: lab.environment)
    try await screen.enter(Stage.line(lab, "alice", ["chat"]))
    try await screen.line(with: "alice@sip.example.org registered")
    try await screen.enter("/create Ops bob")
    try await screen.line(with: "[Ops] >")
    try await screen.enter("hello")
    try await screen.line(with: "✓✓ hello")
    try await screen.line(with: "bob        ◇ echo of \"hello\"")
    // What the other program of the account hears is what the screen has sent.
    try await holder.event("message", ["text": "echo of \"hello\", which came encrypted"])
    try await screen.enter("/react 👍")
    try await screen.line(with: "👍 alice")
    try await bob.event("reaction", ["text": "👍"])
    try await screen.enter("/edit hello again")
    try await screen.line(with: "hello again", "(edited)")
    try await screen.enter("/trust sip:bob@")
    try await screen.line(with: "is now trusted")
    try await screen.line(with: "E2EE trusted")
    try await screen.enter("/rename On call")
    try await screen.line(with: "[On call] >")
    try await screen.enter("/publish")
    try await screen.line(with: "── up to date")
    try await screen.enter("/leave")
    try await screen.line(with: "leave On call?")
    try await screen.press("Enter")
    try await screen.wait(for: "no room") { !$0.contains { $0.contains("# On call") } }
    #expect(holder.isRunning)
    bob.stop()
    holder.stop()
  }

  @Test func twoScreensShowTheSameAndCountTheSameUnreadMessages() async throws {
    try await Stage.play { stage in
      let second = try await open(stage)
      try await stage.screen.enter("from the first")
      try await second.line(with: "✓ from the first")
      try await second.enter("from the second")
      try await stage.screen.line(with: "✓ from the second")
      // Both look at another room; what comes is unread for both until one of them reads it.
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.line(with: "▌ 2 # Ops")
      try await second.press("M-2")
      try await second.line(with: "▌ 2 # Ops")
      let room = try #require(try await stage.bob.event("room", ["name": Stage.team])["room"])
      stage.bob.stop()
      #expect(try await stage.lab.run(as: "bob", "send", room, "news").exitCode == 0)
      for screen in [stage.screen, second] { try await screen.line(with: "Act: 1(1)") }
      try await second.press("M-1")
      try await second.line(with: "bob        ◇ news")
      try await stage.screen.wait(for: "no unread messages") { !$0.contains { $0.contains("Act:") } }
    }
  }

  /// The holder is killed, or ends in order; texts are typed and sent to it in that moment.
  @Test(arguments: [SIGKILL, SIGTERM]) func theOtherScreenTakesOverWithoutLoss(after signal: Int32) async throws {
    try await Stage.play { stage in
      let second = try await open(stage)
      try await second.enter("before")
      try await second.line(with: "✓ before")
      let first = try await stage.screen.foreground()
      #expect(try await holder(stage) == first)
      let texts = (1...8).map { "number \($0)." }
      for (index, text) in texts.enumerated() {
        try await second.enter(text)
        if index == 3 { kill(first, signal) }
      }
      for text in texts { try await second.line(with: "✓ \(text)") }
      try await second.line(with: "alice@sip.example.org registered")
      #expect(try await holder(stage) == second.foreground())
      // Each once, and in order.
      for text in texts { try await stage.bob.event("message", ["text": text]) }
      let heard = stage.bob.output.compactMap { JSONEvent($0)?["text"] }.filter { $0.hasPrefix("number ") }
      #expect(heard == texts)
      // What comes then arrives here, and commands go through this screen.
      #expect(try await stage.lab.run(as: "bob", "send", Stage.team, "after").exitCode == 0)
      try await second.line(with: "bob        ◇ after")
      let beside = try await stage.lab.run(as: "alice", "send", "Lab", "from a command", "--wait", "delivered")
      #expect(beside.exitCode == 0, "\(beside.errors)")
      try await second.line(with: "✓ from a command")
    }
  }

  @Test func aStoppedScreenLetsOthersHaveTheAccount() async throws {
    try await Stage.play { stage in
      try await stage.screen.press("C-z")
      try await stage.screen.line(with: "Stopped")
      let meanwhile = try await stage.lab.run(as: "alice", "send", "Lab", "meanwhile", "--wait", "delivered")
      #expect(meanwhile.exitCode == 0, "\(meanwhile.errors)")
      let listener = try await stage.lab.listener("alice")
      try await stage.screen.enter("fg")
      try await stage.screen.line(with: "✓ meanwhile")
      try await stage.screen.line(with: "alice@sip.example.org registered")
      try await stage.screen.enter("back")
      try await stage.screen.line(with: "✓ back")
      listener.stop()
      #expect(try await listener.exitCode() == 0)
      try await stage.screen.enter("alone again")
      try await stage.screen.line(with: "✓ alone again")
    }
  }

  @Test func aScreenWithoutItsServerGoesOnAndRegistersWhenItIsThere() async throws {
    let lab = try await LabProgram()
    let made = try await lab.run(as: "alice", "room", "create", "Ops", Self.bob)
    #expect(made.exitCode == 76)
    lab.stop()
    let screen = try await TmuxScreen(environment: lab.environment)
    try await screen.enter(Stage.line(lab, "alice", ["chat"]))
    try await screen.line(with: " ! signing in at", "[not connected]")
    // The screen answers.
    try await screen.enter("/account")
    try await screen.line(with: "address", "sip:alice@sip.example.org")
    try await screen.line(with: "alice@sip.example.org not connected")
  }
}
