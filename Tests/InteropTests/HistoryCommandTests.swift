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
    #expect(text.lines.count == 4)
    #expect(text.lines.contains { $0.hasPrefix("Ops: ") && $0.contains("deploy Ops now\u{FFFD}[2J  (delivered 1/1") })

    let file = lab.folder.file("export.jsonl")
    #expect(try await lab.run(as: "alice", "history", "--all", "--json", "--output", file.path).exitCode == 0)
    let lines = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    #expect(lines.count == 4)
    #expect(lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int == 0o600)
    let again = try await lab.run(as: "alice", "history", "--all", "--output", file.path)
    #expect(again.exitCode == 73)
    #expect(again.errors.contains("exists already"))
  }
}
