// EmojiScreenTests.swift: emoji of several scalars in the chat, cell by cell as printf(1) has them in the same tmux
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct EmojiInTmux {
  private static let samples = [
    "👍🏽", "👨‍👩‍👧", "👨‍👩‍👧‍👦", "🇩🇪", "1️⃣", "#️⃣", "❤️", "👩🏽‍💻", "🤷🏻‍♀️", "🏳️‍🌈", "🏴‍☠️", "👁️‍🗨️", "❤️‍🔥", "🧑🏻‍🤝‍🧑🏿", "👋🏿", "☕",
  ]

  @Test func sequencesAreDrawnAsPrintfDrawsThem() async throws {
    let texts = Self.samples.map { "<\($0)>" }
    let shell = try await TmuxScreen()
    let folder = try TemporaryFolder()
    try Data((texts.joined(separator: "\n") + "\nover\n").utf8).write(to: folder.file("text"))
    try await shell.enter("clear; printf '%s' \"$(cat '\(folder.file("text").path)')\"; sleep 100")
    let printed = try await shell.wait(for: "the text") { $0.contains { $0.hasPrefix("over") } }
    let expected = Array(printed.prefix(texts.count))
    #expect(expected.allSatisfy { $0.hasPrefix("<") && $0.hasSuffix(">") }, "\(expected)")

    try await Stage.play { stage in
      try await stage.screen.paste(texts.joined(separator: "\n"))
      try await stage.screen.press("Enter")
      try await stage.bob.event("message", within: 60, ["text": texts.joined(separator: "\n")])
      let lines = try await stage.screen.wait(for: "the message") { $0.contains { $0.hasSuffix("<☕>") } }
      for text in expected {
        #expect(
          lines.contains { $0.hasSuffix(text) },
          "\(text.unicodeScalars.map { String($0.value, radix: 16) }) in \(lines)")
      }
      // Nor is anything left of them when something else stands there.
      try await stage.screen.enter("/create Ops bob")
      let other = try await stage.screen.wait(for: "Ops") { $0.contains { $0.hasPrefix("[Ops] >") } }
      let rest = other.joined().unicodeScalars.filter { $0 == "\u{200D}" || $0 == "\u{FE0F}" || $0 == "\u{20E3}" }
      #expect(rest.isEmpty, "\(other)")
      // In the input line, what is behind a sequence is where the cursor is.
      try await stage.screen.type("👩🏽‍💻 and :+1:")
      try await stage.screen.line(with: "👍")
      try await stage.screen.press("BSpace", "x")
      try await stage.screen.line(with: "and x")
    }
  }
}
