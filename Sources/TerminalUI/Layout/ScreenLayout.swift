// ScreenLayout.swift: which part of the screen each pane gets.

/// Row 0 is the header; then rooms, messages and members side by side; then the status bar and the input line.
struct ScreenLayout: Equatable {
  /// Below this many columns panes take the messages' place instead of standing beside them.
  static let narrowColumns = 60
  /// Beside rooms and messages, members need this many.
  static let membersColumns = 72
  static let maximumInputRows = 5
  static let maximumStatusRows = 3
  /// Columns of the list of rooms that nobody has chosen.
  static let roomsColumns = 16...32
  /// With fewer rows what a command is about has none.
  static let subjectRows = 8

  /// Columns of each pane; nil is not shown. A column for the border stands between neighbours.
  var rooms: Range<Int>?
  var messages: Range<Int>?
  var members: Range<Int>?
  /// Rows of the three panes.
  var body: Range<Int>
  /// More than one where an error needs them.
  var statusRows: Range<Int>
  /// The words of those rows.
  let status: StatusLayout
  /// What the input's command is about; nil where nothing is, or no row is left for it.
  var subjectRow: Int?
  var inputRows: Range<Int>
  /// The text of those rows; more, where they do not hold all of it.
  let input: InputLayout

  init(_ state: ScreenState, size: ScreenSize) {
    input = InputLayout(state, columns: size.columns)
    let inputHeight = min(input.rows.count, Self.maximumInputRows, max(1, size.rows / 3))
    inputRows = max(0, size.rows - inputHeight)..<size.rows
    if size.rows >= Self.subjectRows, state.subjectWords != nil { subjectRow = inputRows.lowerBound - 1 }
    let above = max(0, (subjectRow ?? inputRows.lowerBound) - 1)
    status = StatusLayout(state, columns: size.columns)
    // The messages keep most of a small screen.
    let statusHeight = max(1, min(status.lines.count, Self.maximumStatusRows, size.rows / 4))
    statusRows = max(0, above - statusHeight + 1)..<above + 1
    body = min(1, statusRows.lowerBound)..<statusRows.lowerBound

    let isNarrow = size.columns < Self.narrowColumns
    let hasMembersBeside = size.columns >= Self.membersColumns
    if isNarrow, state.panes.rooms == .shown {
      rooms = 0..<size.columns
    } else if state.panes.members == .shown, !hasMembersBeside {
      members = 0..<size.columns
    } else {
      var start = 0
      var end = size.columns
      if !isNarrow, state.panes.rooms != .hidden {
        rooms = 0..<Self.roomsWidth(state, columns: size.columns)
        start = rooms?.upperBound ?? 0
        start += 1
      }
      if state.panes.members == .shown {
        members = end - min(24, max(18, size.columns / 5))..<end
        // The border, and a column of air before it.
        end = (members?.lowerBound ?? end) - 2
      }
      messages = start..<max(start, end)
    }
  }
}

extension ScreenLayout {
  /// As chosen, else so wide that the names can be read, but no more than the messages can spare.
  private static func roomsWidth(_ state: ScreenState, columns: Int) -> Int {
    if let width = state.panes.roomsWidth { return max(1, min(width, columns / 2)) }
    let most = min(roomsColumns.upperBound, max(roomsColumns.lowerBound + 2, columns / 4))
    var width = roomsColumns.lowerBound
    for room in state.rooms {
      // With what stands before the name, and room for a counter.
      let name = room.name.utf8.allSatisfy { $0 < 0x80 } ? room.name.utf8.count : ClusterWidth.columns(of: room.name)
      width = max(width, name + 12)
      if width >= most { return most }
    }
    return width
  }

  /// Index of the room at the top of the list: where it was scrolled to, else so that the open one is visible.
  func firstRoom(_ state: ScreenState) -> Int {
    if let first = state.firstRoom { return max(0, min(first, state.rooms.count - body.count)) }
    let open = state.rooms.firstIndex { $0.id == state.openRoom } ?? 0
    return max(0, min(open - body.count / 2, state.rooms.count - body.count))
  }

