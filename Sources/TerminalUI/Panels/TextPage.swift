// TextPage.swift: a text to read and close again, as the help, in the panes' place.

/// A text with a heading that covers the panes until a key closes it.
public struct TextPage: Hashable, Sendable {
  /// Shown in the last row, beside the keys.
  public var title: String
  /// Each is wrapped to the width of the screen.
  public var lines: [String]
  /// Rows that are scrolled out at the top.
  var offset = 0

  public init(title: String, lines: [String]) {
    self.title = title
    self.lines = lines
  }
}

extension ScreenPainter {
  /// Rows that the text takes at this width.
  func rows(of page: TextPage) -> [String] {
    let width = max(10, grid.size.columns - 2)
    return page.lines.flatMap { line in
      // What follows a wide gap continues below where it began, if that leaves room.
      let head = line.range(of: "  ", options: .backwards).map { line[..<$0.upperBound].count } ?? 0
      let hanging = head < width / 2 ? head : 4
      let text = DisplayText.line(line)
      let lines = TextWrap.lines(of: text, width: width)
      guard lines.count > 1, let first = lines.first else { return lines }
      let rest = text.dropFirst(first.count).drop { $0 == " " }
      return [first]
        + TextWrap.lines(of: String(rest), width: width - hanging).map { String(repeating: " ", count: hanging) + $0 }
    }
  }

  mutating func paint(_ page: TextPage) {
    let body = layout.body
    guard body.count > 1 else { return }
    let rows = rows(of: page)
    let height = body.count - 1
    let offset = min(page.offset, max(0, rows.count - height))
    let last = body.upperBound - 1
    for (row, text) in zip(body.lowerBound..<last, rows.dropFirst(offset)) {
      grid.write(text, row: row, column: 1, style: theme.text)
    }
    let below = max(0, rows.count - height - offset)
    let more = below > 0 ? "\(below) more lines: PageDown" : "Esc or any other key goes back"
    grid.fill(row: last, from: 0, to: grid.size.columns, style: theme.header)
    grid.write(
      (" " + DisplayText.line(page.title) + "  " + more).clipped(to: grid.size.columns), row: last, column: 0,
      style: theme.header)
  }
}

extension UserInterface {
  /// Nil when the key is not the page's: then the page is closed, and the key does what it does.
  mutating func handleInPage(_ stroke: KeyStroke) -> [Intent]? {
    let page = max(1, ScreenLayout(screen, size: size).body.count - 2)
    switch (stroke.key, stroke.modifiers) {
    case (.down, []): scrollPage(by: 1)
    case (.up, []): scrollPage(by: -1)
    case (.pageDown, []): scrollPage(by: page)
    case (.pageUp, []): scrollPage(by: -page)
    case (.escape, _), (.enter, _), (.character("c"), .control), (.character("g"), .control): screen.page = nil
    case (.character("l"), .control): return [.redraw]
    case (.character("z"), .control): return [.suspend]
    default:
      screen.page = nil
      return nil
    }
    return []
  }

  mutating func scrollPage(by count: Int) {
    guard let page = screen.page else { return }
    let height = max(1, ScreenLayout(screen, size: size).body.count - 1)
    let rows = ScreenPainter(state: screen, theme: theme, size: size).rows(of: page).count
    screen.page?.offset = min(max(0, page.offset + count), max(0, rows - height))
  }
}
