// InvitationTests.swift: rooms of strangers wait for the user's word, and blocked people are not shown and told nothing
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct Invitations {
  private static let alice = "sip:alice@sip.example.org"
  private static let bob = "sip:bob@sip.example.org"
  private static let carol = "sip:carol@sip.example.org"

  /// A lab whose alice is asked about rooms of strangers.
  private static func lab() async throws -> LabProgram {
    let lab = try await LabProgram()
    let text = try String(contentsOfFile: lab.configuration, encoding: .utf8)
    let table = "[account.alice]\n"
    #expect(text.contains(table))
    try text.replacingOccurrences(of: table, with: table + "invitations = \"ask\"\n")
      .write(toFile: lab.configuration, atomically: false, encoding: .utf8)
    return lab
  }

  /// What a program sent, by its trace.
  private static func sent(_ trace: URL) throws -> [String] {
    try String(contentsOf: trace, encoding: .utf8).components(separatedBy: "\n===== ")
      .filter { $0.prefix { $0 != "\n" }.contains("alice ->") }
  }

  @Test func aStrangersRoomWaitsAndHearsNothingUntilItIsAccepted() async throws {
    let lab = try await Self.lab()
    defer { lab.stop() }
    let trace = lab.folder.file("alice-trace.txt")
    let alice = try await lab.listener("alice", "--trace", trace.path)
    let carol = try await lab.listener("carol")
    let made = try await lab.run(as: "carol", "room", "create", "Prize", "alice", "bob", "--json")
    let room = try #require(made.events.first?["room"], "\(made.errors)")
    let invitation = try await alice.event("invitation", ["room": room, "name": "Prize"])
    #expect(invitation["declined"] == "false")
    // Nothing opens it, a message neither.
    #expect(try await lab.run(as: "carol", "send", "Prize", "you have won").exitCode == 0)
    try await Task.sleep(for: .seconds(1))
    #expect(try await lab.run(as: "alice", "room", "list", "--all").lines.isEmpty)
    #expect(try await lab.run(as: "alice", "history").lines.isEmpty)
    #expect(!alice.output.contains { $0.contains("you have won") })
    let before = try Self.sent(trace)
    #expect(!before.contains { $0.contains("\nSUBSCRIBE ") || $0.contains("\nMESSAGE ") }, "\(before)")
    #expect(!before.contains { $0.contains("SIP/2.0 200") && $0.contains("CSeq: ") && $0.contains(" INVITE") })
    let listed = try await lab.run(as: "alice", "room", "invitations").lines
    #expect(listed.count == 1 && listed[0].hasPrefix("the room Prize, with \(Self.carol)"), "\(listed)")

    #expect(try await lab.run(as: "alice", "room", "decline").output.contains("declined the room Prize"))
    #expect(try await lab.run(as: "alice", "room", "invitations").lines.isEmpty)
    #expect(try await lab.run(as: "alice", "room", "accept").exitCode == 65)
    // After all: what is written from here on comes.
    let accepted = try await lab.run(as: "alice", "room", "accept", "Prize")
    #expect(accepted.output == "entered Prize\n" && accepted.exitCode == 0, "\(accepted.errors)")
    #expect(try await lab.run(as: "carol", "send", "Prize", "welcome", "--wait", "sent").exitCode == 0)
    try await alice.event("message", ["text": "welcome", "room": room, "encrypted": "true"])
    try await carol.event("delivered", ["by": Self.alice])
    #expect(try await lab.run(as: "alice", "room", "list").lines.count == 1)
    for process in [alice, carol] { process.stop() }
  }

  @Test func whatWasWrittenWhileTheInvitationWaitedComesWhenItIsAccepted() async throws {
    let lab = try await Self.lab()
    defer { lab.stop() }
    let (alice, carol) = (try await lab.listener("alice"), try await lab.listener("carol"))
    let made = try await lab.run(as: "carol", "room", "create", "Plans", "alice", "--json")
    let room = try #require(made.events.first?["room"])
    try await alice.event("invitation", ["room": room])
    #expect(try await lab.run(as: "carol", "send", "Plans", "are you there").exitCode == 0)
    #expect(try await lab.run(as: "alice", "room", "accept").exitCode == 0)
    try await alice.event("message", ["text": "are you there", "room": room])
    for process in [alice, carol] { process.stop() }
  }

  @Test func roomsOfPeopleWhomOneHasWrittenWithOpenByThemselves() async throws {
    let lab = try await Self.lab()
    defer { lab.stop() }
    let (alice, bob) = (try await lab.listener("alice"), try await lab.listener("bob"))
    #expect(try await lab.run(as: "alice", "send", Self.bob, "hello", "--wait", "delivered").exitCode == 0)
    let made = try await lab.run(as: "bob", "room", "create", "Ops", "alice", "--json")
    try await alice.event("room", ["room": try #require(made.events.first?["room"])])
    #expect(try await lab.run(as: "alice", "room", "invitations").lines.isEmpty)
    for process in [alice, bob] { process.stop() }
  }

  @Test func blockedPeopleAreKeptOutOfSightAndToldNothing() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let (alice, bob) = (try await lab.listener("alice"), try await lab.listener("bob"))
    let made = try await lab.run(as: "bob", "room", "create", "Ops", "alice", "--json")
    let room = try #require(made.events.first?["room"])
    #expect(try await lab.run(as: "bob", "send", "Ops", "before", "--wait", "delivered").exitCode == 0)
    #expect(try await lab.run(as: "alice", "block", "bob").output == "\(Self.bob)\n")
    #expect(try await lab.run(as: "bob", "send", "Ops", "the rude word").exitCode == 0)
    try await alice.event("message", ["text": "the rude word"])
    // An own message goes the same way after it: a receipt would have come by then.
    #expect(try await lab.run(as: "alice", "send", "Ops", "calm", "--wait", "delivered").exitCode == 0)
    let atBob = try await lab.run(as: "bob", "history", room).lines
    #expect(atBob.contains { $0.contains("the rude word") && $0.contains("delivered 0/1") }, "\(atBob)")
    let list = try await lab.run(as: "alice", "room", "list", "--json").events
    #expect(list.first?["unread"] == "0")
    let shown = try await lab.run(as: "alice", "history", "Ops")
    #expect(!shown.output.contains("rude") && shown.lines.count { $0.hasSuffix("\(Self.bob) (blocked)") } == 2)
    let kept = try await lab.run(as: "alice", "history", "Ops", "--json").events
    #expect(kept.contains { $0["text"] == "the rude word" && $0["blocked"] == "true" })
    #expect(try await lab.run(as: "alice", "block").lines == [Self.bob])
    #expect(try await lab.run(as: "alice", "block", "alice").exitCode == 65)
    #expect(try await lab.run(as: "alice", "block", "--undo", "bob").output.isEmpty)
    #expect(try await lab.run(as: "alice", "history", "Ops").output.contains("the rude word"))
    for process in [alice, bob] { process.stop() }
  }

  @Test func aRoomIsMutedForATimeAndHasALevelOfItsOwn() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    func run(_ arguments: String...) async throws -> CommandRun { try await lab.run(as: "alice", arguments) }
    #expect(try await run("room", "create", "Ops", "bob").exitCode == 0)
    #expect(try await run("room", "mute", "Ops", "--for", "2h").output.hasPrefix("announced  none until "))
    #expect(try await run("room", "show", "Ops", "--json").events.first?["mutedUntil"] != nil)
    #expect(try await run("room", "mute", "Ops").output == "announced  none: muted\n")
    #expect(try await run("room", "mute", "Ops", "--off").output == "announced  as [ui] says\n")
    #expect(
      try await run("room", "set", "Ops", "--notify", "mentions").output.contains("announced  mentions, for this"))
    #expect(try await run("room", "mute", "Ops", "--for", "soon").exitCode == 64)
    #expect(try await run("room", "set", "Ops", "--notify", "loud").exitCode == 64)
    bob.stop()
  }
}
