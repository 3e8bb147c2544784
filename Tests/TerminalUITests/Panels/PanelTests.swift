// PanelTests.swift: the search and verification panels: what keys do in them, and how they look.
import Testing

@testable import TerminalUI

@Suite struct SearchPanelTests {
  private static func result(_ id: String, _ minute: Int, _ sender: String, _ text: String, room: String = "lab")
    -> SearchResult
  {
    SearchResult(
      id: id, room: room, roomName: room == "lab" ? "Lab team" : "Ops", time: Fixtures.time(9, minute), sender: sender,
      senderID: sender, isOwn: sender == "alice", text: text)
  }

  private static let found = [
    result("m9", 23, "bob", "deploy at ten\nor later"), result("m2", 15, "alice", "who will deploy?"),
  ]

  @Test func whatIsTypedIsSearchedAndTheChosenResultOpened() {
    var interface = Fixtures.interface()
    #expect(interface.press(.character("s"), .control).isEmpty)
    let request = SearchRequest(text: "de", room: "lab", before: nil)
    #expect(interface.type("de").last == .search(request))
    #expect(interface.screen.input.isEmpty)
    interface.showResults(Self.found, for: request, hasMore: false)
    _ = interface.press(.down)
    #expect(interface.press(.enter) == [.openMessage("m2", room: "lab")])
    #expect(interface.screen.search == nil)
  }

  @Test func anAnswerToWhatIsNoLongerTypedIsDropped() {
    var interface = Fixtures.interface()
    _ = interface.press(.function(3))
    _ = interface.type("d")
    let old = SearchRequest(text: "d", room: "lab", before: nil)
    _ = interface.type("x")
    interface.showResults(Self.found, for: old, hasMore: false)
    #expect(interface.screen.search?.results.isEmpty == true)
    _ = interface.press(.escape)
    interface.showResults(Self.found, for: SearchRequest(text: "dx", room: "lab", before: nil), hasMore: false)
    #expect(interface.screen.search == nil)
  }

  @Test func tabChangesBetweenThisRoomAndAll() {
    var interface = Fixtures.interface()
    _ = interface.press(.character("s"), .control)
    _ = interface.type("d")
    #expect(interface.press(.tab) == [.search(SearchRequest(text: "d", room: nil, before: nil))])
    #expect(interface.press(.tab) == [.search(SearchRequest(text: "d", room: "lab", before: nil))])
    interface.closeRoom()
    _ = interface.press(.escape)
    _ = interface.type("/search deploy")
    #expect(interface.press(.enter) == [.search(SearchRequest(text: "deploy", room: nil, before: nil))])
  }

  @Test func olderResultsAreAskedForAtTheEnd() {
    var interface = Fixtures.interface()
    _ = interface.type("/search deploy")
    _ = interface.press(.enter)
    let request = SearchRequest(text: "deploy", room: "lab", before: nil)
    interface.showResults(Self.found, for: request, hasMore: true)
    var older = request
    older.before = "m2"
    #expect(interface.press(.pageDown) == [.search(older)])
    // While they are waited for, they are not asked for again.
    #expect(interface.press(.pageDown).isEmpty)
    interface.showResults([Self.result("m1", 14, "carol", "deploy!")], for: older, hasMore: false)
    #expect(interface.press(.pageDown).isEmpty)
    #expect(interface.press(.enter) == [.openMessage("m1", room: "lab")])
  }

