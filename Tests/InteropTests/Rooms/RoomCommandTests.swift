// RoomCommandTests.swift: room create, invite and remove say what became of it, and end with 76 when it is nothing.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct RoomCommands {
  private static func play(_ options: String..., body: (LabProgram) async throws -> Void) async throws {
    let lab = try await LabProgram(options)
    defer { lab.stop() }
    try await body(lab)
  }

  @Test func invitingSaysWhoCameAndEndsWith76WhenNobodyDid() async throws {
    try await Self.play { lab in
      func alice(_ arguments: String...) async throws -> CommandRun {
        try await lab.run(as: "alice", ["room"] + arguments)
      }
      let bob = try await lab.listener("bob")
      #expect(try await alice("create", "Crew", "bob").exitCode == 0)

      let nobody = try await alice("invite", "Crew", "carol")
      #expect(nobody.exitCode == 76 && nobody.output.isEmpty)
      #expect(nobody.errors.contains("sip:carol@sip.example.org is not in the room: it has no registered device"))
      #expect(nobody.errors.contains("nobody was invited"), "\(nobody.errors)")

      let carol = try await lab.listener("carol")
      let some = try await alice("invite", "Crew", "dave", "carol")
      #expect(some.exitCode == 0 && some.output == "invited sip:carol@sip.example.org\n", "\(some.output)")
      #expect(some.errors.contains("sip:dave@sip.example.org is not in the room"), "\(some.errors)")
      let again = try await alice("invite", "Crew", "carol")
      #expect(again.exitCode == 0 && again.output.isEmpty && again.errors.contains("is in the room already"))

      let removed = try await alice("remove", "Crew", "dave", "carol", "--json")
      #expect(removed.exitCode == 0 && removed.errors.contains("sip:dave@sip.example.org is not in the room"))
      let event = try #require(removed.events.first)
      #expect(event["event"] == "member" && event["change"] == "removed")
      #expect(event["address"] == "sip:carol@sip.example.org")
      let gone = try await alice("remove", "Crew", "carol")
      #expect(gone.exitCode == 76 && gone.errors.contains("nobody was removed"), "\(gone.errors)")
      bob.stop()
      carol.stop()
    }
  }

  @Test func whoMayNotChangeTheRoomIsToldSo() async throws {
    try await Self.play { lab in
      let (bob, carol) = (try await lab.listener("bob"), try await lab.listener("carol"))
      #expect(try await lab.run(as: "alice", "room", "create", "Crew", "bob", "carol").exitCode == 0)
      try await bob.event("room", ["name": "Crew"])
      for command in [["remove", "Crew", "carol"], ["invite", "Crew", "dave"]] {
        let refused = try await lab.run(as: "bob", ["room"] + command)
        #expect(refused.exitCode == 76 && refused.errors.contains("was refused"), "\(refused.errors)")
      }
      bob.stop()
      carol.stop()
    }
  }

  @Test func aRoomInWhichOneIsAloneIsAFailure() async throws {
    // Of two who are invited one is not seen: the conference server makes the room without.
    try await Self.play("--fault", "one-missing") { lab in
      let bob = try await lab.listener("bob")
      let made = try await lab.run(as: "alice", "room", "create", "Crew", "bob", "--plain")
      #expect(made.exitCode == 76, "\(made.output)")
      #expect(made.errors.contains("sip:bob@sip.example.org is not in the room"), "\(made.errors)")
      bob.stop()
    }
  }

  @Test func anotherDomainIsNamedAtOnce() async throws {
    try await Self.play { lab in
      let bob = try await lab.listener("bob")
      let start = ContinuousClock.now
      let made = try await lab.run(as: "alice", "room", "create", "Far", "sip:bob@elsewhere.example")
      #expect(made.exitCode == 76 && ContinuousClock.now - start < .seconds(30))
      let words = "sip:bob@elsewhere.example: elsewhere.example is not this account's domain (sip.example.org)"
      #expect(made.errors.hasPrefix("limeade: \(words)"), "\(made.errors)")
      #expect(try await lab.run(as: "alice", "room", "create", "Near", "bob").exitCode == 0)
      let invited = try await lab.run(as: "alice", "room", "invite", "Near", "bob@elsewhere.example")
      #expect(invited.exitCode == 76 && invited.errors.hasPrefix("limeade: \(words)"), "\(invited.errors)")
      bob.stop()
    }
  }

  @Test func aServerThatDoesNotAnswerIsNotWaitedForLonger() async throws {
    try await Self.play("--fault", "invites-filtered") { lab in
      for (command, words) in [
        (["create", "Crew", "bob"], "whether the room was made is not known"),
        (["create", "Crew", "bob@elsewhere.example"], "elsewhere.example is not this account's domain"),
      ] {
        let start = ContinuousClock.now
        let run = try await lab.run(as: "alice", ["room"] + command + ["--timeout", "2"])
        #expect(run.exitCode == 75 && run.errors.contains("did not answer within 2 s"), "\(run.errors)")
        #expect(run.errors.contains(words) && ContinuousClock.now - start < .seconds(15))
      }
      let wrong = try await lab.run(as: "alice", "room", "leave", "Crew", "--timeout", "0")
      #expect(wrong.exitCode == 64)
    }
  }
}
