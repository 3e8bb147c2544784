// PlainForwardTests.swift: message forward into a room that is not encrypted, text and file; answers stay in their room
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct PlainForwards {
  @Test(arguments: [false, true])
  func whatWasEncryptedGoesIntoAPlainRoomWhenItIsAskedForOnly(besideAHolder: Bool) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    defer { bob.stop() }
    let holder = besideAHolder ? try await lab.listener("alice") : nil
    defer { holder?.stop() }
    func alice(_ arguments: String...) async throws -> CommandRun { try await lab.run(as: "alice", arguments) }
    #expect(try await alice("room", "create", "Closed", "bob").exitCode == 0)
    #expect(try await alice("room", "create", "Open", "bob", "--plain").exitCode == 0)
    let folder = try TemporaryFolder()
    let file = folder.file("plan.txt")
    try Data("the plan".utf8).write(to: file)

    let text = try await alice("send", "Closed", "a secret", "--json")
    let withFile = try await alice("send", "Closed", "look", "--file", file.path, "--json")
    let ids = try [text, withFile].map { try #require($0.events.last?["id"]) }
    for id in ids {
      let refused = try await alice("message", "forward", "Closed", id, "Open")
      #expect(refused.exitCode == 65 && refused.output.isEmpty, "\(refused.output)")
      #expect(
        refused.errors
          == "limeade: Open is not encrypted, and the message is: its server could read it; --unencrypted forwards it all "
          + "the same\n", "\(refused.errors)")
    }
    let history = try await alice("history", "Open")
    #expect(!history.output.contains("secret") && !history.output.contains("plan.txt"))
    for (id, words) in zip(ids, ["a secret", "look"]) {
      #expect(try await alice("message", "forward", "Closed", id, "Open", "--unencrypted").exitCode == 0)
      try await bob.event("message", within: 60, ["text": words, "encrypted": "false"])
    }
    // An answer quotes what is in its own room.
    let answer = try await alice("send", "Open", "yes", "--reply-to", ids[0])
    #expect(answer.exitCode == 65 && !answer.errors.isEmpty, "\(answer.errors)")
  }
}
