// NewDeviceScreenTests.swift: the chat keeps back what is typed while a new device is held, and asks.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct NewDeviceScreen {
  @Test func whatIsTypedWaitsAndTheChatSaysWhatToDo() async throws {
    try await Stage.play { stage in
      let screen = stage.screen
      try await screen.enter("hello")
      try await stage.bob.event("message", ["text": "hello"])
      let bob = try #require(
        try await stage.lab.run(as: "bob", "account", "show", "--json").events.first?["device"])
      try await screen.enter("/trust \(bob)")
      try await screen.line(with: "is now trusted")

      let folder = try TemporaryFolder()
      let intruder = try PeerProcess(
        TestPaths.limeade, stage.lab.arguments("bob", ["listen", "--json"]),
        environment: ["XDG_DATA_HOME": folder.file("data").path, "XDG_STATE_HOME": folder.file("state").path],
        name: "another device of bob")
      defer { intruder.stop() }
      let device = try #require(try await intruder.event("registered")["device"])
      try await screen.line(with: "has a new device")
      try await screen.enter("the PIN is 4711")
      try await screen.line(with: "what you write here waits")
      try await screen.line(with: "… the PIN is 4711")
      #expect(!intruder.output.contains { $0.contains("4711") })

      try await screen.enter("/exclude \(device)")
      try await screen.line(with: "is now excluded")
      try await stage.bob.event("message", ["text": "the PIN is 4711"])
      try await screen.enter("/admit \(device)")
      try await screen.line(with: "is now let in")
      try await screen.enter("for both")
      try await intruder.event("message", ["text": "for both"])
      #expect(!intruder.output.contains { $0.contains("4711") })

      try await screen.enter("/receipts none")
      try await screen.line(with: "receipts   none, for this room")
      try await screen.enter("/typing maybe")
      try await screen.line(with: "typing is on, off, or account")
    }
  }
}
