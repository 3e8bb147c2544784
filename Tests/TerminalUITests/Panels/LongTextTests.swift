// LongTextTests.swift: pastes, folded messages and reading them whole, keys in turn
import Foundation
import Testing

@testable import TerminalUI

@Suite struct LongTextTests {
  @Test func aPasteSaysHowManyLinesItHasAndIsNotSent() {
    var interface = Fixtures.interface()
    let lines = (1...500).map { "line \($0)" }.joined(separator: "\r") + "\r"
    let intents = interface.handle(.paste(lines))
    #expect(intents == [.composing(true, room: "lab")])
    #expect(interface.screen.status.hint == "pasted 501 lines: Enter sends them, Ctrl-_ takes them back")
    #expect(interface.grid.text(inRow: 18).hasPrefix(" pasted 501 lines"), "\(interface.grid.lines)")
    _ = interface.press(.left)
    #expect(interface.screen.status.hint == nil)
    _ = interface.handle(.stroke(.control("_")))
    #expect(interface.screen.input.isEmpty)
    _ = interface.handle(.paste("one line"))
    #expect(interface.screen.status.hint == nil)
    _ = interface.handle(.paste(String(repeating: "x", count: 1000)))
    #expect(interface.screen.status.hint == "pasted 1000 characters: Enter sends them, Ctrl-_ takes them back")
  }

  /// As the Linux console sends it: line ends as from Enter, and more behind them at once.
  @Test func manyBytesWithLineEndsBetweenThemAreAPasteWithoutBrackets() {
    func isPaste(_ text: String) -> Bool { KeyDecoder.isUnbracketedPaste(Array(text.utf8)) }
    let line = String(repeating: "words ", count: 12)
    #expect(isPaste(line + "\r" + line) && isPaste(line + "\nx\r") && isPaste("日本\r" + line))
    // A line and Enter; keys typed ahead; keys that are sequences.
    #expect(!isPaste(line + "\r") && !isPaste("yes\rno\r") && !isPaste(line + "\r\u{1B}[A") && !isPaste(line))
  }

  @Test func aTextThatIsTooLongForTheScreenIsFoldedAndReadWhole() {
    var interface = Fixtures.interface()
    let text = (1...150).map { "line \($0)  of the text" }.joined(separator: "\n")
    var long = Fixtures.message("8", 9, 30, "bob", text)
    long.remarks = ["edited"]
    interface.screen.messages += [long, Fixtures.message("9", 9, 31, "carol", "short")]
    let lines = interface.grid.lines
    #expect(lines.contains { $0.contains("… 136 more lines, Alt-v or /view (edit") }, "\(lines)")
    #expect(lines.contains { $0.hasSuffix("line 14  of the text") } && !lines.contains { $0.contains("line 15") })
    #expect(lines.contains { $0.hasSuffix("short") })
    _ = interface.handle(.stroke(.alt("v")))
    #expect(interface.grid.text(inRow: 1) == " line 1  of the text")
    #expect(
      interface.grid.text(inRow: 21).hasPrefix(" bob, ") && interface.grid.text(inRow: 21).contains("130 more lines"))
    for _ in 0..<10 { _ = interface.press(.pageDown) }
    #expect(interface.grid.text(inRow: 20) == " line 150  of the text")
    _ = interface.press(.escape)
    #expect(interface.screen.page == nil)
    // The chosen one, folded or not.
    _ = interface.handle(.paste("/view"))
    interface.screen.selected = "9"
    _ = interface.press(.enter)
    #expect(interface.grid.text(inRow: 1) == " short")
    interface.screen.page = nil
    interface.size = ScreenSize(columns: 80, rows: 170)
    #expect(!interface.grid.lines.contains { $0.contains("more lines") })
  }

  /// What is drawn at each key must not depend on how much somebody has sent.
  @Test func aHugeTextIsFoldedQuicklyAndSaysThatThereIsMore() {
    var interface = Fixtures.interface()
    let text = (1...20_000).map { "line \($0)" }.joined(separator: "\n")
    interface.screen.messages.append(Fixtures.message("8", 9, 30, "bob", text))
    #expect(interface.grid.lines.contains { $0.contains("… over ") && $0.contains("more lines, Alt-v or /view") })
    _ = interface.handle(.stroke(.alt("v")))
    for _ in 0..<1200 { interface.scrollPage(by: 20) }
    #expect(interface.grid.text(inRow: 20) == " line 20000")
  }

  @Test func twoKeysInTurnAreOneActionAndCanBeBound() throws {
    var interface = Fixtures.interface()
    _ = interface.handle(.stroke(.control("x")))
    #expect(interface.handle(.stroke(.control("e"))) == [.openEditor])
    // A key that goes on with nothing is itself.
    _ = interface.handle(.stroke(.control("x")))
    _ = interface.type("a")
    #expect(interface.screen.input.text == "a")
    try interface.keymap.bind("ctrl-x ctrl-w", to: "/save")
    _ = interface.handle(.stroke(.control("x")))
    #expect(interface.handle(.stroke(.control("w"))) == [.command(CommandCall(name: "save"))])
    try interface.keymap.bind("ctrl-x ctrl-w", to: "none")
    _ = interface.handle(.stroke(.control("x")))
    _ = interface.handle(.stroke(.control("w")))
    #expect(interface.screen.input.isEmpty)
    #expect(throws: Keymap.Failure.unknownKey("ctrl-x f0")) { try interface.keymap.bind("ctrl-x f0", to: "redraw") }
    #expect(throws: Keymap.Failure.unknownKey("a b c")) { try interface.keymap.bind("a b c", to: "redraw") }
    #expect(Keymap.standard.help.contains("ctrl-x ctrl-e opens the line in your editor ($VISUAL, $EDITOR)"))
    // A first key with an action of its own does that.
    try interface.keymap.bind("ctrl-x", to: "redraw")
    #expect(interface.handle(.stroke(.control("x"))) == [.redraw])
  }

  @Test func whatAnEditorHasWrittenIsInTheLineOfItsRoom() {
    var interface = Fixtures.interface()
    _ = interface.type("before")
    let isWritten = interface.write("after\u{7}\r\nit", in: "lab")
    #expect(isWritten)
    #expect(interface.screen.input.text == "after\nit")
    _ = interface.handle(.stroke(.control("_")))
    #expect(interface.screen.input.text == "before")
    _ = interface.write("elsewhere", in: "ops")
    #expect(interface.input(in: "ops").text == "elsewhere")
    #expect(interface.screen.rooms.first { $0.id == "ops" }?.hasDraft == true)
    let isTooLong = !interface.write(String(repeating: "x", count: InputLine.maximumLength + 1), in: "lab")
    #expect(isTooLong)
    #expect(interface.screen.input.text == "before")
  }
}
