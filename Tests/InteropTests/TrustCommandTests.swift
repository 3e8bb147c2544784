// TrustCommandTests.swift: the program's keys, send and room commands, as a user or a script runs them.
import Foundation
import Lab
import TestSupport
import Testing

/// The limeade program with a configuration for alice and bob on a lab.
private struct Program {
  let lab = Lab(.example)
  let folder: TemporaryFolder
  private let config: URL

  init() async throws {
    folder = try TemporaryFolder()
    config = folder.url.appendingPathComponent("config.toml")
    let addresses = try await lab.start()
    let tables = ["alice", "bob"].map { user in
      """
      [account.\(user)]
      address = "sip:\(user)@\(addresses.domain)"
      password = "\(user)"
      outbound-proxy = "\(addresses.sip)"
      conference-factory = "\(addresses.factory)"
      key-server = "\(addresses.keyServer?.absoluteString ?? "")"

      """
    }
    try tables.joined().write(to: config, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: config.path)
  }

  func start(_ user: String, _ arguments: String...) throws -> PeerProcess { try start(user, arguments) }

  private func start(_ user: String, _ arguments: [String]) throws -> PeerProcess {
    try PeerProcess(
      TestPaths.limeade, ["--config", config.path, "--account", user] + arguments,
      environment: [
        "XDG_DATA_HOME": folder.url.appendingPathComponent("data").path,
        "XDG_STATE_HOME": folder.url.appendingPathComponent("state").path,
      ], name: "limeade \(arguments.first ?? "")")
  }

  /// Runs a command to its end.
  func run(_ user: String, _ arguments: String...) async throws -> (code: Int32, lines: [[String: Any]]) {
    let process = try start(user, arguments + ["--json"])
    let code = try await process.exitCode()
    let lines = process.output.compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    return (code, lines)
  }
}

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
}
