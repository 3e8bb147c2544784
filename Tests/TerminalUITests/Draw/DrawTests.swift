// DrawTests.swift: whole screens as text.
import Testing

@testable import TerminalUI

@Suite struct DrawTests {
  @Test func aScreenOf80x24ShowsRoomsMessagesAndStatus() {
    #expect(
      Fixtures.lines(Fixtures.lab(), columns: 80, rows: 24) == [
        " Lab team  🔒 E2EE trusted 2/4  Alice*, Bob, Carol                    4 devices",
        "▌ 1 # Lab team      │",
        "  2 # Ops        12 │",
        "  3 @ Carol      3! │",
        "  4 @ Bob    typing │",
        "  5 #-Kamailio… off │",
        "                    │",
        "                    │",
        "                    │───────────────────── Fri 20 Nov 2026 ─────────────────────",
        "                    │22:50 bob        ◆ good night",
        "                    │───────────────────── Sat 21 Nov 2026 ─────────────────────",
        "                    │09:14 bob        ◆ factory answers 302, room is up",
        "                    │09:15 carol      ◇ which flexisip version?",
        "                    │                   and which client?",
        "                    │09:16 ── new device of carol: ab12 cd34 (untrusted)",
        "                    │─────────────────────────── new ───────────────────────────",
        "                    │09:20 me         ✓ 2.5, two processes with redis [read by 2",
        "                    │                   of 3]",
        "                    │09:22 bob        ✗ no session: a new one was asked for",
        "                    │09:23 me         ✗ hello?",
        "                    │                   not delivered: 503 from the server, will",
        "                    │                   retry",
        " Bob is typing │ Act: 2(12) 3(3)! │ alice@sip.example.org registered (t… [E2EE]",
        "[Lab team] >",
      ])
  }

  @Test func inASCIIItIsTheSameScreen() {
    var state = Fixtures.lab()
    state.glyphs = .ascii
    let lines = Fixtures.lines(state, columns: 80, rows: 24)
    #expect(
      Array(lines[8...19]) == [
        "                    |--------------------- Fri 20 Nov 2026 ---------------------",
        "                    |22:50 bob        t good night",
        "                    |--------------------- Sat 21 Nov 2026 ---------------------",
        "                    |09:14 bob        t factory answers 302, room is up",
        "                    |09:15 carol      e which flexisip version?",
        "                    |                   and which client?",
        "                    |09:16 -- new device of carol: ab12 cd34 (untrusted)",
        "                    |--------------------------- new ---------------------------",
        "                    |09:20 me         r 2.5, two processes with redis [read by 2",
        "                    |                   of 3]",
        "                    |09:22 bob        X no session: a new one was asked for",
        "                    |09:23 me         ! hello?",
      ])
    #expect(lines[0].hasPrefix(" Lab team  E2EE trusted 2/4") && lines[1].hasPrefix("> 1 # Lab team      |"))
    #expect(lines[22].hasPrefix(" Bob is typing | Act: 2(12) 3(3)! |"))
    for row in lines { #expect(row.unicodeScalars.allSatisfy { $0.isASCII || $0 == "…" }, "\(row)") }
  }

  @Test func whoGoesOnIsNamedOnceAndTheTimeStandsOnceAMinute() {
    var state = Fixtures.lab()
    state.firstUnread = nil
    state.messages = [
      Fixtures.message("1", 9, 0, "bob", "one"), Fixtures.message("2", 9, 0, "bob", "two"),
      Fixtures.message("3", 9, 1, "bob", "three"), Fixtures.message("4", 9, 1, "carol", "four"),
      Fixtures.message("5", 9, 2, "carol", "a stranger's", encryption: .stranger),
      Fixtures.message("6", 9, 8, "carol", "after a pause"), .notice(id: "7", time: Fixtures.time(9, 8), text: "news"),
      Fixtures.message("8", 9, 8, "carol", "after a notice"), Fixtures.message("9", 9, 9, "carol", "again"),
    ]
    func lines(_ rows: Int) -> [String] {
      Fixtures.lines(state, columns: 80, rows: rows).dropFirst().dropLast(2).map { String($0.dropFirst(21)) }
    }
    #expect(
      lines(13).suffix(9) == [
        "09:00 bob        ◆ one",
        "                 ◆ two",
        "09:01            ◆ three",
        "09:01 carol      ◆ four",
        "09:02 carol      ? [not from a member] a stranger\'s",
        "09:08 carol      ◆ after a pause",
        "09:08 ── news",
        "09:08 carol      ◆ after a notice",
        "09:09            ◆ again",
      ])
    // At the top of the screen nobody sees who goes on.
    #expect(lines(4) == ["09:09 carol      ◆ again"])
    state.firstUnread = "9"
    #expect(lines(5).last == "09:09 carol      ◆ again")
    state.selected = "2"
    #expect(lines(20).contains("09:00>           ◆ two"))
  }

  @Test func whatTheProgramAddsBehindATextIsFaint() {
    var state = Fixtures.lab()
    var message = Fixtures.message("1", 9, 0, "alice", "hello world", delivery: .displayed(1, of: 2))
    message.remarks = ["edited"]
    state.messages = [message]
    let grid = draw(state, size: ScreenSize(columns: 60, rows: 6), theme: .dark)
    let row = grid.cells(inRow: 2)
    func style(of text: String) -> Set<Style> {
      guard let range = grid.text(inRow: 2).range(of: text) else { return [] }
      let start = grid.text(inRow: 2)[..<range.lowerBound].count
      return Set(row.dropFirst(start).prefix(text.count).map(\.style))
    }
    #expect(style(of: "hello world") == [Theme.dark.text])
    #expect(style(of: "[read by 1") == [Theme.dark.faint])
    #expect(grid.text(inRow: 3).hasSuffix("2] (edited)"))
  }

  @Test func aNarrowScreenGivesAllToTheMessages() {
    #expect(
      Fixtures.lines(Fixtures.lab(), columns: 40, rows: 12) == [
        " Lab team  🔒 E2EE trusted 2/4",
        "         (untrusted)",
        "───────────────── new ──────────────────",
        "09:20 me     ✓ 2.5, two processes with",
        "               redis [read by 2 of 3]",
        "09:22 bob    ✗ no session: a new one was",
        "               asked for",
        "09:23 me     ✗ hello?",
        "               not delivered: 503 from",
        "               the server, will retry",
        " Bob is typing │ Act: 2(12) 3(3… [E2EE]",
        ">",
      ])
  }

  @Test func membersStandBesideTheMessages() {
    var state = Fixtures.lab()
    state.panes.members = .shown
    #expect(
      Fixtures.lines(state, columns: 80, rows: 12) == [
        " Lab team  🔒 E2EE trusted 2/4  Alice*, Bob, Carol                    4 devices",
        "▌ 1 # Lab team      │         (untrusted)                    │◆ Alice* (me)",
        "  2 # Ops        12 │───────────────── new ───────────────── │◇ Bob",
        "  3 @ Carol      3! │09:20 me     ✓ 2.5, two processes with  │  ◇ …a1b2c3d4",
        "  4 @ Bob    typing │               redis [read by 2 of 3]   │  ◇ …e5f60718",
        "  5 #-Kamailio… off │09:22 bob    ✗ no session: a new one    │! Carol",
        "                    │               was asked for            │",
        "                    │09:23 me     ✗ hello?                   │",
        "                    │               not delivered: 503 from  │",
        "                    │               the server, will retry   │",
        " Bob is typing │ Act: 2(12) 3(3)! │ alice@sip.example.org registered (t… [E2EE]",
        "[Lab team] >",
      ])
  }

  @Test func theNumbersOfAHundredRoomsStandUnderEachOther() {
    var state = Fixtures.lab()
    state.rooms = (1...100).map { RoomRow(id: "\($0)", number: 101 - $0, name: "Room \($0)") }
    state.openRoom = "2"
    #expect(
      Fixtures.lines(state, columns: 80, rows: 24)[1...4].map { String($0.prefix(21)) } == [
        " 100 # Room 1       │",
        "▌ 99 # Room 2       │",
        "  98 # Room 3       │",
        "  97 # Room 4       │",
      ])
  }

  @Test func theListOfRoomsIsAsWideAsItsNamesNeedOrAsChosen() {
    var state = Fixtures.lab()
    func border(_ columns: Int) -> Int {
      Fixtures.lines(state, columns: columns, rows: 12)[1].prefix { $0 != "│" }.count
    }
    state.rooms = [RoomRow(id: "lab", name: "Lab", isTyping: true)]
    #expect(border(80) == 16 && border(200) == 16)
    state.rooms.append(RoomRow(id: "b", name: "A room with a rather long name that nobody can read"))
    #expect(border(80) == 20 && border(110) == 27 && border(200) == 32)
    state.panes.roomsWidth = 28
    #expect(border(80) == 28 && border(60) == 28)
    state.panes.roomsWidth = 60
    #expect(border(80) == 40)
  }

  @Test func aPinnedRoomIsMarkedInTheList() {
    var state = Fixtures.lab()
    state.rooms[1].isPinned = true
    #expect(Fixtures.lines(state, columns: 80, rows: 24)[2].hasPrefix("  2▴# Ops        12 │"))
    state.glyphs = .ascii
    #expect(Fixtures.lines(state, columns: 80, rows: 24)[2].hasPrefix("  2^# Ops        12 |"))
  }

  @Test func onANarrowScreenAPaneTakesTheMessagesPlace() {
    var state = Fixtures.lab()
    state.panes.members = .shown
    #expect(
      Array(Fixtures.lines(state, columns: 40, rows: 12)[1...4]) == [
        "◆ Alice* (me)",
        "◇ Bob",
        "  ◇ …a1b2c3d4",
        "  ◇ …e5f60718",
      ])
    // Where the devices do not fit, their number stands instead.
    #expect(
      Fixtures.lines(state, columns: 40, rows: 7)[2...3] == [
        "◇ Bob                                  2",
        "! Carol                                0",
      ])
    state.panes.rooms = .shown
    #expect(
      Array(Fixtures.lines(state, columns: 40, rows: 12)[1...6]) == [
        "▌ 1 # Lab team",
        "  2 # Ops                            12",
        "  3 @ Carol                          3!",
        "  4 @ Bob                        typing",
        "  5 #-Kamailio test                 off",
        "",
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
        "  2 # Ops      12 │──────────── Sat 21 Nov 2026 ────────────",
        "  3 @ Carol    3! │09:00 日本…  ◆ 日本語のテキスト、幅の広い",
        "  4 @ Bob  typing │               文字を折り返します。",
        "  5 #-Kamail… off │09:01 eve    ◆ family 👨‍👩‍👧 flag 🇫🇷 heart ❤️",
        "                  │               thumb 👍🏽 café|",
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
    #expect(Fixtures.lines(state, columns: 80, rows: 6)[3].hasSuffix("09:00 mallory    ○ [not encrypted] pay here"))
    state.header.security = .notEncrypted
    #expect(Fixtures.lines(state, columns: 80, rows: 6)[3].hasSuffix("09:00 mallory    ○ pay here"))
  }

  @Test(arguments: [
    (MessageRow.Delivery.queued, " …", "q"), (.sending, " ↑", ">"), (.sent, " ·", "s"),
    (.delivered(1, of: 2), " ·", "d"), (.delivered(2, of: 2), " ✓", "D"), (.displayed(1, of: 2), " ✓", "r"),
    (.displayed(2, of: 2), "✓✓", "R"), (.failed(reason: "no route"), " ✗", "!"),
  ])
  func everyDeliveryStateHasItsMarkAndItsLetter(delivery: MessageRow.Delivery, mark: String, letter: String) {
    var state = Fixtures.lab()
    state.messages = [Fixtures.message("1", 9, 0, "alice", "hi", delivery: delivery)]
    let text = Fixtures.lines(state, columns: 80, rows: 8).joined(separator: "\n")
    #expect(text.contains("09:00 me        \(mark) hi"))
    state.glyphs.marks = .letters
    #expect(Fixtures.lines(state, columns: 80, rows: 8).contains { $0.contains("09:00 me         \(letter) hi") })
  }

  @Test func errorsAndABadConnectionTakeTheStatusBar() {
    var state = Fixtures.lab()
    state.status.error = "the key server refused the password"
    func line() -> String { Fixtures.lines(state, columns: 80, rows: 24)[22] }
    #expect(line() == " ! the key server refused the password".padded(to: 73) + "[E2EE]")
    state.status = StatusBar(account: "alice@sip.example.org", connection: "offline, retry in 8 s", health: .bad)
    #expect(line() == " alice@sip.example.org offline, retry in 8 s │ Act: 2(12) 3(3)!".padded(to: 73) + "[E2EE]")
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
    state.status.hint = "it is done"
    #expect(Fixtures.lines(state, columns: 80, rows: 24)[22].hasPrefix(" it is done "))
    state.status.hint = nil
    state.status.progress = ["making the room Ops…"]
    #expect(Fixtures.lines(state, columns: 80, rows: 24)[22].hasPrefix(" making the room Ops… "))
  }

  @Test func withoutARoomTheScreenTellsHowToOpenOne() {
    let lines = Fixtures.lines(ScreenState(), columns: 80, rows: 24)
    #expect(lines[0] == " limeade")
    #expect(lines[1].hasSuffix("│no room is open: /join ROOM, /create NAME ADDRESS..."))
  }

  @Test func theOpenRoomOfALongListIsVisible() {
    var state = Fixtures.lab()
    state.rooms = (1...200).map { RoomRow(id: "\($0)", name: "room \($0)") }
    state.openRoom = "150"
    #expect(Fixtures.lines(state, columns: 80, rows: 24).contains { $0.hasPrefix("▌150 # room 150") })
    state.openRoom = "200"
    #expect(Fixtures.lines(state, columns: 80, rows: 24)[21].hasPrefix("▌200 # room 200"))
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