  @Test func resultsStandInThePanesPlace() {
    var interface = Fixtures.interface(columns: 60, rows: 8)
    _ = interface.type("/search-all deploy")
    _ = interface.press(.enter)
    #expect(interface.grid.lines[2] == " searching…")
    interface.showResults(
      Self.found + [Self.result("m1", 14, "carol", "deploy\u{1B}[2J!", room: "ops")],
      for: SearchRequest(text: "deploy", room: nil, before: nil), hasMore: false)
    #expect(
      Array(interface.grid.lines[1...5]) == [
        " Search all rooms: deploy",
        ">2026-11-21 09:23 Lab team     bob        deploy at ten / o…",
        " 2026-11-21 09:15 Lab team     me         who will deploy?",
        " 2026-11-21 09:14 Ops          carol      deploy\u{FFFD}[2J!", "",
      ])
    #expect(interface.grid.cursor == CellGrid.Position(row: 1, column: 25))
  }

  @Test func whatIsFoundIsMarkedInTheResults() {
    var interface = Fixtures.interface(columns: 60, rows: 8)
    interface.theme = .dark
    _ = interface.press(.character("s"), .control)
    _ = interface.type("\"at ten\" DEP")
    let long = String(repeating: "nothing of it ", count: 20) + "depót at ten or later"
    interface.showResults(
      Self.found + [Self.result("m1", 14, "carol", long)],
      for: SearchRequest(text: "\"at ten\" DEP", room: "lab", before: nil), hasMore: false)
    func found(_ row: Int) -> String {
      interface.grid.cells(inRow: row).map { $0.style.isUnderlined || $0.style == Theme.dark.match ? $0.text : " " }
        .joined().split(separator: " ").joined(separator: " ")
    }
    #expect(found(2) == "dep at ten" && found(3) == "dep")
    // Of a long text the part is shown in which it stands.
    #expect(found(4) == "dep at ten")
    #expect(interface.grid.lines[4].contains("…") && interface.grid.lines[4].hasSuffix("depót at ten or later"))
  }

  @Test(
    arguments: [
      ("dep", "a deploy, undeploy, DEPLOY", ["dep", "DEP"]), ("e", "été", ["é"]), ("日本", "この日本語", ["日本"]),
      ("\"a b\"", "ca b, a b", ["a b"]), ("-x", "a-x", ["-x"]), ("", "anything", []), ("\"", "a\"b", []),
      ("ab abc", "abcd", ["abc"]),
    ] as [(String, String, [String])])
  func wordsAreFoundAtTheirBeginnings(query: String, text: String, expected: [String]) {
    #expect(FoundWords(query).ranges(in: text).map { String(text[$0]) } == expected)
  }

  @Test func aJumpMarksTheMessageAndEndGoesBackToTheNewest() {
    var interface = Fixtures.interface(columns: 60, rows: 10)
    interface.screen.hasNewer = true
    interface.mark("3")
    #expect(interface.grid.lines.contains { $0.contains("09:15>carol") })
    #expect(interface.grid.lines[8].contains("scrolled back, Alt-End"))
    #expect(!interface.showsNewest)
    #expect(interface.press(.end, .alt) == [.loadNewest(room: "lab"), .readAll(room: "lab")])
    for _ in 0..<10 where interface.screen.scroll != .end { _ = interface.press(.pageDown) }
    #expect(interface.press(.pageDown) == [.loadNewer(room: "lab")])
  }
}

@Suite struct TextPageTests {
  @Test func aPageIsScrolledAndAnyOtherKeyClosesIt() {
    var interface = Fixtures.interface(columns: 40, rows: 8)
    interface.screen.page = TextPage(title: "Help", lines: (1...9).map { "line \($0)" })
    #expect(interface.grid.lines[1] == " line 1")
    #expect(interface.grid.lines[5] == " Help  5 more lines: PageDown")
    _ = interface.press(.pageDown)
    _ = interface.press(.pageDown)
    #expect(interface.grid.lines[4] == " line 9")
    _ = interface.type("x")
    #expect(interface.screen.page == nil)
    #expect(interface.screen.input.text == "x")
  }

  @Test func longLinesHangBelowTheirDescription() {
    var interface = Fixtures.interface(columns: 40, rows: 8)
    interface.screen.page = TextPage(title: "Help", lines: ["/join ROOM  open a room, or start a chat with someone"])
    #expect(
      interface.grid.lines[1...2] == [" /join ROOM  open a room, or start a", "             chat with someone"])
  }

  @Test func aWordLongerThanTheScreenBeginsBesideItsLabel() {
    var interface = Fixtures.interface(columns: 40, rows: 8)
    let address = "sip:alice@sip.example.org;gr=urn:uuid:7f2b6c41-cc3d"
    interface.screen.page = TextPage(title: "Room", lines: ["  device    \(address), trusted"])
    #expect(
      interface.grid.lines[1...3] == [
        "   device    sip:alice@sip.example.org;", "             gr=urn:uuid:7f2b6c41-cc3d,", "             trusted",
      ])
  }
}

