// MouseTests.swift: reports of the mouse and the focus, and what a click or the wheel does.
import Testing

@testable import TerminalUI

@Suite struct MouseTests {
  private func decode(_ text: String) -> [KeyEvent] {
    var decoder = KeyDecoder()
    return decoder.decode(Array(text.utf8))
  }

  @Test func sgrReportsAreDecoded() {
    #expect(decode("\u{1B}[<0;12;3M") == [.mouse(MouseEvent(.press, column: 11, row: 2))])
    #expect(decode("\u{1B}[<64;1;1M") == [.mouse(MouseEvent(.wheelUp, column: 0, row: 0))])
    #expect(decode("\u{1B}[<69;300;1M") == [.mouse(MouseEvent(.wheelDown, column: 299, row: 0))])
    // Releases, other buttons, motion, and nonsense are nothing; what follows is a key again.
    for text in ["<0;12;3m", "<2;1;1M", "<35;1;1M", "<0;0;0M", "<0;1M", "<;;M", "<0;99999999999999999999;1M"] {
      #expect(decode("\u{1B}[\(text)x") == [.key(.character("x"))], "\(text)")
    }
  }

  @Test func oldReportsAreNoKeys() {
    #expect(decode("\u{1B}[M !!x") == [.mouse(MouseEvent(.press, column: 0, row: 0)), .key(.character("x"))])
    #expect(decode("\u{1B}[M`#\"") == [.mouse(MouseEvent(.wheelUp, column: 2, row: 1))])
    #expect(decode("\u{1B}[M#!!x") == [.key(.character("x"))])
  }

  @Test func theFocusIsReported() {
    #expect(decode("\u{1B}[I\u{1B}[O") == [.focus(true), .focus(false)])
  }

  @Test func aClickOpensTheRoomOfItsLine() {
    var interface = Fixtures.interface()
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 5, row: 2))) == [.openRoom("ops")])
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 5, row: 1))).isEmpty)
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 5, row: 15))).isEmpty)
  }

  @Test func aClickOnAMemberComparesItsDevices() {
    var interface = Fixtures.interface()
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 5, row: 0))).isEmpty)
    #expect(interface.grid.lines[2].hasSuffix("│◇ Bob"))
    // Bob, one of his devices, and ourselves.
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 70, row: 2))) == [.verify("sip:bob@sip.example.org")])
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 70, row: 4))) == [.verify("sip:bob@sip.example.org")])
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 70, row: 1))).isEmpty)
  }

  @Test func aClickIntoTheInputMovesTheCursor() {
    var interface = Fixtures.interface()
    interface.screen.input = InputLine(text: "日本 one\ntwo")
    // "[Lab team] > " is 13 columns; the first line stands in row 22.
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 15, row: 22))).isEmpty)
    #expect(interface.screen.input.cursor == 1)
    _ = interface.handle(.mouse(MouseEvent(.press, column: 79, row: 22)))
    #expect(interface.screen.input.cursor == 6)
    _ = interface.handle(.mouse(MouseEvent(.press, column: 14, row: 23)))
    #expect(interface.screen.input.cursor == 8)
    _ = interface.handle(.mouse(MouseEvent(.press, column: 0, row: 23)))
    #expect(interface.screen.input.cursor == 7)
  }

  @Test func theWheelScrolls() {
    var interface = Fixtures.interface(columns: 80, rows: 12)
    _ = interface.handle(.mouse(MouseEvent(.wheelUp, column: 40, row: 5)))
    #expect(interface.screen.scroll != .end)
    _ = interface.handle(.mouse(MouseEvent(.wheelDown, column: 40, row: 5)))
    #expect(interface.screen.scroll == .end)
  }

  @Test func theWheelOverTheRoomsScrollsTheirListUntilAnotherIsOpened() {
    var interface = Fixtures.interface(columns: 80, rows: 12)
    interface.screen.rooms = (1...40).map { RoomRow(id: "\($0)", number: $0, name: "Room \($0)") }
    interface.screen.openRoom = "20"
    func first() -> String { String(interface.grid.lines[1].prefix(13)) }
    #expect(first() == " 16 # Room 16")
    _ = interface.handle(.mouse(MouseEvent(.wheelDown, column: 3, row: 5)))
    #expect(first() == " 19 # Room 19" && interface.screen.scroll == .end)
    for _ in 0..<30 { _ = interface.handle(.mouse(MouseEvent(.wheelDown, column: 3, row: 5))) }
    #expect(first() == " 32 # Room 32")
    // What is clicked is what stands there.
    #expect(interface.handle(.mouse(MouseEvent(.press, column: 5, row: 2))) == [.openRoom("33")])
    for _ in 0..<30 { _ = interface.handle(.mouse(MouseEvent(.wheelUp, column: 3, row: 5))) }
    #expect(first() == "  1 # Room 1 ")
    interface.open("33", header: RoomHeader(name: "Room 33"), messages: [])
    #expect(interface.grid.lines.contains { $0.hasPrefix("▌33 # Room 33") })
  }
}
