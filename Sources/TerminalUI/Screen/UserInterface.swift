// UserInterface.swift: key events in, changed screen and intents out.

/// The user interface as a value: no terminal, no network. The program changes `screen` when something happens and
/// hands every key event to `handle`; after either it draws `grid`.
public struct UserInterface: Sendable {
  /// Lines of the last page that stay visible after paging.
  static let pageOverlap = 2
  /// Characters of one line from which on a paste is worth a word.
  static let longPaste = 400
  /// Columns of a room's name in the window's title.
  static let maximumTitle = 60

  /// What is drawn. Only `rooms`, `header`, `messages`, `members` and `status` are the program's.
  public var screen: ScreenState
  /// Changed by the event `.resize`.
  public var size: ScreenSize
  /// Styles of all parts.
  public var theme: Theme
  /// Where `theme` comes from, once the terminal's colours are known; then it follows the background.
  public private(set) var themeSetting: ThemeSetting?
  private var colors = 0
  /// Which key does what.
  public var keymap: Keymap
  /// What a line with a slash can be.
  public var commands: CommandTable
  /// More words for Tab, as known addresses; members, rooms and commands are offered anyway.
  public var completionWords: [String] = []
  /// Completes the argument of a command, as a path for /file; called before the common candidates.
  /// `before` are the arguments in front of the word, resolved; candidates are as they are typed.
  public var completeArgument: (@Sendable (_ command: String, _ before: [String], _ word: String) -> [String])?

  /// The room that is about to be left, if the next key says so again.
  var asking: RoomRow.ID?
  /// The same before the present key.
  var asked: RoomRow.ID?
  /// Input lines of the rooms that are not open.
  var inputs: [RoomRow.ID: InputLine] = [:]
  var entered: [EnteredLine] = []
  /// The first key of two.
  private var chord: KeyStroke?

  /// A line that left the input, to be kept for another run.
  public struct EnteredLine: Hashable, Sendable {
    /// As it was typed.
    public var text: String
    /// The room that was open.
    public var room: RoomRow.ID?
  }

  public init(
    screen: ScreenState = ScreenState(), size: ScreenSize, theme: Theme = .dark, keymap: Keymap = .standard,
    commands: CommandTable = .standard
  ) {
    self.screen = screen
    self.size = size
    self.theme = theme
    self.keymap = keymap
    self.commands = commands
  }

  /// The screen as it is to be painted.
  public var grid: CellGrid { draw(screen, size: size, theme: theme) }

  /// True when the newest message is on the screen: what arrives now is seen.
  public var showsNewest: Bool {
    screen.showsNewest && ScreenLayout(screen, size: size).messages != nil
  }

  /// The messages on the screen; none while something else covers them.
  public var visibleMessages: [MessageRow] {
    guard !screen.hasPanel, !screen.isBare else { return [] }
    let layout = ScreenLayout(screen, size: size)
    guard let columns = layout.messages else { return [] }
    return Array(
      MessageLayout(screen, width: columns.count, height: layout.body.count, theme: theme).visibleMessages(
        height: layout.body.count))
  }

  /// Shows another room; each room keeps its own input line.
  public mutating func open(
    _ room: RoomRow.ID, header: RoomHeader, messages: [MessageRow], members: [MemberRow] = [],
    firstUnread: MessageRow.ID? = nil
  ) {
    if screen.openRoom != room {
      let typed = screen.input
      if let previous = screen.openRoom { inputs[previous] = typed }
      let own = inputs.removeValue(forKey: room)
      screen.input = own ?? InputLine()
      if screen.openRoom == nil, !typed.isEmpty {
        // What was typed before a room was there goes on in it, if nothing waits there.
        if screen.input.isEmpty { screen.input.replace(with: typed.text) } else { screen.input.remember(typed.text) }
      }
      screen.status.typing = []
    }
    if screen.openRoom != room { screen.firstRoom = nil }
    screen.scroll = .end
    screen.hasNewer = false
    screen.selected = nil
    screen.openRoom = room
    screen.header = header
    screen.messages = messages
    screen.members = members
    screen.firstUnread = firstUnread
    markDrafts()
  }

