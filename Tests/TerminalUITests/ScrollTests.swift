// ScrollTests.swift: paging through many messages, laying out only what is seen.
import Testing

@testable import TerminalUI

@Suite struct ScrollTests {
  /// Every message is one to three lines; numbers are in the text.
  private func interface(messages count: Int, columns: Int = 80, rows: Int = 24) -> UserInterface {
    var interface = Fixtures.interface(columns: columns, rows: rows)
    interface.screen.firstUnread = nil
    interface.screen.messages = (0..<count).map { number in
      let text = "number \(number)" + String(repeating: "\nmore", count: number % 3)
      return Fixtures.message("m\(number)", 9, 0, "bob", text, encryption: .encrypted)
    }
    return interface
  }

  private func numbers(_ interface: UserInterface) -> [Int] {
    interface.grid.lines.compactMap { line in
      line.contains("number ") ? line.split(separator: " ").last.flatMap { Int($0) } : nil
    }
  }

  @Test func onlyVisibleMessagesAreLaidOut() {
    let interface = interface(messages: 10_000)
    let layout = MessageLayout(interface.screen, width: 59, height: 20, theme: .dark)
    let (lines, laidOut) = layout.visibleLines(height: 21)
    #expect(lines.count == 21)
    #expect(laidOut <= 21)
    #expect(numbers(interface).last == 9_999)
  }

  @Test func pagingUpReachesEveryMessageAndThenAsksForOlder() {
    var interface = interface(messages: 100)
    var seen = Set(numbers(interface))
    for _ in 0..<100 {
      let intents = interface.press(.pageUp)
      seen.formUnion(numbers(interface))
      if intents == [.loadOlder(room: "lab")] { break }
      #expect(intents.isEmpty)
    }
    #expect(seen == Set(0..<100))
    #expect(numbers(interface).first == 0)
    #expect(interface.grid.text(inRow: 1).contains("Sat 21 Nov 2026"))
    // At the top another page up changes nothing but asks again.
    let top = interface.grid
    #expect(interface.press(.pageUp) == [.loadOlder(room: "lab")])
    #expect(interface.grid == top)
  }

  @Test func pagingDownComesBackToTheEnd() {
    var interface = interface(messages: 100)
    let end = interface.grid
    for _ in 0..<5 { _ = interface.press(.pageUp) }
    #expect(!interface.showsNewest)
    for _ in 0..<5 { _ = interface.press(.pageDown) }
    #expect(interface.screen.scroll == .end)
    #expect(interface.grid == end)
  }

  @Test func newMessagesDoNotMoveWhatIsBeingRead() {
    var interface = interface(messages: 100)
    _ = interface.press(.pageUp)
    let before = interface.grid
    interface.screen.messages.append(Fixtures.message("new", 9, 0, "carol", "news"))
    interface.screen.messages.insert(Fixtures.message("old", 9, 0, "carol", "olds"), at: 0)
    #expect(interface.grid == before)
    _ = interface.press(.end, .alt)
    #expect(interface.grid.lines.contains { $0.hasSuffix("news") })
  }

  @Test func aPageKeepsTwoLinesOfTheLast() {
    var interface = interface(messages: 0)
    interface.screen.messages = (0..<200).map { Fixtures.message("m\($0)", 9, 0, "bob", "number \($0)") }
    let last = numbers(interface)
    _ = interface.press(.pageUp)
    #expect(numbers(interface).suffix(2) == last.prefix(2))
  }

  @Test func aMessageLongerThanTheScreenIsScrolledLineByLine() {
    var interface = interface(messages: 0)
    // With the day's line one more than the pane has rows; longer ones are folded.
    let text = (0..<21).map { "number \($0)" }.joined(separator: "\n")
    interface.screen.messages = [Fixtures.message("long", 9, 0, "bob", text)]
    _ = interface.press(.pageUp, .alt)
    #expect(numbers(interface).last == 19)
    for _ in 0..<10 { _ = interface.press(.pageUp) }
    #expect(numbers(interface).first == 0)
  }

  @Test func whatFitsDoesNotScroll() {
    var interface = interface(messages: 3)
    #expect(interface.press(.pageUp) == [.loadOlder(room: "lab")])
    #expect(interface.screen.scroll == .end)
    #expect(interface.press(.pageDown).isEmpty)
    interface.screen.messages = []
    _ = interface.press(.pageUp)
    #expect(interface.screen.scroll == .end)
  }

  @Test func aHeldMessageThatIsGoneMeansTheEnd() {
    var interface = interface(messages: 100)
    let end = interface.grid
    interface.screen.scroll = .held(message: "gone", line: 3)
    #expect(numbers(interface) == numbers(UserInterface(screen: interface.screen, size: interface.size)))
    #expect(interface.grid.lines[1..<22] == end.lines[1..<22])
    interface.screen.scroll = .held(message: "m50", line: .max)
    #expect(numbers(interface).last == 50)
  }

  @Test func anEndlessMessageIsCut() {
    var interface = interface(messages: 0)
    interface.screen.messages = [Fixtures.message("1", 9, 0, "eve", String(repeating: "x", count: 1_000_000))]
    let layout = MessageLayout(interface.screen, width: 59, height: 20, theme: .dark)
    #expect(layout.visibleLines(height: 10_000).lines.count < MessageLayout.maximumDrawn / 30)
    #expect(interface.grid.lines.contains { $0.contains("… over ") })
  }
}
