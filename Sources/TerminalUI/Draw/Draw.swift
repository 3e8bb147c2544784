// Draw.swift: the screen's state to a grid of cells.

/// Draws the whole screen. Pure: the same state, size and theme give the same grid. Made for 40x12 and more; on less,
/// the input line stays and as much else as fits.
public func draw(_ state: ScreenState, size: ScreenSize, theme: Theme) -> CellGrid {
  var painter = ScreenPainter(state: state, theme: theme, size: size)
  painter.paint()
  return painter.grid
}

struct ScreenPainter {
  let state: ScreenState
  let theme: Theme
  let layout: ScreenLayout
  var grid: CellGrid

  init(state: ScreenState, theme: Theme, size: ScreenSize) {
    self.state = state
    self.theme = theme
    layout = ScreenLayout(state, size: size)
    grid = CellGrid(size: size)
  }

  mutating func paint() {
    guard grid.size.rows > 0, grid.size.columns > 0 else { return }
    if grid.size.rows >= 3 { paintHeader() }
    if !state.hasPanel {
      if let columns = layout.messages { paintMessages(columns) }
      if let columns = layout.rooms { paintRooms(columns) }
      if let columns = layout.members { paintMembers(columns) }
    }
    if grid.size.rows >= 2 { paintStatus() }
    paintCandidates()
    paintInput()
    if let page = state.page { paint(page) }
    if let picture = state.picture { paint(picture) }
    if let picker = state.picker { paint(picker) }
    if let verification = state.verification { paintVerification(verification) }
    if let search = state.search { paintSearch(search) }
    if let switcher = state.switcher { paintSwitcher(switcher) }
  }

  // MARK: Header

  private mutating func paintHeader() {
    let width = grid.size.columns
    let isUnsafe = state.header.security == .unsafe
    let style = isUnsafe ? theme.headerWarning : state.isPlain ? theme.headerPlain : theme.header
    grid.fill(row: 0, from: 0, to: width, style: style)
    guard state.openRoom != nil else {
      grid.write(" limeade", row: 0, column: 0, style: style)
      return
    }
    let name = DisplayText.line(state.header.name)
    var column = grid.write(" " + name.clipped(to: max(8, width / 3)), row: 0, column: 0, style: style)
    column = grid.write("  " + securityWords, row: 0, column: column, style: style)
    if let lifetime = state.header.lifetime {
      column = grid.write("  " + DisplayText.line(lifetime), row: 0, column: column, style: style)
    }
    var right = width
    if let count = state.header.deviceCount {
      let devices = "\(count) device\(count == 1 ? "" : "s") "
      if width - devices.count > column + 2 {
        right = width - devices.count
        grid.write(devices, row: 0, column: right, style: style)
      }
    }
    let names = state.members.map { DisplayText.line($0.name) + ($0.isAdmin ? "*" : "") }.joined(separator: ", ")
    let room = right - column - 4
    if room > 6 { grid.write("  " + names.clipped(to: room), row: 0, column: column, end: right - 1, style: style) }
  }

  private var securityWords: String {
    (state.header.security == .notEncrypted ? "" : state.glyphs.lock) + state.header.security.words
  }

  // MARK: Messages

  private mutating func paintMessages(_ columns: Range<Int>) {
    let messages = MessageLayout(state, width: columns.count, height: layout.body.count, theme: theme)
    let lines = messages.visibleLines(height: layout.body.count).lines
    var row = layout.body.upperBound - lines.count
    for line in lines {
      paint(line, row: row, columns: columns)
      row += 1
    }
    if state.messages.isEmpty {
      let hint = state.openRoom == nil ? "no room is open: /join ROOM, /create NAME ADDRESS..." : "no messages yet"
      grid.write(
        hint.clipped(to: columns.count), row: layout.body.lowerBound, column: columns.lowerBound,
        end: columns.upperBound, style: theme.faint)
    }
  }

  private mutating func paint(_ line: MessageLine, row: Int, columns: Range<Int>) {
    switch line {
    case .pieces(let pieces):
      var column = columns.lowerBound
      for piece in pieces {
        column = grid.write(
          piece.text, row: row, column: column, end: columns.upperBound, style: piece.style, link: piece.link)
      }
    case .rule(let title, let style):
      grid.fill(
        row: row, from: columns.lowerBound, to: columns.upperBound, with: state.glyphs.horizontal,
        style: style)
      let text = " \(title) "
      let column = columns.lowerBound + max(0, (columns.count - text.count) / 2)
      grid.write(text, row: row, column: column, end: columns.upperBound, style: style)
    }
  }

  // MARK: Status and input

  private mutating func paintStatus() {
    let width = grid.size.columns
    let isWell = state.status.error == nil && state.status.health != .bad
    let style = isWell ? theme.status : theme.statusError
    let status = layout.status
    for (offset, row) in layout.statusRows.enumerated() {
      grid.fill(row: row, from: 0, to: width, style: style)
      guard status.lines.indices.contains(offset) else { continue }
      // What does not fit is on the page of errors.
      let isCut = row == layout.statusRows.upperBound - 1 && offset < status.lines.count - 1
      let line = isCut ? status.lines[offset...].joined(separator: " ").clipped(to: status.room) : status.lines[offset]
      grid.write(" " + line, row: row, column: 0, style: style)
    }
    let column = width - ClusterWidth.columns(of: status.right)
    grid.write(status.right, row: layout.statusRows.lowerBound, column: column, style: style)
  }

  private mutating func paintInput() {
    if let row = layout.subjectRow, let words = state.subjectWords {
      let room = grid.size.columns - 1
      let hint = "  Esc ends it"
      let text = words.clipped(to: max(0, room - hint.count))
      let column = grid.write(" " + text, row: row, column: 0, style: theme.quote)
      grid.write(hint, row: row, column: column, style: theme.faint)
    }
    let input = layout.input
    let height = layout.inputRows.count
    let first = input.firstRow(height: height)
    let indent = ClusterWidth.columns(of: input.prompt)
    for (offset, text) in input.rows.dropFirst(first).prefix(height).enumerated() {
      let row = layout.inputRows.lowerBound + offset
      if first + offset == 0 {
        grid.write(input.prompt, row: row, column: 0, style: state.isPlain ? theme.promptPlain : theme.prompt)
      }
      grid.write(text, row: row, column: indent, style: theme.text)
    }
    grid.cursor = .init(
      row: layout.inputRows.lowerBound + input.cursorRow - first,
      column: min(input.cursorColumn, grid.size.columns - 1))
  }
}