@Suite struct VerificationPanelTests {
  private static let panel = VerificationPanel(
    address: "sip:bob@sip.example.org", ownAddress: "sip:alice@sip.example.org", ownDevice: "sip:alice;gr=1",
    ownFingerprint: "aaaa bbbb",
    devices: [
      .init(id: "sip:bob;gr=1", trust: .untrusted, code: "11111 22222 33333 44444 55555", fingerprint: "cccc dddd"),
      .init(id: "sip:bob;gr=2", trust: .unsafe, code: nil, fingerprint: nil, refusedFingerprint: "eeee"),
    ])

  @Test func aDecisionNeedsItsKeyTwice() {
    var interface = Fixtures.interface()
    interface.show(Self.panel)
    #expect(interface.press(.character("t")).isEmpty)
    #expect(interface.press(.character("d")).isEmpty)
    #expect(interface.press(.character("d")) == [.setTrust(.distrust, device: "sip:bob;gr=1")])
    _ = interface.press(.down)
    // Nothing can be trusted whose code was not shown.
    #expect(interface.press(.character("t")).isEmpty)
    #expect(interface.press(.character("t")).isEmpty)
    #expect(interface.screen.status.error != nil)
    _ = interface.press(.character("a"))
    #expect(interface.press(.character("a")) == [.setTrust(.admit, device: "sip:bob;gr=2")])
    _ = interface.press(.character("f"))
    #expect(interface.press(.character("f")) == [.setTrust(.forget, device: "sip:bob;gr=2")])
    #expect(interface.press(.escape).isEmpty)
    #expect(interface.screen.verification == nil)
    // What was typed before is still there, and nothing of what was pressed.
    #expect(interface.screen.input.isEmpty)
  }

  @Test func theAnswerKeepsThePlace() {
    var interface = Fixtures.interface()
    interface.show(Self.panel)
    _ = interface.press(.down)
    interface.show(Self.panel)
    #expect(interface.screen.verification?.chosen?.id == "sip:bob;gr=2")
  }

  @Test func codesFingerprintsAndKeysAreShown() {
    var interface = Fixtures.interface(columns: 60, rows: 23)
    interface.show(Self.panel)
    #expect(
      Array(interface.grid.lines[1...20]) == [
        " Comparing devices with sip:bob@sip.example.org",
        " The same code must stand on both screens: compare it face",
        " to face, or by telephone if you know the voice. The other",
        " opens it with /verify sip:alice@sip.example.org",
        "",
        " > untrusted  sip:bob;gr=1",
        "     code  11111 22222 33333 44444",
        "           55555",
        "     key   cccc dddd",
        "",
        "   UNSAFE  sip:bob;gr=2",
        "     no code yet: its key is known after the first message",
        "     another key was offered for it and refused: eeee",
        "",
        " your device  sip:alice;gr=1",
        " your key     aaaa bbbb",
        "", "", "",
        " t trust  a admit  x exclude  d distrust  f forget  Esc back",
      ])
    _ = interface.press(.character("t"))
    #expect(interface.grid.lines[20] == " Is the code the same on both screens? Press t again to tru…")
  }

  @Test func onASmallScreenTheChosenDeviceIsVisible() {
    var interface = Fixtures.interface(columns: 40, rows: 12)
    interface.show(Self.panel)
    #expect(interface.grid.lines.contains { $0.contains("> untrusted") })
    #expect(interface.grid.lines.contains { $0.contains("11111 22222 33333 44444") })
    _ = interface.press(.down)
    #expect(interface.grid.lines.contains { $0.contains("> UNSAFE  sip:bob;gr=2") })
    #expect(interface.grid.lines.contains { $0.contains("refused: eeee") || $0.contains("eeee") })
  }
}
