// Draw+Panels.swift: the search and verification panels, which take the place of the panes.

extension ScreenPainter {
  // MARK: Search

  /// Characters of a result in which the words are looked for.
  static let maximumSearched = 4000

  mutating func paintSearch(_ panel: SearchPanel) {
    let width = grid.size.columns
    let body = layout.body
    guard !body.isEmpty else { return }
    let room = state.rooms.first { $0.id == panel.room }?.name ?? ""
    let place = panel.isEverywhere ? "all rooms" : DisplayText.line(room).clipped(to: max(6, width / 3))
    grid.fill(row: body.lowerBound, from: 0, to: width, style: theme.header)
    let start = grid.write(" Search \(place): ", row: body.lowerBound, column: 0, style: theme.header)
    let typed = DisplayText.line(panel.input.text)
    grid.write(typed.clipped(to: max(0, width - start - 1)), row: body.lowerBound, column: start, style: theme.header)
    let before = DisplayText.line(String(panel.input.text.prefix(panel.input.cursor)))
    grid.cursor = .init(row: body.lowerBound, column: min(start + ClusterWidth.columns(of: before), width - 1))

    let rows = searchRows
    let first = panel.firstVisible(rows: rows.count)
    let words = FoundWords(panel.input.text)
    for (row, index) in zip(rows, first..<panel.results.count) {
      paint(
        panel.results[index], words, isChosen: index == panel.position, isEverywhere: panel.isEverywhere, row: row)
    }
    if let row = rows.first, panel.results.isEmpty {
      let words =
        typed.isEmpty
        ? "Words, or their beginnings; \"in quotes\" together. Enter goes there, Tab changes between this room and all."
        : panel.isWaiting ? "searching…" : "nothing found"
      for (row, line) in zip(row..<body.upperBound, TextWrap.lines(of: words, width: max(2, width - 2))) {
        grid.write(line, row: row, column: 1, style: theme.faint)
      }
    }
  }

  var searchRows: Range<Int> { min(layout.body.lowerBound + 1, layout.body.upperBound)..<layout.body.upperBound }

  private mutating func paint(
    _ result: SearchResult, _ words: FoundWords, isChosen: Bool, isEverywhere: Bool, row: Int
  ) {
    let width = grid.size.columns
    let clock = Clock(timeZone: state.timeZone)
    let isNarrow = width < ScreenLayout.narrowColumns
    if isChosen { grid.fill(row: row, from: 0, to: width, style: theme.selection) }
    func style(_ other: Style) -> Style { isChosen ? theme.selection : other }
    var column = grid.write(isChosen ? ">" : " ", row: row, column: 0, style: style(theme.text))
    column = grid.write(clock.stamp(of: result.time) + " ", row: row, column: column, style: style(theme.faint))
    if isEverywhere {
      let name = DisplayText.line(result.roomName).clipped(to: isNarrow ? 6 : 12).padded(to: isNarrow ? 6 : 12)
      column = grid.write(name + " ", row: row, column: column, style: style(theme.notice))
    }
    let sender = DisplayText.line(result.isOwn ? "me" : result.sender).clipped(to: isNarrow ? 6 : 10)
    column = grid.write(
      sender.padded(to: isNarrow ? 6 : 10) + " ", row: row, column: column,
      style: style(SenderColors(theme).style(of: result.senderID, isOwn: result.isOwn)))
    let text = DisplayText.joinedLines(String(result.text.prefix(Self.maximumSearched)))
    let pieces = words.pieces(
      of: text, width: max(0, width - column), style: style(theme.text), found: theme.match(isChosen: isChosen))
    for piece in pieces { column = grid.write(piece.text, row: row, column: column, style: piece.style) }
  }

  // MARK: Verification

  mutating func paintVerification(_ panel: VerificationPanel) {
    let width = grid.size.columns
    let body = layout.body
    guard body.count > 1 else { return }
    let (lines, chosen) = verificationLines(panel, width: max(10, width - 2))
    let last = body.upperBound - 1
    let height = body.count - 1
    // The chosen device stays visible whole, if it fits.
    let first = max(0, min(min(chosen.lowerBound, max(0, chosen.upperBound - height)), lines.count - height))
    let shown = chosen.upperBound <= height ? 0 : max(first, chosen.upperBound - height)
    for (row, line) in zip(body.lowerBound..<last, lines.dropFirst(shown)) {
      grid.write(line.text, row: row, column: 1, style: line.style)
    }
    grid.fill(row: last, from: 0, to: width, style: theme.header)
    let keys = panel.pending?.question ?? "t trust  a admit  x exclude  d distrust  f forget  Esc back"
    grid.write((" " + keys).clipped(to: width), row: last, column: 0, style: theme.header)
    grid.cursor = nil
  }

  private func verificationLines(_ panel: VerificationPanel, width: Int) -> ([StyledText], chosen: Range<Int>) {
    var lines: [StyledText] = []
    /// `hanging` more columns before each line but the first.
    func add(_ text: String, _ style: Style, indent: Int = 0, hanging: Int = 0) {
      for (number, line) in TextWrap.lines(of: DisplayText.line(text), width: width - indent - hanging).enumerated() {
        lines.append(
          StyledText(text: String(repeating: " ", count: indent + (number == 0 ? 0 : hanging)) + line, style: style))
      }
    }
    add("Comparing devices with \(panel.address)", theme.prompt)
    add(
      "The same code must stand on both screens: compare it face to face, or by telephone if you know the voice. "
        + "The other opens it with /verify \(panel.ownAddress)", theme.faint)
    var chosen = 0..<0
    for (index, device) in panel.devices.enumerated() {
      lines.append(StyledText(text: "", style: theme.text))
      let start = lines.count
      let isChosen = index == panel.position
      let style =
        switch device.trust {
        case .trusted: theme.verified
        case .unsafe, .held, .excluded: theme.error
        case .untrusted, .unknown, .notEncrypted: theme.text
        }
      add(
        (isChosen ? "> " : "  ") + device.trust.words + "  " + device.id, isChosen ? theme.selection : style, hanging: 2
      )
      if let code = device.code {
        // Two lines of four groups, as people read them out.
        let groups = code.split(separator: " ").map(String.init)
        add("code  " + groups.prefix(4).joined(separator: " "), theme.prompt, indent: 4)
        if groups.count > 4 { add("      " + groups.dropFirst(4).joined(separator: " "), theme.prompt, indent: 4) }
      } else {
        add("no code yet: its key is known after the first message", theme.faint, indent: 4)
      }
      if let fingerprint = device.fingerprint { add("key   \(fingerprint)", theme.faint, indent: 4, hanging: 6) }
      if let refused = device.refusedFingerprint {
        add("another key was offered for it and refused: \(refused)", theme.error, indent: 4)
      }
      if isChosen { chosen = start..<lines.count }
    }
    lines.append(StyledText(text: "", style: theme.text))
    add("your device  \(panel.ownDevice)", theme.faint, hanging: 2)
    add("your key     \(panel.ownFingerprint)", theme.faint, hanging: 13)
    return (lines, chosen)
  }
}

extension SearchPanel {
  /// Index of the result at the top, so that the chosen one is visible.
  func firstVisible(rows: Int) -> Int { max(0, position - max(0, rows - 1)) }
}