  struct MemberLine: Equatable {
    var member: MemberRow
    /// nil: the line of the member itself.
    var device: MemberRow.DeviceRow?
    var showsCount: Bool
  }

  /// Each member with the devices below, or only their number where that is too long.
  func memberLines(_ state: ScreenState) -> [MemberLine] {
    let count = state.members.count + state.members.reduce(0) { $0 + $1.devices.count }
    let isShort = count > body.count
    return state.members.flatMap { member in
      [MemberLine(member: member, showsCount: isShort)]
        + (isShort ? [] : member.devices.map { MemberLine(member: member, device: $0, showsCount: false) })
    }
  }
}

/// The input line broken into rows, with the cursor's place in them.
struct InputLayout: Equatable {
  static let promptName = 16

  var prompt: String
  var rows: [String]
  /// How many clusters of the text stand before each row.
  private var starts: [Int]
  var cursorRow: Int
  /// From the left edge of the screen.
  var cursorColumn: Int

  init(_ state: ScreenState, columns: Int) {
    prompt = Self.prompt(state, columns: columns)
    let indent = ClusterWidth.columns(of: prompt)
    let width = max(2, columns - indent)
    var rows = [""]
    var starts = [0]
    var column = 0
    var place = (row: 0, column: 0)
    var position = 0
    for cluster in state.input.text {
      let printable = DisplayText.cluster(cluster)
      let clusterWidth = cluster == "\n" ? 0 : ClusterWidth.columns(of: printable)
      if column + clusterWidth > width {
        rows.append("")
        starts.append(position)
        column = 0
      }
      if position == state.input.cursor { place = (rows.count - 1, column) }
      position += 1
      if cluster == "\n" {
        rows.append("")
        starts.append(position)
        column = 0
      } else {
        rows[rows.count - 1] += printable
        column += clusterWidth
      }
    }
    if position <= state.input.cursor {
      // The cursor behind a full row stands on the next one.
      if column >= width {
        rows.append("")
        starts.append(position)
        column = 0
      }
      place = (rows.count - 1, column)
    }
    self.rows = rows
    self.starts = starts
    cursorRow = place.row
    cursorColumn = indent + place.column
  }

  /// The row at the top when not all fit: those around the cursor are shown.
  func firstRow(height: Int) -> Int { min(max(0, cursorRow - height + 1), max(0, rows.count - height)) }

  /// The cluster of the text at a place: `row` counts from the first row, `column` from the screen's edge.
  func position(row: Int, column: Int) -> Int {
    var before = 0
    for (index, start) in starts.enumerated() where index <= row { before = start }
    guard rows.indices.contains(row) else { return before }
    var left = max(0, column - ClusterWidth.columns(of: prompt))
    for cluster in rows[row] {
      left -= ClusterWidth.columns(of: cluster)
      if left < 0 { break }
      before += 1
    }
    return before
  }

  private static func prompt(_ state: ScreenState, columns: Int) -> String {
    let name = DisplayText.line(state.header.name)
    // In words too: not every terminal has colours.
    let sign = state.isPlain ? RoomSecurity.notEncrypted.words + " > " : "> "
    if columns < ScreenLayout.narrowColumns || name.isEmpty { return sign }
    return "[\(name.clipped(to: promptName))] \(sign)"
  }
}

extension String {
  /// At most `columns` columns; what is cut off shows as "…". Expects cleaned text.
  func clipped(to columns: Int) -> String {
    guard ClusterWidth.columns(of: self) > columns else { return self }
    var result = ""
    var width = 0
    for cluster in self {
      width += ClusterWidth.columns(of: cluster)
      if width > columns - 1 { break }
      result.append(cluster)
    }
    return columns > 0 ? result + "…" : ""
  }

  /// Filled with spaces to `columns` columns.
  func padded(to columns: Int) -> String {
    self + String(repeating: " ", count: max(0, columns - ClusterWidth.columns(of: self)))
  }
}
