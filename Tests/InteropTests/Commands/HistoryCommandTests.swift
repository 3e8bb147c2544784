// HistoryCommandTests.swift: limeade history: searching all rooms, and exporting them to files.
import Foundation
import TestSupport
import Testing

@Suite struct HistoryCommandTests {
  @Test func allRoomsAreSearchedAndExported() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    defer { bob.stop() }
    for name in ["Team", "Ops"] {
      #expect(try await lab.run(as: "alice", "room", "create", name, "sip:bob@sip.example.org").exitCode == 0)
      for text in ["deploy \(name) now\u{1B}[2J", "日本語のテキスト"] {
        #expect(try await lab.run(as: "alice", "send", name, text, "--wait", "delivered").exitCode == 0)
      }
    }
    let found = try await lab.run(as: "alice", "history", "--search", "DEPL now", "--json")
    #expect(found.events.map { $0["text"] } == ["deploy Team now\u{1B}[2J", "deploy Ops now\u{1B}[2J"])
    #expect(try await lab.run(as: "alice", "history", "Ops", "--search", "テキスト").lines.count == 1)

    let text = try await lab.run(as: "alice", "history", "--all")
    // Two texts of each room, and that it was made.
    #expect(text.lines.count == 6)
    #expect(text.lines.count { $0.contains("-- you made this room") } == 2)
    #expect(text.lines.contains { $0.hasPrefix("Ops: ") && $0.contains("deploy Ops now\u{FFFD}[2J  (delivered 1/1") })

    // Times are local ones of 24 hours: of these two zones one is in the afternoon.
    let sent = try #require(found.events.first?["time"])
    let moment = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(sent)
    for (zone, hours) in [("Etc/GMT-6", 6.0), ("Etc/GMT+6", -6.0)] {
      let lines = try await lab.run(as: "alice", "history", "Team", environment: ["TZ": zone]).lines
      let local = moment.addingTimeInterval(hours * 3600).formatted(.iso8601)
      let expected = local.prefix(16).replacing("T", with: " ")
      #expect(lines.contains { $0.hasPrefix(expected) && $0.contains("deploy Team") }, "\(zone): \(expected) \(lines)")
    }

    let file = lab.folder.file("export.jsonl")
    #expect(try await lab.run(as: "alice", "history", "--all", "--json", "--output", file.path).exitCode == 0)
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 6)
    #expect(lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int == 0o600)
    let again = try await lab.run(as: "alice", "history", "--all", "--output", file.path)
    #expect(again.exitCode == 73)
    #expect(again.errors.contains("exists already"))
  }
}
