// WebLinkTests.swift: addresses among words, and where they lead on the screen.
import Testing

@testable import TerminalUI

@Suite struct WebLinkTests {
  @Test(
    arguments: [
      ("see https://example.org/a.", ["https://example.org/a"]),
      ("(https://example.org/wiki/Lime_(fruit))", ["https://example.org/wiki/Lime_(fruit)"]),
      ("(see https://example.org/x)", ["https://example.org/x"]),
      ("<http://example.org>", ["http://example.org"]),
      ("HTTPS://EXAMPLE.ORG/", ["HTTPS://EXAMPLE.ORG/"]),
      ("\"https://example.org/a?b=c&d=e#f\",", ["https://example.org/a?b=c&d=e#f"]),
      ("a https://a.example b\nhttp://b.example:8080/x c", ["https://a.example", "http://b.example:8080/x"]),
      ("http://[::1]:8080/", ["http://[::1]:8080/"]),
      ("xhttp://example.org", []), ("https://", []), ("https://.", []), ("http:///etc/passwd", []),
      ("javascript://example.org", []), ("file:///etc/passwd", []), ("ftp://example.org", []),
    ] as [(String, [String])])
  func addressesAreFoundAmongWords(text: String, found: [String]) {
    #expect(WebLink.all(in: text).map(\.text) == found)
  }

  @Test func aTargetHasPrintableASCIIOnly() {
    let links = WebLink.all(in: DisplayText.lines("https://example.org/ü\u{1B}]8;;evil\u{07}日\u{202E}x"))
    #expect(links.count == 1)
    #expect(links.allSatisfy { $0.target.utf8.allSatisfy { (0x21..<0x7F).contains($0) } })
    #expect(WebLink.all(in: "https://example.org/ü").first?.target == "https://example.org/%C3%BC")
  }

  @Test func onesWithoutEndAndWithoutNumberAreWords() {
    #expect(WebLink.all(in: "https://example.org/" + String(repeating: "a", count: WebLink.maximumLength)).isEmpty)
    let many = WebLink.all(in: String(repeating: "https://example.org/a ", count: 500))
    #expect(many.count == WebLink.maximumCount)
  }

  @Test func everyPieceOfAWrappedLinkLeadsToTheWhole() {
    var state = Fixtures.lab()
    let target = "https://example.org/a/rather/long/path/that/runs/over/the/end/of/one/line?and=of&the=next"
    state.messages = [Fixtures.message("1", 9, 0, "bob", "look at \(target), it is there")]
    let grid = draw(state, size: ScreenSize(columns: 60, rows: 12), theme: .monochrome)
    let links = (0..<12).flatMap { row in grid.links(inRow: row).map { (row, $0) } }
    #expect(links.count >= 2)
    #expect(Set(links.map(\.1.target)) == [target])
    let shown = links.map { row, link in
      grid.cells(inRow: row).dropFirst(link.columns.lowerBound).prefix(link.columns.count).map(\.text).joined()
    }
    #expect(shown.joined() == target)
  }

  @Test func whatIsWrittenOverALinkIsNone() {
    var grid = CellGrid(size: ScreenSize(columns: 12, rows: 1))
    grid.write("abcdef", row: 0, column: 2, link: "https://example.org/")
    #expect(grid.links(inRow: 0) == [CellLink(columns: 2..<8, target: "https://example.org/")])
    grid.write("x", row: 0, column: 7)
    #expect(grid.links(inRow: 0).isEmpty)
  }
}

@Suite struct PickerTests {
  private static func interface(_ count: Int) -> UserInterface {
    var interface = Fixtures.interface()
    interface.screen.picker = Picker(
      title: "Open", choices: (1...count).map { .init("choice \($0)", .openLink("https://example.org/\($0)")) })
    return interface
  }

  @Test func enterTakesTheChosenOneAndANumberItsOwn() {
    var interface = Self.interface(3)
    _ = interface.press(.down)
    #expect(interface.press(.enter) == [.openLink("https://example.org/2")])
    #expect(interface.screen.picker == nil)
    interface = Self.interface(3)
    #expect(interface.type("3") == [.openLink("https://example.org/3")])
  }

  @Test func escapeChoosesNothingAndAPasteNeither() {
    var interface = Self.interface(3)
    #expect(interface.handle(.paste("1\n")).isEmpty)
    #expect(interface.screen.picker != nil)
    #expect(interface.press(.escape).isEmpty)
    #expect(interface.screen.picker == nil)
  }

  @Test func theChosenOneStaysOnTheScreen() {
    var interface = Self.interface(90)
    for _ in 0..<80 { _ = interface.press(.down) }
    #expect(interface.grid.lines.contains { $0.contains("> 81 choice 81") || $0.contains(">81 choice 81") })
  }
}

@Suite struct BareTextTests {
  @Test func aMessageIsOneLineHoweverLong() {
    var interface = Fixtures.interface(columns: 40, rows: 12)
    let text = String(repeating: "word ", count: 20) + "https://example.org/" + String(repeating: "x", count: 60)
    interface.screen.messages = [Fixtures.message("1", 9, 0, "bob", text)]
    #expect(interface.bareLines == ["09:00 bob  " + text, "-- any key goes back --"])
  }

  @Test func anyKeyAndAPasteOnlyGoBack() {
    var interface = Fixtures.interface()
    #expect(interface.press(.character("l"), .alt).isEmpty)
    #expect(interface.screen.isBare)
    #expect(interface.handle(.paste("rm -r\n")) == [.redraw])
    #expect(interface.screen.input.isEmpty)
    _ = interface.press(.character("l"), .alt)
    #expect(interface.press(.character("x")) == [.redraw])
    #expect(interface.screen.input.isEmpty)
  }

  @Test func whatPeersWroteCannotDriveTheTerminal() {
    var interface = Fixtures.interface()
    interface.screen.messages = [
      Fixtures.message("1", 9, 0, "b\u{1B}[2Job", "a\u{1B}]52;c;eA==\u{07}b\rc")
    ]
    #expect(interface.bareLines.joined().unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F })
  }
}
