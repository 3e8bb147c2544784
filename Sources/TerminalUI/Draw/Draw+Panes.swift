// Draw+Panes.swift: the room list, the members and the room switcher.

extension ScreenPainter {
  // MARK: Rooms

  mutating func paintRooms(_ columns: Range<Int>) {
    paintBorder(rightOf: columns)
    let first = layout.firstRoom(state)
    let digits = String(state.rooms.indices.map { state.rooms[$0].label(at: $0) }.max() ?? 0).count
    for (offset, room) in state.rooms.dropFirst(first).prefix(layout.body.count).enumerated() {
      paint(
        room, number: String(room.label(at: first + offset)).leftPadded(to: max(2, digits)),
        row: layout.body.lowerBound + offset, columns: columns)
    }
  }

  private mutating func paint(_ room: RoomRow, number: String, row: Int, columns: Range<Int>) {
    let isOpen = room.id == state.openRoom
    let style =
      isOpen ? theme.openRoom : room.isImportant ? theme.importantRoom : room.unread > 0 ? theme.unreadRoom : theme.text
    if isOpen { grid.fill(row: row, from: columns.lowerBound, to: columns.upperBound, style: style) }
    var counter = counterWords(room)
    let head =
      (isOpen ? state.glyphs.pointer : " ") + number + (room.isPinned ? state.glyphs.pin : " ")
      + (room.kind == .group ? "#" : "@")
      + (room.isEncrypted ? " " : "-")
    let whole = DisplayText.line(room.name)
    if room.hasDraft {
      // The word where the name leaves room for it, else a sign.
      let words = ["draft", counter].filter { !$0.isEmpty }.joined(separator: " ")
      let fits = ClusterWidth.columns(of: whole) <= columns.count - head.count - words.count - 2
      counter = fits ? words : "+" + counter
    }
    let nameWidth = columns.count - head.count - counter.count - 2
    var column = grid.write(head, row: row, column: columns.lowerBound, end: columns.upperBound, style: style)
    let name = whole.clipped(to: max(0, nameWidth))
    column = grid.write(name, row: row, column: column, end: columns.upperBound, style: style)
    grid.write(counter, row: row, column: columns.upperBound - counter.count - 1, end: columns.upperBound, style: style)
  }

  /// At the right of a room's line: its state if it has one to tell, else its unread messages ("!" for mentions).
  private func counterWords(_ room: RoomRow) -> String {
    let count = state.unread(in: room)
    let unread = count > 0 ? String(min(count, 999)) + (room.mentions > 0 ? "!" : "") : ""
    let word =
      switch room.presence {
      case .joining: "..."
      case .offline: "off"
      case .active: room.isTyping ? "typing" : room.isMuted ? "muted" : ""
      }
    return [word, unread].filter { !$0.isEmpty }.joined(separator: " ")
  }

  // MARK: Members

  mutating func paintMembers(_ columns: Range<Int>) {
    paintBorder(leftOf: columns)
    let lines = layout.memberLines(state)
    let height = layout.body.count
    let isTooLong = lines.count > height
    for (row, line) in zip(layout.body, lines.prefix(isTooLong ? max(0, height - 1) : height)) {
      paint(line, row: row, columns: columns)
    }
    if isTooLong, let last = layout.body.last {
      grid.write(
        "and \(lines.count - height + 1) more", row: last, column: columns.lowerBound, end: columns.upperBound,
        style: theme.faint)
    }
  }

  private mutating func paint(_ line: ScreenLayout.MemberLine, row: Int, columns: Range<Int>) {
    let (trust, indent) = line.device.map { ($0.trust, 2) } ?? (line.member.trust, 0)
    let style: Style =
      switch trust {
      case .trusted: theme.verified
      case .unsafe, .held, .excluded: theme.error
      case .untrusted, .unknown, .notEncrypted: theme.faint
      }
    var column = grid.write(
      state.glyphs.mark(trust) + " ", row: row, column: columns.lowerBound + indent, end: columns.upperBound,
      style: style)
    if let device = line.device {
      grid.write(device.shortName, row: row, column: column, end: columns.upperBound, style: theme.faint)
      return
    }
    let member = line.member
    let count = line.showsCount ? String(member.devices.count) : ""
    let name = DisplayText.line(member.name) + (member.isAdmin ? "*" : "") + (member.isSelf ? " (me)" : "")
    let room = columns.upperBound - column - count.count - 1
    column = grid.write(
      name.clipped(to: max(0, room)), row: row, column: column, end: columns.upperBound, style: theme.text)
    grid.write(count, row: row, column: columns.upperBound - count.count, end: columns.upperBound, style: theme.faint)
  }

  // MARK: Switcher

  mutating func paintSwitcher(_ switcher: Switcher) {
    let matches = switcher.matches(in: state.rooms)
    let width = min(48, grid.size.columns)
    let left = (grid.size.columns - width) / 2
    let height = min(layout.body.count, max(1, matches.count) + 1)
    guard height > 1 else { return }
    let top = layout.body.lowerBound
    let style = theme.status
    for row in top..<top + height { grid.fill(row: row, from: left, to: left + width, style: style) }
    let query = " Go to: "
    var column = grid.write(query, row: top, column: left, end: left + width, style: theme.header)
    grid.fill(row: top, from: column, to: left + width, style: theme.header)
    column = grid.write(
      DisplayText.line(switcher.query), row: top, column: column, end: left + width - 1, style: theme.header)
    grid.cursor = .init(row: top, column: min(column, grid.size.columns - 1))
    if matches.isEmpty {
      grid.write("   no such room", row: top + 1, column: left, end: left + width, style: style)
    }
    let selected = switcher.selection(among: matches.count)
    let first = max(0, min(selected - (height - 2), matches.count - (height - 1)))
    for (offset, room) in matches.dropFirst(first).prefix(height - 1).enumerated() {
      let isSelected = first + offset == selected
      let row = top + 1 + offset
      let rowStyle = isSelected ? theme.selection : style
      grid.fill(row: row, from: left, to: left + width, style: rowStyle)
      let counter = room.unread > 0 ? "\(min(room.unread, 999)) " : ""
      let name = DisplayText.line(room.name).clipped(to: max(0, width - 6 - counter.count))
      grid.write(
        (isSelected ? " > " : "   ") + (room.kind == .group ? "# " : "@ ") + name, row: row, column: left,
        end: left + width, style: rowStyle)
      grid.write(counter, row: row, column: left + width - counter.count, end: left + width, style: rowStyle)
    }
  }

  // MARK: Borders

  private mutating func paintBorder(rightOf columns: Range<Int>) {
    guard columns.upperBound < grid.size.columns else { return }
    for row in layout.body {
      grid.write(state.glyphs.vertical, row: row, column: columns.upperBound, style: theme.border)
    }
  }

  private mutating func paintBorder(leftOf columns: Range<Int>) {
    guard columns.lowerBound > 0 else { return }
    for row in layout.body {
      grid.write(state.glyphs.vertical, row: row, column: columns.lowerBound - 1, style: theme.border)
    }
  }
}

extension String {
  fileprivate func leftPadded(to columns: Int) -> String {
    String(repeating: " ", count: max(0, columns - count)) + self
  }
}
