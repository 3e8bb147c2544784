// ManyRoomsScreenTests.swift: the list of many rooms: its order, numbers that last, pins, the wheel
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct ManyRoomsInTmux {
  @Test func numbersAndPinsOutliveTheProgramAndUnreadRoomsComeFirst() async throws {
    try await Stage.play { stage in
      for name in ["Ops", "Tea"] {
        try await stage.screen.enter("/create \(name) bob carol")
        try await stage.screen.line(with: "[\(name)] >")
      }
      try await stage.screen.press("M-j")
      try await stage.screen.type("02")
      try await stage.screen.line(with: "[Ops] >")
      try await stage.screen.enter("/pin")
      try await stage.screen.wait(for: "the pinned room at the top") { $0[1].hasPrefix("▌ 2▴# Ops") }
      try await stage.screen.press("M-3")
      try await stage.screen.wait(for: "the last active room") { $0[2].hasPrefix("▌ 3 # Tea") }
      // Times count in whole seconds: the open room stays the last active one.
      #expect(try await stage.lab.run(as: "carol", "send", Stage.team, "news").exitCode == 0)
      try await stage.screen.wait(for: "the unread room above the others") {
        $0[2].hasPrefix("  1 # Lab team") && $0[3].hasPrefix("▌ 3 # Tea")
      }

      try await stage.screen.press("C-d")
      try await stage.screen.wait(for: "the shell") { !$0.contains { $0.contains("registered") } }
      try await stage.screen.enter(stage.line("alice", "chat", "Tea"))
      try await stage.screen.line(with: "alice@sip.example.org registered")
      try await stage.screen.wait(for: "the same list") {
        $0[1].hasPrefix("  2▴# Ops") && $0[2].hasPrefix("  1 # Lab team") && $0[3].hasPrefix("▌ 3 # Tea")
      }
      try await stage.screen.press("M-2")
      try await stage.screen.line(with: "[Ops] >")
      try await stage.screen.enter("/pin off")
      try await stage.screen.wait(for: "no pin") { lines in lines.contains { $0.hasPrefix("▌ 2 # Ops") } }
      try await stage.screen.enter("/pin maybe")
      try await stage.screen.line(with: "usage: /pin [on|off]")
    }
  }

  @Test func aLongListIsScrolledByTheWheelAndHasTheChosenWidth() async throws {
    try await Stage.play(interface: "[ui]\nrooms-width = 30\nroom-order = \"fixed\"") { stage in
      let names = (2...30).map { "Room \($0)" }
      for name in names {
        #expect(try await stage.lab.run(as: "alice", "room", "create", name, "sip:carol@sip.example.org").exitCode == 0)
      }
      try await stage.screen.line(with: " 21 # Room 21               ", "│")
      #expect(!(try await stage.screen.lines()).contains { $0.contains("# Room 25") })
      try await stage.screen.send(bytes: "\u{1B}[<65;5;5M\u{1B}[<65;5;5M")
      try await stage.screen.line(with: " 27 # Room 27")
      #expect(try await stage.screen.lines()[1].hasPrefix("  7 # Room 7"))
      try await stage.screen.press("M-j")
      try await stage.screen.type("30")
      try await stage.screen.line(with: "▌30 # Room 30")
    }
  }
}
