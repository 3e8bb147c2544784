// DraftScreenTests.swift: what was typed is there again, however the chat has ended
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct DraftsOutliveTheChat {
  private static let prompt = "[Lab team] >"

  /// Opens the other one of two rooms until the screen shows the room.
  private func open(_ room: String, on screen: TmuxScreen) async throws {
    let isOpen = { (lines: [String]) in lines.contains { $0.hasPrefix("[\(room)] >") } }
    if try await isOpen(screen.lines()) { return }
    try await screen.press("M-Down")
    try await screen.wait(for: room, isOpen)
  }

  private func end(_ screen: TmuxScreen, by cause: String) async throws {
    let signals = ["SIGTERM": SIGTERM, "SIGHUP": SIGHUP, "SIGKILL": SIGKILL]
    if let signal = signals[cause] {
      kill(try await screen.foreground(), signal)
    } else {
      // The line of the open room is emptied for it; the others are not.
      try await screen.press("C-d")
    }
    try await screen.wait(for: "the shell") { $0.contains { $0.hasSuffix("$") || $0.contains("Killed") } }
  }

  private func start(_ stage: Stage, _ screen: TmuxScreen) async throws {
    try await screen.enter("clear; \(stage.line("alice", "chat"))")
    try await screen.line(with: "alice@sip.example.org registered")
  }

  @Test(arguments: ["Ctrl-d", "SIGTERM", "SIGHUP", "SIGKILL"])
  func aDraftElsewhereIsMarkedAndComesBackAfter(_ cause: String) async throws {
    try await Stage.play(environment: ["NO_COLOR": "1"]) { stage in
      try await stage.screen.enter("sent before")
      try await stage.screen.line(with: "✓ sent before")
      try await stage.screen.enter("/ephemeral 3600 forget me")
      try await stage.screen.line(with: "forget me")
      try await stage.screen.enter("/create Ops bob")
      try await stage.screen.line(with: "[Ops] >")
      try await stage.screen.type("half a thought")
      try await stage.screen.line(with: "[Ops] > half a thought")
      try await open("Lab team", on: stage.screen)
      try await stage.screen.line(with: "# Ops", "draft")
      if cause != "Ctrl-d" {
        try await stage.screen.type("typed last")
        try await stage.screen.line(with: "[Lab team] > typed last")
        // Time for the disk: what was typed in the last quarter of a second may be missing after SIGKILL.
        if cause == "SIGKILL" { try await Task.sleep(for: .seconds(1)) }
      }
      try await end(stage.screen, by: cause)

      try await start(stage, stage.screen)
      try await open("Lab team", on: stage.screen)
      if cause != "Ctrl-d" { try await stage.screen.line(with: "[Lab team] > typed last") }
      try await stage.screen.line(with: "# Ops", "draft")
      try await stage.screen.press("C-p")
      let made = try await stage.screen.line(with: "[Lab team] > /create")
      #expect(made.contains("/create Ops bob"))
      try await stage.screen.press("C-p")
      try await stage.screen.line(with: "[Lab team] > sent before")
      try await stage.screen.press("C-n", "C-n")
      try await open("Ops", on: stage.screen)
      try await stage.screen.line(with: "[Ops] > half a thought")
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "✓ half a thought")
      try await open("Lab team", on: stage.screen)
      try await stage.screen.wait(for: "no draft in Ops") { !$0.contains { $0.contains("draft") } }
    }
  }

  @Test func twoChatsBesideOneAnotherKeepBothTexts() async throws {
    try await Stage.play { stage in
      let second = try await TmuxScreen(environment: stage.lab.environment)
      try await start(stage, second)
      try await stage.screen.type("written in the first")
      try await stage.screen.line(with: "written in the first")
      try await second.line(with: "registered")
      #expect(try await !second.lines().contains { $0.contains("written in the first") })
      try await second.type("written in the second")
      try await second.line(with: "written in the second")
      try await Task.sleep(for: .seconds(1))
      try await end(second, by: "SIGKILL")
      try await end(stage.screen, by: "SIGKILL")
      try await start(stage, stage.screen)
      try await stage.screen.line(with: "[Lab team] > written in the second")
      try await stage.screen.press("C-p")
      try await stage.screen.line(with: "[Lab team] > written in the first")
    }
  }

  @Test func aTextThatIsRefusedIsInTheLineAgain() async throws {
    try await Stage.play { stage in
      let long = String(repeating: "日本語の長い行", count: 1400) + String(repeating: "👨‍👩‍👧", count: 2800)
      try await stage.screen.paste(long)
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "at most 65536 are sent")
      try await stage.screen.line(with: "👧")
    }
  }
}
