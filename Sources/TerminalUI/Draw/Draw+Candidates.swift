// Draw+Candidates.swift: what Tab goes through, in the status bar's row while it does.

extension ScreenPainter {
  /// Nothing when there is nothing to choose from.
  mutating func paintCandidates() {
    guard let completion = state.input.completion, completion.candidates.count > 1, grid.size.rows >= 2 else { return }
    let row = layout.statusRows.lowerBound
    let width = grid.size.columns
    let head = " \(completion.index + 1)/\(completion.candidates.count) "
    let names = completion.candidates.map(Self.shortName)
    // As many as fit, in whole screens, so that they stand still while Tab walks through them.
    let room = max(1, width - head.count - 2)
    var first = 0
    var used = 0
    for index in 0...completion.index {
      let columns = ClusterWidth.columns(of: names[index]) + 2
      if used + columns > room, index > first {
        first = index
        used = 0
      }
      used += columns
    }
    grid.fill(row: row, from: 0, to: width, style: theme.status)
    var column = grid.write(head, row: row, column: 0, style: theme.status)
    for index in first..<names.count {
      let name = names[index].clipped(to: room)
      if index > first, column + ClusterWidth.columns(of: name) + 2 > width {
        grid.write("…", row: row, column: min(column, width - 1), style: theme.status)
        break
      }
      let style = index == completion.index ? theme.selection : theme.status
      column = grid.write(" \(name) ", row: row, column: column, style: style)
    }
  }

  /// Of a path the last part: what is before it stands in the line.
  private static func shortName(_ candidate: String) -> String {
    let text = DisplayText.line(CommandWords.resolved(candidate))
    let isFolder = text.hasSuffix("/")
    guard text.hasPrefix("/") || text.hasPrefix("~") || text.contains("/"), !text.hasPrefix("sip") else {
      return text.trimmedEnd
    }
    let parts = text.split(separator: "/")
    // A command has a slash in front only.
    guard let last = parts.last, parts.count > 1 || isFolder else { return text.trimmedEnd }
    return String(last) + (isFolder ? "/" : "")
  }
}

extension String {
  fileprivate var trimmedEnd: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}
