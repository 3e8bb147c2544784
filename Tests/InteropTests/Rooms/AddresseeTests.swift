// AddresseeTests.swift: who gets a message, when others choose the names of rooms, from the command line on a lab
import Foundation
import TestSupport
import Testing

@Suite struct Addressees {
  private static let alice = "sip:alice@sip.example.org"
  private static let bob = "sip:bob@sip.example.org"
  private static let carol = "sip:carol@sip.example.org"

  @Test func aRoomCalledLikeAPersonGetsNothingThatIsForThePerson() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let (listener, other) = (try await lab.listener("alice"), try await lab.listener("carol"))
    let attacker = try await lab.listener("bob")
    for name in [Self.carol, "carol@sip.example.org"] {
      let made = try await lab.run(as: "bob", "room", "create", name, "alice", "--json")
      let room = try #require(made.events.first?["room"], "\(made.errors)")
      try await listener.event("room", ["room": room])
    }
    for to in [Self.carol, "carol@sip.example.org", "SIP:carol@sip.example.org"] {
      let sent = try await lab.run(as: "alice", "send", to, "for carol: \(to)", "--wait", "delivered")
      #expect(sent.exitCode == 0, "\(sent.errors)")
      try await other.event("message", ["text": "for carol: \(to)"])
    }
    #expect(!attacker.output.contains { $0.contains("for carol") })
    let listed = try await lab.run(as: "alice", "room", "list")
    #expect(listed.lines.count { $0.hasPrefix("\"") } == 2 && listed.lines.count { $0.hasPrefix(Self.carol) } == 1)
    for process in [listener, other, attacker] { process.stop() }
  }

  @Test func onesOwnAddressIsRefusedWhereverARoomOrAPersonIsNamed() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let others = [try await lab.listener("bob"), try await lab.listener("carol")]
    for other in [Self.bob, Self.carol] {
      #expect(try await lab.run(as: "alice", "send", other, "hello", "--wait", "delivered").exitCode == 0)
    }
    for own in [Self.alice, "alice@sip.example.org", "sip:alice@SIP.Example.org;transport=tcp"] {
      for command in [
        ["send", own, "to whom?"], ["chat", "--plain", own], ["message", "forward", Self.bob, "last", own],
        ["history", own], ["room", "show", own], ["room", "leave", own], ["listen", "--room", own],
        ["file", "list", own], ["message", "react", own, "last", "+"],
      ] {
        let run = try await lab.run(as: "alice", command)
        #expect(run.exitCode == 65, "\(command): \(run.errors)")
        #expect(run.errors.contains("own address"), "\(command): \(run.errors)")
      }
    }
    for other in others {
      #expect(!other.output.contains { $0.contains("to whom?") })
      other.stop()
    }
  }

  @Test func aStrangersRoomTakesNoNameFromOneThatIsInUse() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let (alice, bob) = (try await lab.listener("alice"), try await lab.listener("bob"))
    let mallory = try await lab.listener("carol")
    func run(_ arguments: String...) async throws -> CommandRun { try await lab.run(as: "alice", arguments) }
    #expect(try await run("room", "create", "Ops team", Self.bob).exitCode == 0)
    let made = try await lab.run(as: "carol", "room", "create", "Ops", Self.alice, "--json")
    let room = try #require(made.events.first?["room"])
    try await alice.event("room", ["room": room])
    let refused = try await run("send", "Ops", "the key")
    #expect(refused.exitCode == 65 && refused.errors.contains("Ops team") && refused.errors.contains(room))
    // The name under which she made it means it, whatever comes later.
    let twin = try await lab.run(as: "carol", "room", "create", "Ops team", Self.alice, "--json")
    try await alice.event("room", ["room": try #require(twin.events.first?["room"])])
    #expect(try await run("send", "Ops team", "for the team", "--wait", "delivered").exitCode == 0)
    try await bob.event("message", ["text": "for the team"])
    #expect(try await run("send", "name:Ops", "hello carol", "--wait", "delivered").exitCode == 0)
    try await mallory.event("message", ["text": "hello carol"])
    #expect(!mallory.output.contains { $0.contains("for the team") || $0.contains("the key") })
    // After leaving, what was said is still found.
    #expect(try await run("room", "leave", "name:Ops").exitCode == 0)
    #expect(try await run("history", "name:Ops").output.contains("hello carol"))
    for process in [alice, bob, mallory] { process.stop() }
  }

  @Test func aRoomWhoseNameBeginsLikeAPersonsGetsNothingThatIsForThePerson() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let (alice, mallory) = (try await lab.listener("alice"), try await lab.listener("carol"))
    let made = try await lab.run(as: "carol", "room", "create", "bob's party", Self.alice, "--json")
    let room = try #require(made.events.first?["room"], "\(made.errors)")
    try await alice.event("room", ["room": room])
    let refused = try await lab.run(as: "alice", "send", "bob", "for bob only")
    #expect(refused.exitCode == 65, "\(refused.errors)")
    for part in [Self.bob, "bob's party", Self.carol] { #expect(refused.errors.contains(part), "\(refused.errors)") }
    let meant = try await lab.run(as: "alice", "send", "bob's party", "for all", "--wait", "delivered")
    #expect(meant.exitCode == 0, "\(meant.errors)")
    try await mallory.event("message", ["text": "for all"])
    #expect(!mallory.output.contains { $0.contains("for bob only") })
    for process in [alice, mallory] { process.stop() }
  }
}
