// TextPage.swift: a text to read and close again, as the help, in the panes' place.
import Foundation

/// A text with a heading that covers the panes until a key closes it.
public struct TextPage: Hashable, Sendable {
  /// Shown in the last row, beside the keys.
  public var title: String
  /// Each is wrapped to the width of the screen.
  public var lines: [String]
  /// Every blank counts, as in a message: what follows a gap is no column.
  var isVerbatim = false
  /// The rows at a width, once they were needed: a page may be long.
  private var wrapped: (width: Int, rows: [String])?
  /// Rows that are scrolled out at the top.
  var offset = 0

  public init(title: String, lines: [String]) {
    self.title = title
    self.lines = lines
  }

  /// Keeps the rows at a screen's width.
  mutating func wrap(columns: Int) {
    let width = Self.width(columns)
    if wrapped?.width != width { wrapped = (width, lay(width)) }
  }

  /// Rows that the text takes on a screen of that width.
  func rows(columns: Int) -> [String] {
    let width = Self.width(columns)
    if let wrapped, wrapped.width == width { return wrapped.rows }
    return lay(width)
  }

  private static func width(_ columns: Int) -> Int { max(10, columns - 2) }

  private func lay(_ width: Int) -> [String] {
    if isVerbatim { return lines.flatMap { TextWrap.lines(of: DisplayText.line($0), width: width) } }
    return lines.flatMap { line in
      // What follows a wide gap continues below where it began, if that leaves room.
      let text = DisplayText.line(line)
      let gap = text.range(of: "  ", options: .backwards).map { text[..<$0.upperBound] } ?? ""
      let lines = TextWrap.lines(of: text, width: width)
      guard lines.count > 1, let first = lines.first else { return lines }
      let columns = ClusterWidth.columns(of: String(gap))
      if columns < width / 2 {
        // Also a word that is longer than a line begins beside its label.
        return TextWrap.lines(of: String(text.dropFirst(gap.count)), width: width - columns).enumerated()
          .map { ($0 == 0 ? String(gap) : String(repeating: " ", count: columns)) + $1 }
      }
      let rest = text.dropFirst(first.count).drop { $0 == " " }
      return [first] + TextWrap.lines(of: String(rest), width: width - 4).map { "    " + $0 }
    }
  }

  /// The rows follow from the rest.
  public static func == (left: TextPage, right: TextPage) -> Bool {
    left.title == right.title && left.lines == right.lines && left.isVerbatim == right.isVerbatim
      && left.offset == right.offset
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(title)
    hasher.combine(lines)
    hasher.combine(offset)
  }
}

extension ScreenPainter {
  mutating func paint(_ page: TextPage) {
    let body = layout.body
    guard body.count > 1 else { return }
    let rows = page.rows(columns: grid.size.columns)
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
  /// Shows the text of the chosen message whole, else of the newest on the screen that is folded there.
  mutating func view() -> [Intent] {
    let layout = ScreenLayout(screen, size: size)
    let columns = layout.messages ?? 0..<size.columns
    let messages = MessageLayout(screen, width: columns.count, height: layout.body.count, theme: theme)
    let chosen = screen.messages.last { $0.id == screen.selected && $0.kind == .text }
    let hasPicture = chosen.map { $0.hasPicture && !messages.isFolded($0) }
    if hasPicture
      ?? (!screen.messages.contains(where: messages.isFolded) && screen.messages.contains(where: \.hasPicture))
    {
      return [.command(CommandCall(name: "picture"))]
    }
    let row =
      chosen ?? visibleMessages.last(
        where: messages.isFolded)
      ?? screen.messages.last(where: messages.isFolded) ?? screen.messages.last { $0.kind == .text }
    guard let row else {
      screen.status.error = "there is no message to show"
      return []
    }
    let clock = Clock(timeZone: screen.timeZone)
    var page = TextPage(
      title: "\(row.isOwn ? "me" : row.sender), \(clock.stamp(of: row.time))",
      lines: DisplayText.lines(row.text).split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    page.isVerbatim = true
    page.wrap(columns: size.columns)
    screen.page = page
    return []
  }

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
    screen.page?.wrap(columns: size.columns)
    guard let page = screen.page else { return }
    let height = max(1, ScreenLayout(screen, size: size).body.count - 1)
    let rows = page.rows(columns: size.columns).count
    screen.page?.offset = min(max(0, page.offset + count), max(0, rows - height))
  }
}