  // MARK: What is typed in the rooms

  /// Puts what was typed in an earlier run into a room's line, or without a room into the line of none.
  public mutating func restore(_ text: String, about subject: MessageRow.ID? = nil, in room: RoomRow.ID?) {
    guard let room, room != screen.openRoom else {
      guard room == screen.openRoom else { return }
      if screen.input.isEmpty {
        screen.input.replace(with: text)
        screen.input.subject = subject
      } else {
        screen.input.remember(text)
      }
      return
    }
    if inputs[room]?.isEmpty ?? true {
      inputs[room, default: InputLine()].replace(with: text)
      inputs[room]?.subject = subject
    } else {
      inputs[room]?.remember(text)
    }
    markDrafts()
  }

  /// Lines that were entered in a room in earlier runs, oldest first.
  public mutating func remember(earlier lines: [String], in room: RoomRow.ID?) {
    if room == screen.openRoom {
      screen.input.remember(earlier: lines)
    } else if let room {
      inputs[room, default: InputLine()].remember(earlier: lines)
    }
  }

  /// What is typed in a room, open or not.
  public func input(in room: RoomRow.ID) -> InputLine {
    (room == screen.openRoom ? screen.input : inputs[room]) ?? InputLine()
  }

  /// After the rows of the rooms were made anew.
  public mutating func markDrafts() {
    for index in screen.rooms.indices {
      let room = screen.rooms[index].id
      screen.rooms[index].hasDraft =
        room != screen.openRoom && inputs[room]?.text.contains { !$0.isWhitespace } ?? false
    }
  }

  /// Closes the open room, as after leaving it. What was typed in it stays with it.
  public mutating func closeRoom() {
    guard let room = screen.openRoom else { return }
    inputs[room] = screen.input
    screen.input = InputLine()
    screen.openRoom = nil
    screen.header = RoomHeader()
    screen.messages = []
    screen.members = []
    screen.firstUnread = nil
    screen.hasNewer = false
    screen.selected = nil
    screen.verification = nil
    screen.scroll = .end
    screen.status.typing = []
  }

  /// Takes one event of the terminal and changes the screen accordingly.
  /// - Returns: what the program is to do, in this order.
  public mutating func handle(_ event: KeyEvent) -> [Intent] {
    defer { findSubject() }
    return respond(to: event)
  }

  private mutating func respond(to event: KeyEvent) -> [Intent] {
    switch event {
    case .resize(let newSize):
      size = newSize
      // What stands on the screen was broken at another width.
      return screen.isBare ? endBare() : screen.picture != nil ? closePicture() : []
    case .suspend: return [.suspend]
    case .resumed: return [.redraw]
    case .terminate: return [.quit]
    case .focus, .cursor, .pictures: return []
    case .background(let background):
      if let themeSetting { use(themeSetting, colors: colors, background: background) }
      return []
    case .mouse(let event): return handle(event)
    case .paste(let text):
      if screen.isBare { return endBare() }
      if screen.picture != nil { return closePicture() }
      if screen.picker != nil { return [] }
      screen.page = nil
      if screen.search != nil { return editSearch(.paste(DisplayText.line(text))) }
      if screen.verification != nil { return [] }
      if screen.switcher != nil {
        screen.switcher?.query += DisplayText.line(text)
        return []
      }
      return paste(text)
    case .stroke(let stroke):
      if screen.isBare { return endBare() }
      screen.status.error = nil
      screen.status.hint = nil
      (asked, asking) = (asking, nil)
      if let intents = takeRoomNumber(stroke) { return intents }
      if screen.switcher != nil { return handleInSwitcher(stroke) }
      if screen.picture != nil { return closePicture() }
      if screen.picker != nil { return handleInPicker(stroke) }
      if screen.page != nil, let intents = handleInPage(stroke) { return intents }
      if screen.search != nil { return handleInSearch(stroke) }
      if screen.verification != nil { return handleInVerification(stroke) }
      let begun = chord
      chord = nil
      if let begun, let action = keymap.chords[begun]?[stroke] { return perform(action) }
      guard let action = keymap.action(for: stroke) else {
        if keymap.chords[stroke] != nil { chord = stroke }
        return []
      }
      return perform(action)
    }
  }

