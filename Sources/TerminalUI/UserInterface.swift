// UserInterface.swift: key events in, changed screen and intents out.

/// The user interface as a value: no terminal, no network. The program changes `screen` when something happens and
/// hands every key event to `handle`; after either it draws `grid`.
public struct UserInterface: Sendable {
  /// Lines of the last page that stay visible after paging.
  static let pageOverlap = 2

  public var screen: ScreenState
  public var size: ScreenSize
  public var theme: Theme
  public var keymap: Keymap
  public var commands: CommandTable
  /// More words for Tab, as known addresses; members, rooms and commands are offered anyway.
  public var completionWords: [String] = []
  /// Completes the argument of a command, as a path for /file; called before the common candidates.
  public var completeArgument: (@Sendable (_ command: String, _ word: String) -> [String])?

  /// Input lines of the rooms that are not open.
  private var inputs: [RoomRow.ID: InputLine] = [:]

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

  public var grid: CellGrid { draw(screen, size: size, theme: theme) }

  /// True when the newest message is on the screen: what arrives now is seen.
  public var showsNewest: Bool { screen.scroll == .end && ScreenLayout(screen, size: size).messages != nil }

  /// Shows another room; each room keeps its own input line.
  public mutating func open(
    _ room: RoomRow.ID, header: RoomHeader, messages: [MessageRow], members: [MemberRow] = [],
    firstUnread: MessageRow.ID? = nil
  ) {
    if screen.openRoom != room {
      if let previous = screen.openRoom { inputs[previous] = screen.input }
      screen.input = inputs.removeValue(forKey: room) ?? (screen.openRoom == nil ? screen.input : InputLine())
      screen.scroll = .end
      screen.status.typing = []
    }
    screen.openRoom = room
    screen.header = header
    screen.messages = messages
    screen.members = members
    screen.firstUnread = firstUnread
  }

  /// Closes the open room, as after leaving it.
  public mutating func closeRoom() {
    guard let room = screen.openRoom else { return }
    inputs[room] = nil
    screen.input = InputLine()
    screen.openRoom = nil
    screen.header = RoomHeader()
    screen.messages = []
    screen.members = []
    screen.firstUnread = nil
    screen.scroll = .end
    screen.status.typing = []
  }

  public mutating func handle(_ event: KeyEvent) -> [Intent] {
    switch event {
    case .resize(let newSize):
      size = newSize
      return []
    case .suspend: return [.suspend]
    case .resumed: return [.redraw]
    case .terminate: return [.quit]
    case .paste(let text):
      if screen.switcher != nil {
        screen.switcher?.query += DisplayText.line(text)
        return []
      }
      return edit(.paste(text))
    case .stroke(let stroke):
      screen.status.error = nil
      if screen.switcher != nil { return handleInSwitcher(stroke) }
      guard let action = keymap.action(for: stroke) else { return [] }
      return perform(action)
    }
  }

  public mutating func perform(_ action: Action) -> [Intent] {
    switch action {
    case .edit(let change): return edit(change)
    case .submit: return submit()
    case .complete: return complete(backwards: false)
    case .completeBackwards: return complete(backwards: true)
    case .openNextRoom: return openRoom(offset: 1)
    case .openPreviousRoom: return openRoom(offset: -1)
    case .openRoom(let index): return screen.rooms.indices.contains(index) ? openRoom(screen.rooms[index]) : []
    case .openNextUnread: return openNextUnread()
    case .scrollPageUp: return scroll(by: -pageHeight)
    case .scrollPageDown: return scroll(by: pageHeight)
    case .scrollLineUp: return scroll(by: -1)
    case .scrollLineDown: return scroll(by: 1)
    case .scrollToEnd: screen.scroll = .end
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
    case .redraw: return [.redraw]
    case .suspend: return [.suspend]
    }
    return []
  }

  // MARK: Input

  private mutating func edit(_ change: InputLine.Edit) -> [Intent] {
    let before = screen.input.text
    screen.input.apply(change)
    return composing(before: before)
  }

  private func composing(before: String) -> [Intent] {
    guard let room = screen.openRoom, screen.input.text != before else { return [] }
    let isMessage = Self.isMessage(screen.input.text)
    guard isMessage || Self.isMessage(before) else { return [] }
    return [.composing(isMessage, room: room)]
  }

  private static func isMessage(_ text: String) -> Bool {
    !text.isEmpty && (!text.hasPrefix("/") || text.hasPrefix("//"))
  }

  private mutating func submit() -> [Intent] {
    guard screen.input.text.contains(where: { !$0.isWhitespace }) else { return [] }
    do throws(CommandTable.Failure) {
      switch try commands.parse(screen.input.text) {
      case .message(let text):
        guard let room = screen.openRoom else {
          screen.status.error = "no room is open: /join ROOM or Alt-1"
          return []
        }
        _ = screen.input.submit()
        screen.scroll = .end
        return [.sendMessage(text, room: room)]
      case .command(let call):
        _ = screen.input.submit()
        return run(call)
      }
    } catch {
      screen.status.error = error.description
      return []
    }
  }

  private mutating func run(_ call: CommandCall) -> [Intent] {
    switch call.name {
    case "quit": return [.quit]
    case "members":
      toggleMembers()
      return []
    default: return [.command(call)]
    }
  }

  private mutating func complete(backwards: Bool) -> [Intent] {
    let before = screen.input.text
    let completer = Completer(screen: screen, commands: commands, words: completionWords, argument: completeArgument)
    screen.input.complete(backwards: backwards, candidates: completer.candidates)
    return composing(before: before)
  }

  // MARK: Rooms

  private func openRoom(_ room: RoomRow) -> [Intent] { room.id == screen.openRoom ? [] : [.openRoom(room.id)] }

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

  private mutating func handleInSwitcher(_ stroke: KeyStroke) -> [Intent] {
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

  // MARK: Panes and scrolling

  private var pageHeight: Int { max(1, ScreenLayout(screen, size: size).body.count - Self.pageOverlap) }

  private mutating func scroll(by count: Int) -> [Intent] {
    let layout = ScreenLayout(screen, size: size)
    guard let columns = layout.messages, let room = screen.openRoom else { return [] }
    let messages = MessageLayout(screen, width: columns.count, theme: theme)
    let (scroll, reachedOldest) = messages.scrolled(by: count, height: layout.body.count)
    screen.scroll = scroll
    return reachedOldest ? [.loadOlder(room: room)] : []
  }

  private mutating func toggleRooms() {
    if size.columns < ScreenLayout.narrowColumns {
      screen.panes.rooms = screen.panes.rooms == .shown ? .automatic : .shown
    } else {
      screen.panes.rooms = screen.panes.rooms == .hidden ? .automatic : .hidden
    }
  }

  private mutating func toggleMembers() {
    screen.panes.members = screen.panes.members == .shown ? .hidden : .shown
  }
}
