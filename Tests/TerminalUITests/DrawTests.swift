// DrawTests.swift: whole screens as text.
import Testing

@testable import TerminalUI

@Suite struct DrawTests {
  @Test func aScreenOf80x24ShowsRoomsMessagesAndStatus() {
    #expect(
      Fixtures.lines(Fixtures.lab(), columns: 80, rows: 24) == [
        " Lab team  E2EE verified 2/4  Alice*, Bob, Carol                      4 devices",
        "> 1 # Lab team      |",
        "  2 # Ops        12 |",
        "  3 @ Carol      3! |",
        "  4 @ Bob    typing |",
        "  5 #-Kamailio… off |",
        "                    |",
        "                    |",
        "                    |--------------------- Fri 20 Nov 2026 ---------------------",
        "                    |22:50 bob        v  good night",
        "                    |--------------------- Sat 21 Nov 2026 ---------------------",
        "                    |09:14 bob        v  factory answers 302, room is up",
        "                    |09:15 carol      e  which flexisip version?",
        "                    |                    and which client?",
        "                    |09:16 -- new device of carol: ab12 cd34 (not verified)",
        "                    |--------------------------- new ---------------------------",
        "                    |09:20 me         vr 2.5, two processes with redis [read by",
        "                    |                    2 of 3]",
        "                    |09:22 bob        X  no session: a new one was asked for",
        "                    |09:23 me         v! hello?",
        "                    |                    not delivered: 503 from the server,",
        "                    |                    will retry",
        " Bob is typing | Act: 2(12) 3(3)! | alice@sip.example.org registered (t… [E2EE]",
        "[Lab team] >",
      ])
  }

  @Test func aNarrowScreenGivesAllToTheMessages() {
    #expect(
      Fixtures.lines(Fixtures.lab(), columns: 40, rows: 12) == [
        " Lab team  E2EE verified 2/4  Alice*,…",
        "         (not verified)",
        "----------------- new ------------------",
        "09:20 me     vr 2.5, two processes with",
        "                redis [read by 2 of 3]",
        "09:22 bob    X  no session: a new one",
        "                was asked for",
        "09:23 me     v! hello?",
        "                not delivered: 503 from",
        "                the server, will retry",
        " Bob is typing | Act: 2(12) 3(3… [E2EE]",
        ">",
      ])
  }

  @Test func membersStandBesideTheMessages() {
    var state = Fixtures.lab()
    state.panes.members = .shown
    #expect(
      Fixtures.lines(state, columns: 80, rows: 12) == [
        " Lab team  E2EE verified 2/4  Alice*, Bob, Carol                      4 devices",
        "> 1 # Lab team      |         (not verified)                 |v Alice* (me)",
        "  2 # Ops        12 |----------------- new ----------------- |e Bob",
        "  3 @ Carol      3! |09:20 me     vr 2.5, two processes with |  e …a1b2c3d4",
        "  4 @ Bob    typing |                redis [read by 2 of 3]  |  e …e5f60718",
        "  5 #-Kamailio… off |09:22 bob    X  no session: a new one   |U Carol",
        "                    |                was asked for           |",
        "                    |09:23 me     v! hello?                  |",
        "                    |                not delivered: 503 from |",
        "                    |                the server, will retry  |",
        " Bob is typing | Act: 2(12) 3(3)! | alice@sip.example.org registered (t… [E2EE]",
        "[Lab team] >",
      ])
  }

  @Test func theNumbersOfAHundredRoomsStandUnderEachOther() {
    var state = Fixtures.lab()
    state.rooms = (1...100).map { RoomRow(id: "\($0)", number: 101 - $0, name: "Room \($0)") }
    state.openRoom = "2"
    #expect(
      Fixtures.lines(state, columns: 80, rows: 24)[1...4].map { String($0.prefix(21)) } == [
        " 100 # Room 1       |", "> 99 # Room 2       |", "  98 # Room 3       |", "  97 # Room 4       |",
      ])
  }

  @Test func onANarrowScreenAPaneTakesTheMessagesPlace() {
    var state = Fixtures.lab()
    state.panes.members = .shown
    #expect(
      Array(Fixtures.lines(state, columns: 40, rows: 12)[1...4]) == [
        "v Alice* (me)", "e Bob", "  e …a1b2c3d4", "  e …e5f60718",
      ])
    // Where the devices do not fit, their number stands instead.
    #expect(
      Fixtures.lines(state, columns: 40, rows: 7)[2...3] == [
        "e Bob                                  2", "U Carol                                0",
      ])
    state.panes.rooms = .shown
    #expect(
      Array(Fixtures.lines(state, columns: 40, rows: 12)[1...6]) == [
        "> 1 # Lab team", "  2 # Ops                            12", "  3 @ Carol                          3!",
        "  4 @ Bob                        typing", "  5 #-Kamailio test                 off", "",
      ])
  }

  @Test func wideAndJoinedClustersKeepTheColumns() {
    var state = Fixtures.lab()
    state.header.name = "研究室"
    state.input = InputLine(text: "日本👍🏽x")
    state.messages = [
      Fixtures.message("1", 9, 0, "日本太郎さんです", "日本語のテキスト、幅の広い文字を折り返します。"),
      Fixtures.message("2", 9, 1, "eve", "family 👨‍👩‍👧 flag 🇫🇷 heart ❤️ thumb 👍🏽 cafe\u{301}|"),
    ]
    let grid = draw(state, size: ScreenSize(columns: 60, rows: 9), theme: .monochrome)
    #expect(
      Array(grid.lines[2...6]) == [
        "  2 # Ops      12 |------------ Sat 21 Nov 2026 ------------",
        "  3 @ Carol    3! |09:00 日本…  v  日本語のテキスト、幅の広",
        "  4 @ Bob  typing |                い文字を折り返します。",
        "  5 #-Kamail… off |09:01 eve    v  family 👨‍👩‍👧 flag 🇫🇷 heart",
        "                  |                ❤️ thumb 👍🏽 cafe\u{301}|",
      ])
    // "[研究室] > " is 11 columns, 日本 4, the thumb 2, x 1.
    #expect(grid.cursor == CellGrid.Position(row: 8, column: 18))
  }

  @Test func severalInputLinesGrowTheInputAndMoveTheCursor() {
    var state = Fixtures.lab()
    state.input = InputLine(text: "one\ntwo goes on and on until it must be broken into rows\nthree")
    let grid = draw(state, size: ScreenSize(columns: 60, rows: 15), theme: .monochrome)
    #expect(
      Array(grid.lines[11...]) == [
        "[Lab team] > one", "             two goes on and on until it must be broken into",
        "              rows", "             three",
      ])
    #expect(grid.cursor == CellGrid.Position(row: 14, column: 18))
  }

  @Test func aLongInputShowsTheRowsAroundTheCursor() {
    var state = Fixtures.lab()
    state.input = InputLine(text: (1...20).map(String.init).joined(separator: "\n"))
    let end = draw(state, size: ScreenSize(columns: 40, rows: 15), theme: .monochrome)
    #expect(end.text(inRow: 14) == "  20")
    #expect(end.cursor?.row == 14)
    for _ in 0..<19 { state.input.apply(.up) }
    let start = draw(state, size: ScreenSize(columns: 40, rows: 15), theme: .monochrome)
    #expect(start.text(inRow: 10) == "> 1")
    #expect(start.cursor?.row == 10)
  }

  @Test func plaintextInAnEncryptedRoomIsNamedInWords() {
    var state = Fixtures.lab()
    state.messages = [Fixtures.message("1", 9, 0, "mallory", "pay here", encryption: .notEncrypted)]
    #expect(Fixtures.lines(state, columns: 80, rows: 6)[3].hasSuffix("09:00 mallory    -  [not encrypted] pay here"))
    state.header.security = .notEncrypted
    #expect(Fixtures.lines(state, columns: 80, rows: 6)[3].hasSuffix("09:00 mallory    -  pay here"))
  }

  @Test(arguments: [
    (MessageRow.Delivery.queued, "q"), (.sending, ">"), (.sent, "s"), (.delivered(1, of: 2), "d"),
    (.delivered(2, of: 2), "D"), (.displayed(1, of: 2), "r"), (.displayed(2, of: 2), "R"),
    (.failed(reason: "no route"), "!"),
  ])
  func everyDeliveryStateHasItsLetter(delivery: MessageRow.Delivery, letter: String) {
    var state = Fixtures.lab()
    state.messages = [Fixtures.message("1", 9, 0, "alice", "hi", delivery: delivery)]
    let text = Fixtures.lines(state, columns: 80, rows: 8).joined(separator: "\n")
    #expect(text.contains("09:00 me         v\(letter) hi"))
  }

  @Test func errorsAndABadConnectionTakeTheStatusBar() {
    var state = Fixtures.lab()
    state.status.error = "the key server refused the password"
    func line() -> String { Fixtures.lines(state, columns: 80, rows: 24)[22] }
    #expect(line() == " ! the key server refused the password".padded(to: 73) + "[E2EE]")
    state.status = StatusBar(account: "alice@sip.example.org", connection: "offline, retry in 8 s", health: .bad)
    #expect(line() == " alice@sip.example.org offline, retry in 8 s | Act: 2(12) 3(3)!".padded(to: 73) + "[E2EE]")
    state.status.error = "the server refused the connection"
    state.header.security = .unsafe
    #expect(line() == " ! the server refused the connection".padded(to: 48) + "[offline, retry in 8 s, UNSAFE]")
    state.openRoom = nil
    #expect(line() == " ! the server refused the connection".padded(to: 56) + "[offline, retry in 8 s]")
  }

  @Test func anErrorHasAsManyRowsOfTheBarAsItNeedsUpToThree() {
    var state = Fixtures.lab()
    let words = (1...60).map { "word\($0)" }.joined(separator: " ")
    for (count, rows) in [(20, 1), (120, 2), (200, 3), (400, 3)] {
      state.status.error = String(words.prefix(count))
      let lines = Fixtures.lines(state, columns: 80, rows: 24)
      let bar = lines[(23 - rows)..<23].map { $0.trimmingCharacters(in: .whitespaces) }
      #expect(bar[0].hasPrefix("! word1") && bar[0].hasSuffix("[E2EE]"), "\(lines)")
      #expect(bar[rows - 1].hasSuffix("…") == (count == 400), "\(bar)")
      #expect(!lines[22 - rows].contains("word"))
      #expect(lines[23].hasPrefix("[Lab team] >"))
    }
    // The messages keep most of a small screen.
    #expect(Fixtures.lines(state, columns: 40, rows: 7)[5].contains("…"))
    state.status.error = nil
    state.status.notice = "it is done"
    #expect(Fixtures.lines(state, columns: 80, rows: 24)[22].hasPrefix(" it is done "))
    state.status.notice = nil
    state.status.progress = ["making the room Ops…"]
    #expect(Fixtures.lines(state, columns: 80, rows: 24)[22].hasPrefix(" making the room Ops… | "))
  }

  @Test func withoutARoomTheScreenTellsHowToOpenOne() {
    let lines = Fixtures.lines(ScreenState(), columns: 80, rows: 24)
    #expect(lines[0] == " limeade")
    #expect(lines[1].hasSuffix("|no room is open: /join ROOM, /create NAME ADDRESS..."))
  }

  @Test func theOpenRoomOfALongListIsVisible() {
    var state = Fixtures.lab()
    state.rooms = (1...200).map { RoomRow(id: "\($0)", name: "room \($0)") }
    state.openRoom = "150"
    #expect(Fixtures.lines(state, columns: 80, rows: 24).contains { $0.hasPrefix(">150 # room 150") })
    state.openRoom = "200"
    #expect(Fixtures.lines(state, columns: 80, rows: 24)[21].hasPrefix(">200 # room 200"))
  }

  @Test func theSwitcherListsMatchesOverTheMessages() {
    var state = Fixtures.lab()
    state.switcher = Switcher()
    state.switcher?.query = "o"
    let grid = draw(state, size: ScreenSize(columns: 80, rows: 10), theme: .monochrome)
    #expect(grid.text(inRow: 1).contains(" Go to: o"))
    #expect(grid.text(inRow: 2).contains(" > # Ops                                     12 "))
    #expect(grid.cursor == CellGrid.Position(row: 1, column: 25))
  }

  @Test func hostileTextLeavesNoControlCharacterInAnyCell() {
    let hostile = "a\u{1B}]0;x\u{07}b\u{9B}31mc\r\nd\u{202E}e\u{0}f\u{2066}g\u{7F}h\u{200B}i\u{FEFF}"
    var state = Fixtures.lab()
    state.rooms[0].name = hostile
    state.header.name = hostile
    state.members[1].name = hostile
    state.messages.append(Fixtures.message("h", 10, 0, hostile, hostile))
    state.messages.append(.notice(id: "i", time: Fixtures.time(10, 1), text: hostile))
    state.status.typing = [hostile]
    state.panes.members = .shown
    state.input.apply(.paste(hostile))
    for hasError in [false, true] {
      state.status.error = hasError ? hostile : nil
      let grid = draw(state, size: ScreenSize(columns: 120, rows: 30), theme: .dark)
      let scalars = (0..<30).flatMap { grid.cells(inRow: $0) }.flatMap(\.text.unicodeScalars)
      #expect(!scalars.contains { $0.properties.generalCategory == .control || $0.properties.isBidiControl })
    }
  }

  @Test func everySizeIsDrawnWithTheCursorInside() {
    var state = Fixtures.lab()
    state.input = InputLine(text: "日本\n語 and a tail")
    state.panes.members = .shown
    for rooms in [Panes.Visibility.automatic, .shown, .hidden] {
      state.panes.rooms = rooms
      state.switcher = rooms == .shown ? Switcher() : nil
      for columns in [0, 1, 2, 3, 5, 9, 19, 20, 39, 40, 59, 60, 71, 72, 73, 200] {
        for rows in [0, 1, 2, 3, 4, 5, 11, 12, 60] {
          let grid = draw(state, size: ScreenSize(columns: columns, rows: rows), theme: .dark)
          guard columns > 0, rows > 0, let cursor = grid.cursor else { continue }
          #expect((0..<columns).contains(cursor.column) && (0..<rows).contains(cursor.row), "\(columns)x\(rows)")
        }
      }
    }
  }

  @Test func everyRowHasExactlyItsColumns() {
    var state = Fixtures.lab()
    state.messages.append(Fixtures.message("w", 9, 30, "日本太郎さん", String(repeating: "日本👨‍👩‍👧e\u{301}", count: 40)))
    for columns in 40...90 {
      let grid = draw(state, size: ScreenSize(columns: columns, rows: 20), theme: .dark)
      for row in 0..<20 {
        let widths = grid.cells(inRow: row).filter { !$0.text.isEmpty }.map { ClusterWidth.columns(of: $0.text) }
        #expect(widths.reduce(0, +) == columns)
      }
    }
  }
}