  /// Carries out an action as if its key had been pressed.
  public mutating func perform(_ action: Action) -> [Intent] {
    switch action {
    case .edit(let change): return edit(change)
    case .submit: return submit()
    case .complete: return complete(backwards: false)
    case .completeBackwards: return complete(backwards: true)
    case .openNextRoom: return openRoom(offset: 1)
    case .openPreviousRoom: return openRoom(offset: -1)
    case .openRoom(let index):
      return room(numbered: index + 1).map(openRoom) ?? []
    case .openRoomByNumber: screen.roomNumber = ""
    case .openNextUnread: return openNextUnread()
    case .scrollPageUp: return scroll(by: -pageHeight)
    case .scrollPageDown: return scroll(by: pageHeight)
    case .scrollLineUp: return scroll(by: -1)
    case .scrollLineDown: return scroll(by: 1)
    case .scrollToEnd: return scrollToEnd()
    case .selectPreviousMessage: return selectMessage(-1)
    case .selectNextMessage: return selectMessage(1)
    case .scrollToUnread: scrollToUnread()
    case .openEditor: return [.openEditor]
    case .upOrEdit: return editPrevious()
    case .downOrEdit: return editNext()
    case .editLast: editLast()
    case .cancel: return cancel()
    case .search: return openSearch(everywhere: false)
    case .searchEverywhere: return openSearch(everywhere: true)
    case .run(let line): return submit(line)
    case .begin(let command): begin(command)
    case .toggleRooms: toggleRooms()
    case .toggleMembers: toggleMembers()
    case .openSwitcher: screen.switcher = Switcher()
    case .killOrSwitcher:
      if !screen.input.isEmpty { return edit(.killToEnd) }
      screen.switcher = Switcher()
    case .clearOrHint:
      if !screen.input.isEmpty { return edit(.clear) }
      screen.status.error = "Ctrl-d or /quit leaves the program"
    case .deleteOrQuit: return screen.input.isEmpty ? [.quit] : edit(.deleteForward)
    case .showBare:
      if screen.messages.isEmpty {
        screen.status.error = "there are no messages to select from"
      } else {
        screen.isBare = true
      }
    case .redraw: return [.redraw]
    case .suspend: return [.suspend]
    }
    return []
  }

  /// Draws with the theme that is wanted, from now on and when the terminal tells its background.
  public mutating func use(_ setting: ThemeSetting, colors: Int, background: TerminalBackground?) {
    themeSetting = setting
    self.colors = colors
    theme = setting.theme(colors: colors, background: background)
  }

  /// The window's title: the messages not read in all rooms, and the open one. What is just being read does not count.
  public var title: String {
    let unread = screen.rooms.reduce(0) { $0 + screen.unread(in: $1) }
    let count = unread > 0 ? "(\(unread)) " : ""
    let name = screen.openRoom == nil ? "" : DisplayText.line(screen.header.name).clipped(to: Self.maximumTitle)
    return count + (name.isEmpty ? "limeade" : "\(name) - limeade")
  }

  // MARK: Rooms

  func openRoom(_ room: RoomRow) -> [Intent] { room.id == screen.openRoom ? [] : [.openRoom(room.id)] }

  private func room(numbered number: Int) -> RoomRow? {
    screen.rooms.enumerated().first { $0.element.label(at: $0.offset) == number }?.element
  }

  /// Nil when the key is no digit of a number: then it does what it does.
  private mutating func takeRoomNumber(_ stroke: KeyStroke) -> [Intent]? {
    guard let typed = screen.roomNumber else { return nil }
    screen.roomNumber = nil
    switch (stroke.key, stroke.modifiers) {
    case (.escape, _), (.character("c"), .control), (.character("g"), .control): return []
    case (.enter, []) where !typed.isEmpty: return openRoom(typed)
    case (.backspace, []) where !typed.isEmpty:
      screen.roomNumber = String(typed.dropLast())
      return []
    case (.character(let digit), []) where digit.isASCII && digit.isNumber:
      let number = typed + String(digit)
      // Two digits, and more where rooms have so many.
      let highest = screen.rooms.enumerated().map { $0.element.label(at: $0.offset) }.max() ?? 0
      guard number.count < max(2, String(highest).count) else { return openRoom(number) }
      screen.roomNumber = number
      return []
    default: return nil
    }
  }

