// UserInterface+Panels.swift: keys while the switcher, the search or the verification panel is open.

extension UserInterface {
  // MARK: Switcher

  mutating func handleInSwitcher(_ stroke: KeyStroke) -> [Intent] {
    guard var switcher = screen.switcher else { return [] }
    switch (stroke.key, stroke.modifiers) {
    case (.enter, _):
      screen.switcher = nil
      let matches = switcher.matches(in: screen.rooms)
      return matches.isEmpty ? [] : openRoom(matches[switcher.selection(among: matches.count)])
    case (.escape, _), (.character("c"), .control), (.character("g"), .control):
      screen.switcher = nil
      return []
    case (.character("l"), .control): return [.redraw]
    case (.character("z"), .control): return [.suspend]
    case (.down, _), (.tab, []), (.character("n"), .control), (.character("k"), .control), (.character("k"), .alt):
      switcher.position += 1
    case (.up, _), (.tab, .shift), (.character("p"), .control): switcher.position -= 1
    case (.backspace, _):
      switcher.query = String(switcher.query.dropLast())
      switcher.position = 0
    case (.character("u"), .control): switcher = Switcher()
    case (.character(let character), []):
      switcher.query.append(character)
      switcher.position = 0
    default: break
    }
    screen.switcher = switcher
    return []
  }

  // MARK: Search

  mutating func openSearch(everywhere: Bool, text: String = "") -> [Intent] {
    screen.verification = nil
    screen.page = nil
    screen.search = SearchPanel(room: screen.openRoom, isEverywhere: everywhere, text: text)
    return searchAgain()
  }

  /// The answer to `Intent.search`; one that is no longer wanted is dropped.
  public mutating func showResults(_ results: [SearchResult], for request: SearchRequest, hasMore: Bool) {
    guard var panel = screen.search else { return }
    var wanted = panel.request
    wanted.before = request.before
    guard wanted == request, request.before == nil || request.before == panel.results.last?.id else { return }
    panel.results = request.before == nil ? results : panel.results + results
    panel.isWaiting = false
    panel.hasMore = hasMore
    panel.position = min(panel.position, max(0, panel.results.count - 1))
    screen.search = panel
  }

  /// Marks a message of the open room that was jumped to, and shows it.
  public mutating func mark(_ message: MessageRow.ID) {
    screen.selected = message
    scroll(to: message)
  }

  private mutating func searchAgain() -> [Intent] {
    guard var panel = screen.search else { return [] }
    panel.position = 0
    panel.hasMore = false
    panel.isWaiting = !panel.input.isEmpty
    if panel.input.isEmpty { panel.results = [] }
    screen.search = panel
    return panel.isWaiting ? [.search(panel.request)] : []
  }

  mutating func editSearch(_ change: InputLine.Edit) -> [Intent] {
    guard let before = screen.search?.input.text else { return [] }
    screen.search?.input.apply(change)
    return screen.search?.input.text == before ? [] : searchAgain()
  }

  mutating func handleInSearch(_ stroke: KeyStroke) -> [Intent] {
    guard let panel = screen.search else { return [] }
    let page = max(1, layoutOfPanels.searchRows.count - 1)
    switch (stroke.key, stroke.modifiers) {
    case (.enter, []): return openChosenResult()
    case (.escape, _), (.character("c"), .control), (.character("g"), .control):
      screen.search = nil
      return []
    case (.tab, _):
      guard panel.room != nil else { return [] }
      screen.search?.isEverywhere.toggle()
      return searchAgain()
    case (.down, []), (.character("n"), .control), (.character("s"), .control): return moveInSearch(by: 1)
    case (.up, []), (.character("p"), .control): return moveInSearch(by: -1)
    case (.pageDown, []): return moveInSearch(by: page)
    case (.pageUp, []): return moveInSearch(by: -page)
    case (.character("l"), .control): return [.redraw]
    case (.character("z"), .control): return [.suspend]
    default: break
    }
    // The keys of the input line; new lines and what opens other things are none of the search's.
    switch keymap.action(for: stroke) {
    case .edit(.insert("\n")), .edit(.up), .edit(.down): return []
    case .edit(let change): return editSearch(change)
    case .killOrSwitcher: return editSearch(.killToEnd)
    case .deleteOrQuit: return editSearch(.deleteForward)
    default: return []
    }
  }

  mutating func moveInSearch(by count: Int) -> [Intent] {
    guard var panel = screen.search, !panel.results.isEmpty else { return [] }
    panel.position = min(max(0, panel.position + count), panel.results.count - 1)
    let isAtEnd = panel.position == panel.results.count - 1
    let wantsMore = isAtEnd && panel.hasMore && !panel.isWaiting && count > 0
    if wantsMore { panel.isWaiting = true }
    screen.search = panel
    guard wantsMore else { return [] }
    var request = panel.request
    request.before = panel.results.last?.id
    return [.search(request)]
  }

  mutating func openChosenResult() -> [Intent] {
    guard let result = screen.search?.chosen else { return [] }
    screen.search = nil
    return [.openMessage(result.id, room: result.room)]
  }

  var layoutOfPanels: ScreenPainter { ScreenPainter(state: screen, theme: theme, size: size) }

  // MARK: Verification

  /// Opens the panel, or replaces what it shows.
  public mutating func show(_ panel: VerificationPanel) {
    var panel = panel
    if let shown = screen.verification, shown.address == panel.address {
      panel.position = min(shown.position, max(0, panel.devices.count - 1))
    }
    screen.search = nil
    screen.page = nil
    screen.verification = panel
  }

  mutating func handleInVerification(_ stroke: KeyStroke) -> [Intent] {
    guard var panel = screen.verification else { return [] }
    let pending = panel.pending
    panel.pending = nil
    var intents: [Intent] = []
    func decide(_ decision: VerificationPanel.Decision) {
      guard let device = panel.chosen else { return }
      if pending == decision {
        intents = [.setTrust(decision, device: device.id)]
      } else if decision == .trust, device.code == nil {
        screen.status.error = "there is no code to compare yet: the device's key is known after the first message"
      } else {
        panel.pending = decision
      }
    }
    switch (stroke.key, stroke.modifiers) {
    case (.escape, _) where pending != nil: break
    case (.escape, _), (.character("q"), []), (.character("c"), .control), (.character("g"), .control):
      screen.verification = nil
      return []
    case (.down, _), (.tab, []), (.character("n"), .control):
      panel.position = min(panel.position + 1, max(0, panel.devices.count - 1))
    case (.up, _), (.tab, .shift), (.character("p"), .control): panel.position = max(0, panel.position - 1)
    case (.character("t"), []): decide(.trust)
    case (.character("a"), []): decide(.admit)
    case (.character("x"), []): decide(.exclude)
    case (.character("d"), []): decide(.distrust)
    case (.character("f"), []): decide(.forget)
    case (.character("l"), .control): intents = [.redraw]
    case (.character("z"), .control): intents = [.suspend]
    default: break
    }
    screen.verification = panel
    return intents
  }
}
