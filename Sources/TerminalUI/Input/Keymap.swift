// Keymap.swift: which key does what.

/// What a key does in the user interface.
public enum Action: Hashable, Sendable {
  case edit(InputLine.Edit)
  case submit
  case complete, completeBackwards
  case openNextRoom, openPreviousRoom
  /// 0 is the first.
  case openRoom(index: Int)
  /// The room whose number is typed next.
  case openRoomByNumber
  /// The next room with unread messages: mentions and direct messages first, then the longest waiting.
  case openNextUnread
  case scrollPageUp, scrollPageDown, scrollLineUp, scrollLineDown, scrollToEnd
  /// To the line above which everything was read.
  case scrollToUnread
  /// Chooses the message that /reply, /react, /edit, /retract and /forward are about.
  case selectPreviousMessage, selectNextMessage
  /// Up and down: an own message to edit on an empty line, else lines of the text and those entered before.
  case upOrEdit, downOrEdit
  /// The newest own message that can be edited.
  case editLast
  /// The line in the user's own editor.
  case openEditor
  /// Ends an answer, an edit, and the choice of a message.
  case cancel
  case toggleRooms, toggleMembers
  case openSwitcher
  /// In the open room.
  case search
  case searchEverywhere
  /// A line as typed, "/members".
  case run(String)
  /// "/reply ", put before what is in the line.
  case begin(String)
  case clearOrHint
  /// Deletes to the line's end, or opens the switcher when there is nothing to delete.
  case killOrSwitcher
  /// Deletes the next character, or quits when the line is empty.
  case deleteOrQuit
  /// Shows the messages without panes, for the terminal's own selection.
  case showBare
  case redraw, suspend
}

/// Which key does what; keys without an entry insert their character.
public struct Keymap: Hashable, Sendable {
  /// One action a key.
  public var bindings: [KeyStroke: Action]
  /// One action for two keys after one another, by the first; a first key that is bound by itself does that.
  public var chords: [KeyStroke: [KeyStroke: Action]]

  /// - Parameter chords: none, unless given.
  public init(bindings: [KeyStroke: Action], chords: [KeyStroke: [KeyStroke: Action]] = [:]) {
    (self.bindings, self.chords) = (bindings, chords)
  }

  /// The bound action; a character without one is inserted.
  public func action(for stroke: KeyStroke) -> Action? {
    if let action = bindings[stroke] { return action }
    if case .character(let character) = stroke.key, stroke.modifiers.isEmpty { return .edit(.insert(character)) }
    return nil
  }

  /// What is bound without a configuration: Emacs's keys in the input line, and arrows.
  public static let standard: Keymap = {
    var bindings: [KeyStroke: Action] = [
      KeyStroke(.enter): .submit,
      KeyStroke(.enter, .alt): .edit(.insert("\n")),
      .control("j"): .edit(.insert("\n")),
      KeyStroke(.tab): .complete,
      KeyStroke(.tab, .shift): .completeBackwards,
      KeyStroke(.backspace): .edit(.deleteBackward),
      KeyStroke(.backspace, .alt): .edit(.killWordBackward),
      KeyStroke(.delete): .edit(.deleteForward),
      KeyStroke(.left): .edit(.backwardCharacter),
      KeyStroke(.right): .edit(.forwardCharacter),
      KeyStroke(.left, .control): .edit(.backwardWord),
      KeyStroke(.right, .control): .edit(.forwardWord),
      KeyStroke(.left, .alt): .edit(.backwardWord),
      KeyStroke(.right, .alt): .edit(.forwardWord),
      KeyStroke(.home): .edit(.beginningOfLine),
      KeyStroke(.end): .edit(.endOfLine),
      KeyStroke(.up): .upOrEdit,
      KeyStroke(.down): .downOrEdit,
      KeyStroke(.up, .control): .edit(.older),
      KeyStroke(.down, .control): .edit(.newer),
      KeyStroke(.escape): .cancel,
      .control("_"): .edit(.undo),
      .alt("_"): .edit(.redo),
      .control("a"): .edit(.beginningOfLine),
      .control("e"): .edit(.endOfLine),
      .control("b"): .edit(.backwardCharacter),
      .control("f"): .edit(.forwardCharacter),
      .control("p"): .edit(.older),
      .control("n"): .edit(.newer),
      .control("u"): .edit(.killToBeginning),
      .control("w"): .edit(.killWordBackward),
      .control("y"): .edit(.yank),
      .alt("b"): .edit(.backwardWord),
      .alt("f"): .edit(.forwardWord),
      .alt("d"): .edit(.killWordForward),
      .control("k"): .killOrSwitcher,
      .control("d"): .deleteOrQuit,
      .control("c"): .clearOrHint,
      .alt("k"): .openSwitcher,
      KeyStroke(.pageUp): .scrollPageUp,
      KeyStroke(.pageDown): .scrollPageDown,
      KeyStroke(.pageUp, .alt): .scrollLineUp,
      KeyStroke(.pageDown, .alt): .scrollLineDown,
      KeyStroke(.end, .alt): .scrollToEnd,
      KeyStroke(.end, .control): .scrollToEnd,
      .alt("u"): .scrollToUnread,
      .control("s"): .search,
      KeyStroke(.function(3)): .search,
      .alt("s"): .searchEverywhere,
      KeyStroke(.function(4)): .searchEverywhere,
      .control("t"): .edit(.transpose),
      KeyStroke(.up, .alt): .openPreviousRoom,
      KeyStroke(.down, .alt): .openNextRoom,
      .alt("a"): .openNextUnread,
      .alt("j"): .openRoomByNumber,
      .alt("r"): .begin("/reply "),
      .alt("e"): .begin("/react "),
      .alt("o"): .run("/save"),
      .alt("i"): .run("/info"),
      .alt("v"): .run("/view"),
      .alt("p"): .selectPreviousMessage,
      .alt("n"): .selectNextMessage,
      KeyStroke(.function(7)): .toggleRooms,
      KeyStroke(.function(8)): .toggleMembers,
      .alt("l"): .showBare,
      .control("l"): .redraw,
      .control("z"): .suspend,
    ]
    for index in 0..<10 {
      bindings[.alt(Character(String((index + 1) % 10)))] = .openRoom(index: index)
    }
    return Keymap(
      bindings: bindings,
      chords: [.control("x"): [.control("e"): .openEditor, .control("u"): .edit(.undo)]])
  }()

