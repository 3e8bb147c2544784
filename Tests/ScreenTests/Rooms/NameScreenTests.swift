// NameScreenTests.swift: people by their names in limeade chat: rooms that are opened, made and forwarded to
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct NamesInTmux {
  @Test func aRoomIsOpenedByItsNameAndOneIsOfferedToWhoHasNone() async throws {
    try await Stage.play { stage in
      try await stage.screen.enter("/join bob")
      try await stage.screen.line(with: "there is no room with bob yet")
      try await stage.screen.wait(for: "the line to send") {
        $0.last { !$0.isEmpty }?.hasSuffix("> /join sip:bob@sip.example.org") == true
      }
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "[bob] >")
      try await stage.screen.enter("hello bob")
      try await stage.screen.line(with: "✓ hello bob")
      try await stage.screen.enter("/join lab")
      try await stage.screen.line(with: "[Lab team] >")
      try await stage.screen.enter("/join bob")
      try await stage.screen.line(with: "[bob] >")
      try await stage.screen.enter("/forward carol")
      try await stage.screen.line(with: "there is no room with carol yet")
      try await stage.screen.press("Enter")
      try await stage.carol.event("message", ["text": "hello bob"])
      try await stage.screen.enter("/forward Lab team")
      try await stage.bob.event("message", ["text": "hello bob", "forwardedFrom": "sip:alice@sip.example.org"])
    }
  }

  @Test func aContactsNameIsShownAndCompletedEverywhere() async throws {
    try await Stage.play(echo: true) { stage in
      try await stage.screen.press("C-d")
      try await stage.screen.wait(for: "the shell") { $0.last { !$0.isEmpty }?.hasSuffix("$") == true }
      let added = try await stage.lab.run(as: "alice", "contact", "add", "Bob Builder", "bob")
      #expect(added.exitCode == 0, "\(added.errors)")
      try await stage.screen.enter("clear; " + stage.line("alice", "chat"))
      try await stage.screen.line(with: "alice@sip.example.org registered")
      let head = try await stage.screen.lines()[0]
      #expect(head.contains("Bob Builder") && !head.contains("bob"), "\(head)")
      try await stage.screen.enter("hello")
      try await stage.screen.line(with: "Bob Build", "echo of")
      try await stage.screen.type("/join Bo")
      try await stage.screen.press("Tab")
      try await stage.screen.line(with: "/join \"Bob Builder\"")
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "there is no room with Bob Builder yet")
      try await stage.screen.press("Enter")
      try await stage.screen.line(with: "[Bob Builder] >")
    }
  }
}