  private mutating func openRoom(_ number: String) -> [Intent] {
    guard let number = Int(number), let room = room(numbered: number) else {
      screen.status.error = "no room has the number \(number)"
      return []
    }
    return openRoom(room)
  }

  private func openRoom(offset: Int) -> [Intent] {
    guard !screen.rooms.isEmpty else { return [] }
    guard let current = screen.rooms.firstIndex(where: { $0.id == screen.openRoom }) else {
      return openRoom(offset > 0 ? screen.rooms[0] : screen.rooms[screen.rooms.count - 1])
    }
    return openRoom(screen.rooms[(current + offset + screen.rooms.count) % screen.rooms.count])
  }

  private func openNextUnread() -> [Intent] {
    let unread = screen.rooms.filter { $0.unread > 0 && $0.id != screen.openRoom }
    let next = unread.min { ($0.isImportant ? 0 : 1, $0.activity) < ($1.isImportant ? 0 : 1, $1.activity) }
    return next.map(openRoom) ?? []
  }

  // MARK: Choosing a message

  /// Going down from the newest ends the choice, going up from the oldest asks for older ones.
  private mutating func selectMessage(_ step: Int) -> [Intent] {
    guard let room = screen.openRoom else { return [] }
    let indices = screen.messages.indices.filter { screen.messages[$0].messageID != nil }
    let place = indices.firstIndex { screen.messages[$0].id == screen.selected } ?? indices.endIndex
    let next = place + step
    guard next >= 0 else { return [.loadOlder(room: room)] }
    guard next < indices.endIndex else { return scrollToEnd() }
    mark(screen.messages[indices[next]].id)
    if MessageCommand(line: screen.input.text) != nil { screen.input.subject = screen.selected }
    return []
  }

  // MARK: Panes and scrolling

  var pageHeight: Int { max(1, ScreenLayout(screen, size: size).body.count - Self.pageOverlap) }

  mutating func scroll(by count: Int) -> [Intent] {
    let layout = ScreenLayout(screen, size: size)
    guard let columns = layout.messages, let room = screen.openRoom else { return [] }
    let messages = MessageLayout(screen, width: columns.count, height: layout.body.count, theme: theme)
    let (scroll, reachedOldest) = messages.scrolled(by: count, height: layout.body.count)
    let cameToEnd = scroll == .end && screen.scroll != .end
    screen.scroll = scroll
    if scroll == .end, screen.hasNewer { return [.loadNewer(room: room)] }
    if cameToEnd { return [.readAll(room: room)] }
    return reachedOldest ? [.loadOlder(room: room)] : []
  }

  mutating func scrollToEnd() -> [Intent] {
    screen.scroll = .end
    screen.selected = nil
    guard let room = screen.openRoom else { return [] }
    return (screen.hasNewer ? [.loadNewest(room: room)] : []) + [.readAll(room: room)]
  }

  private mutating func scrollToUnread() {
    guard let unread = screen.firstUnread else {
      screen.status.error = "nothing in this room is unread"
      return
    }
    scroll(to: unread)
  }

  /// Shows a message of the open room with what surrounds it.
  mutating func scroll(to message: MessageRow.ID) {
    let layout = ScreenLayout(screen, size: size)
    guard let columns = layout.messages else { return }
    screen.scroll = MessageLayout(screen, width: columns.count, height: layout.body.count, theme: theme)
      .scroll(showing: message, height: layout.body.count)
  }

  private mutating func toggleRooms() {
    if size.columns < ScreenLayout.narrowColumns {
      screen.panes.rooms = screen.panes.rooms == .shown ? .automatic : .shown
    } else {
      screen.panes.rooms = screen.panes.rooms == .hidden ? .automatic : .hidden
    }
  }

  mutating func toggleMembers() {
    screen.panes.members = screen.panes.members == .shown ? .hidden : .shown
  }
}
