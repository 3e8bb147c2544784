// TrustCommandTests.swift: the program's keys, send and room commands, as a user or a script runs them.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct TrustCommands {
  @Test func comparingAndTrustingFromTheCommandLineBesideARunningProgram() async throws {
    let program = try await Program()
    let bob = try program.start("bob", "listen", "--json")
    try await bob.event("registered")
    #expect(try await program.run("alice", "send", "sip:bob@sip.example.org", "not yet", "--require-trust").code == 10)
    #expect(try await program.run("alice", "send", "sip:bob@sip.example.org", "hello", "--wait", "delivered").code == 0)
    try await bob.event("message", ["text": "hello"])

    // Bob's program is running all the while.
    let atAlice = try #require(try await program.run("alice", "keys", "verify", "bob").lines.first)
    let atBob = try #require(try await program.run("bob", "keys", "verify", "sip:alice@sip.example.org").lines.first)
    let code = try #require(atAlice["code"] as? String)
    #expect(atBob["code"] as? String == code)
    #expect(atBob["fingerprint"] as? String == atAlice["ownFingerprint"] as? String)
    #expect(atAlice["trust"] as? String == "untrusted")

    #expect(try await program.run("alice", "keys", "trust", "nobody").code == 65)
    #expect(try await program.run("alice", "keys", "trust", "sip:bob@").lines.first?["trust"] as? String == "trusted")
    #expect(try await program.run("bob", "keys", "trust", "sip:alice@").code == 0)
    #expect(try await program.run("alice", "send", "sip:bob@sip.example.org", "now", "--require-trust").code == 0)
    try await bob.event("message", ["text": "now", "trust": "trusted"])
    let room = try #require(try await program.run("alice", "room", "show", "sip:bob").lines.first)
    #expect(room["security"] as? String == "trusted")

    #expect(try await program.run("alice", "keys", "distrust", "sip:bob@").code == 0)
    #expect(try await program.run("alice", "send", "sip:bob@sip.example.org", "no").code == 10)
    #expect(!bob.output.contains { $0.contains("not yet") || $0.contains(#""text":"no""#) })
    bob.stop()
    await program.lab.stop()
  }

  @Test func theStateOfThePublishedKeysIsShownAndBroughtUpToDate() async throws {
    let program = try await Program()
    #expect(try await program.run("alice", "keys", "show").code == 69)
    let published = try await program.run("alice", "keys", "publish")
    #expect(published.code == 0)
    #expect(published.lines.first?["oneTimeKeysAdded"] as? Int == 0)
    let keys = try #require(try await program.run("alice", "keys", "show").lines.first)
    #expect(keys["oneTimeKeysLeft"] as? Int == 100)
    #expect(keys["published"] as? Bool == true)
    #expect(keys["signedPrekeyTime"] is String)
    await program.lab.stop()
  }

  @Test func anAccountCanRequireTrustForAllThatItSends() async throws {
    let program = try await Program(settings: "require-trust = true")
    let bob = try program.start("bob", "listen", "--json")
    try await bob.event("registered")
    #expect(try await program.run("alice", "send", "sip:bob@sip.example.org", "refused").code == 10)
    #expect(try await program.run("alice", "keys", "trust", "sip:bob@").code == 0)
    #expect(try await program.run("alice", "send", "sip:bob@sip.example.org", "accepted").code == 0)
    try await bob.event("message", ["text": "accepted"])
    #expect(!bob.output.contains { $0.contains("refused") })
    bob.stop()
    await program.lab.stop()
  }
}
