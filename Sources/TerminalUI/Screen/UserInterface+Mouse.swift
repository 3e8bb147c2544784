// UserInterface+Mouse.swift: clicks and the wheel: what a place on the screen stands for.

extension UserInterface {
  /// Lines that one step of the wheel scrolls.
  static let wheelLines = 3

  mutating func handle(_ event: MouseEvent) -> [Intent] {
    if screen.isBare { return [] }
    let layout = ScreenLayout(screen, size: size)
    switch event.kind {
    case .wheelUp, .wheelDown: return turnWheel(event.kind == .wheelUp ? -1 : 1, at: event, layout)
    case .press:
      screen.status.error = nil
      if screen.switcher != nil {
        screen.switcher = nil
        return []
      }
      if screen.page != nil {
        screen.page = nil
        return []
      }
      if screen.picture != nil { return closePicture() }
      if screen.picker != nil {
        screen.picker = nil
        return []
      }
      if screen.search != nil { return clickInSearch(event) }
      if screen.verification != nil { return [] }
      if layout.inputRows.contains(event.row) { return clickInInput(event, layout) }
      if event.row == 0, size.rows >= 3 {
        toggleMembers()
        return []
      }
      guard layout.body.contains(event.row) else { return [] }
      let line = event.row - layout.body.lowerBound
      if let columns = layout.rooms, columns.contains(event.column) {
        let index = layout.firstRoom(screen) + line
        return screen.rooms.indices.contains(index) ? openRoom(screen.rooms[index]) : []
      }
      if let columns = layout.members, columns.contains(event.column) {
        let lines = layout.memberLines(screen)
        guard lines.indices.contains(line), !lines[line].member.isSelf else { return [] }
        return [.verify(lines[line].member.id)]
      }
      return []
    }
  }

  private mutating func turnWheel(_ direction: Int, at event: MouseEvent, _ layout: ScreenLayout) -> [Intent] {
    if screen.switcher != nil {
      screen.switcher?.position += direction
      return []
    }
    if screen.page != nil {
      scrollPage(by: direction * Self.wheelLines)
      return []
    }
    if screen.picture != nil { return [] }
    if screen.picker != nil { return handleInPicker(KeyStroke(direction < 0 ? .up : .down)) }
    if screen.search != nil { return moveInSearch(by: direction) }
    if screen.verification != nil { return [] }
    if let columns = layout.rooms, columns.contains(event.column), layout.body.contains(event.row) {
      screen.firstRoom = layout.firstRoom(screen) + direction * Self.wheelLines
      // Held within the list.
      screen.firstRoom = layout.firstRoom(screen)
      return []
    }
    return scroll(by: direction * Self.wheelLines)
  }

  /// Chooses a result; one that is chosen already is opened.
  private mutating func clickInSearch(_ event: MouseEvent) -> [Intent] {
    let rows = layoutOfPanels.searchRows
    guard let panel = screen.search, rows.contains(event.row) else { return [] }
    let index = panel.firstVisible(rows: rows.count) + event.row - rows.lowerBound
    guard panel.results.indices.contains(index) else { return [] }
    if index == panel.position { return openChosenResult() }
    screen.search?.position = index
    return []
  }

  private mutating func clickInInput(_ event: MouseEvent, _ layout: ScreenLayout) -> [Intent] {
    let input = layout.input
    let row = event.row - layout.inputRows.lowerBound + input.firstRow(height: layout.inputRows.count)
    screen.input.moveCursor(to: input.position(row: row, column: event.column))
    return []
  }
}
