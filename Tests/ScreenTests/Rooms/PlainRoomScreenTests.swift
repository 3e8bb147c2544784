// PlainRoomScreenTests.swift: encrypted text goes into a plain room when it is asked for only, and a plain room shows
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct PlainRoomsAreSetApart {
  /// Colours are for the theme's tests: this is what everybody sees.
  @Test func forwardingIntoAPlainRoomAsksAndAPlainRoomSaysSoAtThePrompt() async throws {
    try await Stage.play { stage in
      let encrypted = try await stage.screen.colouredLines()
      #expect(!encrypted.contains { $0.contains("not encrypted >") })
      try await stage.screen.enter("/create-plain Open bob")
      try await stage.screen.line(with: "[Open] not encrypted >")
      let plain = try await stage.screen.colouredLines()
      #expect(plain[0].contains("48;5;94m") && !encrypted[0].contains("48;5;94m"))
      #expect(plain.contains { $0.contains("38;5;215m") && $0.contains("not encrypted >") })
      try await stage.screen.resize(columns: 40, rows: 12)
      try await stage.screen.wait(for: "a narrow prompt") { $0.contains { $0.hasPrefix("not encrypted >") } }
      try await stage.screen.resize(columns: 80, rows: 24)

      try await stage.screen.press("M-1")
      try await stage.screen.line(with: "[Lab team] >")
      try await stage.screen.enter("a secret")
      try await stage.screen.line(with: "✓ a secret")
      try await stage.screen.enter("/forward Open")
      try await stage.screen.line(with: "Open is not encrypted: Enter again forwards it there")
      try await stage.screen.line(with: "[Lab team] > /forward Open")
      // Any other key takes the question back.
      try await stage.screen.press("C-e", "Enter")
      try await stage.screen.line(with: "Open is not encrypted: Enter again forwards it there")
      try await stage.screen.press("C-u")
      try await stage.screen.wait(for: "no question") { !$0.contains { $0.contains("Enter again") } }
      #expect(try await stage.lab.run(as: "alice", "history", "Open").output.contains("a secret") == false)

      try await stage.screen.enter("/forward Open")
      try await stage.screen.line(with: "Enter again forwards it there")
      try await stage.screen.press("Enter")
      try await stage.bob.event("message", within: 60, ["text": "a secret", "encrypted": "false"])
      // From a plain room to an encrypted one nothing is asked, and between encrypted ones neither.
      try await stage.screen.press("M-2")
      try await stage.screen.line(with: "[Open] not encrypted >")
      try await stage.screen.enter("harmless")
      try await stage.screen.line(with: "✓ harmless")
      try await stage.screen.enter("/forward Lab team")
      try await stage.bob.event("message", within: 60, ["text": "harmless", "encrypted": "true"])
    }
  }
}
