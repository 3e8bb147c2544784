// ErrorScreenTests.swift: what limeade chat says when something does not work, and that it ends when it works again
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct ErrorsInTmux {
  @Test func anErrorIsASentenceAndTheAnswerIsOnItsPage() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("/join sip:nobody@sip.example.org")
      let lines = try await stage.screen.wait(for: "the sentence in the bar") { lines in
        lines.suffix(4).contains { $0.hasPrefix(" ! nobody has not signed in yet") }
      }
      // It needs two rows of the bar, and has them.
      #expect(lines.suffix(4).contains { $0.hasPrefix(" room can be made") }, "\(lines)")
      #expect(!lines.contains { $0.contains("488") || $0.contains("INVITE") }, "\(lines)")
      try await stage.screen.enter("/errors")
      try await stage.screen.line(with: "nobody has not signed in yet")
      try await stage.screen.line(with: "488 Not acceptable here]")
      try await stage.screen.press("C-g")
      try await stage.screen.line(with: "[Lab team] >")
      // Hints are commands of this line.
      try await stage.screen.enter("/send-trusted secret")
      let hints = try await stage.screen.wait(for: "the hint") { $0.contains { $0.contains("/verify ADDRESS") } }
      #expect(!hints.contains { $0.contains("limeade keys") }, "\(hints)")
    }
  }

  @Test func progressIsNoErrorAndEndsWithWhatItIsAbout() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.line(with: "[Ops] >")
      let lines = try await stage.screen.lines()
      #expect(!lines.contains { $0.contains("making the room") || $0.contains(" ! ") }, "\(lines)")
    }
  }

  @Test func aLostConnectionIsToldUntilItIsThereAgain() async throws {
    let lab = try await LabProgram()
    let port = try #require(lab.proxy.matches(of: #/:([0-9]+)/#).last.flatMap { Int($0.output.1) })
    let proxy = try FaultProxy(to: port)
    let file = URL(fileURLWithPath: lab.configuration)
    let text = try String(contentsOf: file, encoding: .utf8)
    try text.replacing("127.0.0.1:\(port)", with: "127.0.0.1:\(proxy.port)").write(
      to: file, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    let bob = try await lab.listener("bob")
    #expect(try await lab.run(as: "alice", "room", "create", "Ops", "bob").exitCode == 0)
    let screen = try await TmuxScreen(environment: lab.environment)
    try await screen.enter(Stage.line(lab, "alice", ["chat"]))
    try await screen.line(with: "alice@sip.example.org registered")
    proxy.refuse(true)
    proxy.cut()
    try await screen.line(with: "connection lost")
    proxy.refuse(false)
    let lines = try await screen.wait(for: "the connection", within: 90) { lines in
      lines.contains { $0.contains("alice@sip.example.org registered") }
    }
    #expect(!lines.contains { $0.contains("connection lost") }, "\(lines)")
    bob.stop()
    proxy.stop()
    lab.stop()
  }
}
