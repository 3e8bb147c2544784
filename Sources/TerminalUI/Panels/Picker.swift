// Picker.swift: a short list of which one is chosen, as the links of a room; in place of the panes.

/// What there is to choose from, and what each choice means to the program.
public struct Picker: Hashable, Sendable {
  /// One line of the list.
  public struct Choice: Hashable, Sendable {
    /// May come from the network as it is; cut to the screen.
    public var text: String
    /// What the program is to do when it is chosen.
    public var intent: Intent

    public init(_ text: String, _ intent: Intent) {
      self.text = text
      self.intent = intent
    }
  }

  /// Shown in the last row, beside the keys.
  public var title: String
  /// The first is chosen at the beginning.
  public var choices: [Choice]
  /// Of the chosen one.
  var position = 0

  public init(title: String, choices: [Choice]) {
    self.title = title
    self.choices = choices
  }
}

extension ScreenPainter {
  mutating func paint(_ picker: Picker) {
    let body = layout.body
    guard body.count > 1 else { return }
    let width = grid.size.columns
    let last = body.upperBound - 1
    let height = body.count - 1
    let first = max(0, min(picker.position - height / 2, picker.choices.count - height))
    let digits = String(picker.choices.count).count
    for (row, index) in zip(body.lowerBound..<last, first..<picker.choices.count) {
      let isChosen = index == picker.position
      let style = isChosen ? theme.selection : theme.text
      if isChosen { grid.fill(row: row, from: 0, to: width, style: style) }
      let number = String(index + 1)
      let head = (isChosen ? ">" : " ") + String(repeating: " ", count: digits - number.count) + number + " "
      let text = DisplayText.joinedLines(picker.choices[index].text)
      grid.write(head + text.clipped(to: max(0, width - head.count - 1)), row: row, column: 0, style: style)
    }
    grid.fill(row: last, from: 0, to: width, style: theme.header)
    let keys = " \(DisplayText.line(picker.title)): Up, Down and Enter, or the number; Esc goes back"
    grid.write(keys.clipped(to: width), row: last, column: 0, style: theme.header)
    grid.cursor = nil
  }
}

extension UserInterface {
  mutating func handleInPicker(_ stroke: KeyStroke) -> [Intent] {
    guard let picker = screen.picker else { return [] }
    let last = max(0, picker.choices.count - 1)
    let page = max(1, ScreenLayout(screen, size: size).body.count - 2)
    func choose(_ index: Int) -> [Intent] {
      guard picker.choices.indices.contains(index) else { return [] }
      screen.picker = nil
      return [picker.choices[index].intent]
    }
    func move(_ count: Int) { screen.picker?.position = min(max(0, picker.position + count), last) }
    switch (stroke.key, stroke.modifiers) {
    case (.enter, []): return choose(picker.position)
    case (.character(let digit), []) where digit.isASCII && digit.isNumber:
      return choose((digit.wholeNumberValue ?? 0) - 1)
    case (.down, []), (.tab, []), (.character("n"), .control), (.character("j"), []): move(1)
    case (.up, []), (.tab, .shift), (.character("p"), .control), (.character("k"), []): move(-1)
    case (.pageDown, []): move(page)
    case (.pageUp, []): move(-page)
    case (.escape, _), (.character("q"), []), (.character("c"), .control), (.character("g"), .control):
      screen.picker = nil
    case (.character("l"), .control): return [.redraw]
    case (.character("z"), .control): return [.suspend]
    default: break
    }
    return []
  }
}
