// OptionLikeIDTests.swift: Message-IDs that begin with "-", as Linphone makes them, are no options.
import Foundation
import HostilePeer
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite(.serialized) struct OptionLikeIDs {
  @Test(arguments: ["-Qr5tYU~op12", "--Qr5tYUop-2"])
  func messagesCanBeNamedByThem(_ id: String) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let alice = try await lab.listener("alice")
    let carol = try HostilePeer("carol", sip: lab.proxy)
    try await carol.start()
    let room = try await carol.createRoom(
      "Team", at: lab.factory, members: ["sip:alice@sip.example.org"], encrypted: false)
    try await alice.event("room", ["name": "Team"])
    try await carol.message(room, CPIMMessage.text("hello", id: id, from: carol.device, to: room).serialized)
    try await alice.event("message", ["text": "hello"])

    let answer = try await lab.run(as: "alice", "send", "Team", "yes", "--reply-to", id)
    #expect(answer.exitCode == 0, "\(answer.errors)")
    _ = try await carol.received("MESSAGE") {
      String(decoding: $0.body, as: UTF8.self).contains("linphone.Replying-To-Message-ID: \(id)\r\n")
    }
    let reaction = try await lab.run(as: "alice", "message", "react", "--json", "Team", id, "👍", "--timeout", "20")
    #expect(reaction.exitCode == 0 && reaction.events.last?["id"] == id, "\(reaction.errors) \(reaction.output)")
    _ = try await carol.received("MESSAGE") {
      String(decoding: $0.body, as: UTF8.self).contains("linphone.In-Reply-To: \(id)\r\n")
    }
    let forwarded = try await lab.run(as: "alice", "message", "forward", "Team", id, "Team")
    #expect(forwarded.exitCode == 0, "\(forwarded.errors)")
    let file = try await lab.run(as: "alice", "file", "save", id + "/2")
    #expect(file.exitCode == 65 && file.errors.contains("no file has the id '\(id)"), "\(file.errors)")
    await carol.stop()
    alice.stop()
  }

  @Test func whatIsNoIDIsAnOptionStill() async throws {
    let commands = [
      ["message", "react", "Team", "--remvoe"], ["message", "edit", "-Team", "last", "text"],
      ["message", "retract", "-Team", "last"], ["send", "-Team", "text"], ["file", "list", "-Qr5tYUop12x"],
    ]
    for command in commands {
      let run = try await CommandRun(TestPaths.limeade, command)
      #expect(run.exitCode == 64 && run.errors.hasPrefix("Error: "), "\(command): \(run.errors)")
    }
  }
}