  /// The keys worth telling, for /help, as they are bound now.
  public var help: [String] {
    let lines: [(String, [Action])] = [
      ("sends", [.submit]), ("starts a new line", [.edit(.insert("\n"))]),
      ("completes commands, names, addresses and files", [.complete]),
      ("goes to the next room with unread messages, those that mention you first", [.openNextUnread]),
      ("opens the room above or below in the list", [.openPreviousRoom, .openNextRoom]),
      ("opens the room of that number", [.openRoom(index: 0)]),
      ("and two digits open the room of that number", [.openRoomByNumber]),
      ("finds a room by a part of its name", [.openSwitcher]),
      ("searches this room", [.search]), ("searches all rooms", [.searchEverywhere]),
      ("scrolls", [.scrollPageUp, .scrollPageDown]), ("goes to the newest message", [.scrollToEnd]),
      ("goes to the first unread message", [.scrollToUnread]),
      (
        "chooses the message for /reply, /react, /edit, /retract, /forward",
        [.selectPreviousMessage, .selectNextMessage]
      ),
      ("edits your last message, on an empty line", [.upOrEdit]),
      ("brings back what was entered before", [.edit(.older), .edit(.newer)]),
      ("ends an answer, an edit, the choice of a message", [.cancel]),
      ("takes a change of the line back, or makes it again", [.edit(.undo), .edit(.redo)]),
      ("answers or reacts to it, or to the newest of others", [.begin("/reply "), .begin("/react ")]),
      ("shows a long message whole", [.run("/view")]),
      ("opens the line in your editor ($VISUAL, $EDITOR)", [.openEditor]),
      ("tells who has it, and its device", [.run("/info")]), ("saves the newest file", [.run("/save")]),
      ("shows or hides the rooms, the members", [.toggleRooms, .toggleMembers]),
      ("clears the line", [.clearOrHint]), ("leaves, on an empty line", [.deleteOrQuit]),
      ("shows the messages alone, for the terminal's own selection", [.showBare]),
      ("draws the screen again", [.redraw]), ("goes back to the shell until fg", [.suspend]),
    ]
    return lines.compactMap { text, actions in
      let keys = actions.compactMap { action in
        names(of: action).min { ($0.count, $0) < ($1.count, $1) }
      }
      return keys.isEmpty ? nil : keys.joined(separator: ", ") + " " + text
    }
  }

  private func names(of action: Action) -> [String] {
    bindings.filter { $0.value == action }.keys.map(\.name)
      + chords.flatMap { first, keys in
        keys.filter { $0.value == action && bindings[first] == nil }.keys.map { first.name + " " + $0.name }
      }
  }
}
