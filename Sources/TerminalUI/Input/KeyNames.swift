// KeyNames.swift: keys and actions by the names that the configuration gives them.

extension KeyStroke {
  private static let names: [String: Key] = [
    "enter": .enter, "tab": .tab, "backspace": .backspace, "delete": .delete, "insert": .insert, "escape": .escape,
    "up": .up, "down": .down, "left": .left, "right": .right, "home": .home, "end": .end, "pageup": .pageUp,
    "pagedown": .pageDown, "space": .character(" "),
  ]

  /// "ctrl-x", "alt-shift-left", "f7", "pageup"; nil when there is no such key.
  public init?(named name: String) {
    var modifiers: KeyModifiers = []
    var rest = name[...]
    let prefixes: [(String, KeyModifiers)] = [("ctrl-", .control), ("alt-", .alt), ("shift-", .shift)]
    while let (prefix, modifier) = prefixes.first(where: {
      rest.lowercased().hasPrefix($0.0) && rest.count > $0.0.count
    }) {
      modifiers.insert(modifier)
      rest = rest.dropFirst(prefix.count)
    }
    let lower = rest.lowercased()
    if let key = Self.names[lower] {
      self.init(key, modifiers)
    } else if lower.hasPrefix("f"), let number = Int(lower.dropFirst()), (1...24).contains(number) {
      self.init(.function(number), modifiers)
    } else if rest.count == 1, let character = modifiers.contains(.control) ? lower.first : rest.first,
      !modifiers.contains(.shift)
    {
      self.init(.character(character), modifiers)
    } else {
      return nil
    }
  }

  /// As `init(named:)` reads it.
  public var name: String {
    let modifierNames: [(KeyModifiers, String)] = [(.control, "ctrl-"), (.alt, "alt-"), (.shift, "shift-")]
    let prefix = modifierNames.filter { modifiers.contains($0.0) }.map(\.1).joined()
    switch key {
    case .function(let number): return prefix + "f\(number)"
    case .character(let character) where character != " ": return prefix + String(character)
    default: return prefix + (Self.names.first { $0.value == key }?.key ?? "")
    }
  }
}

extension Action {
  /// What can be bound, by name.
  public static let named: [String: Action] = [
    "submit": .submit, "newline": .edit(.insert("\n")), "complete": .complete,
    "complete-backwards": .completeBackwards, "next-room": .openNextRoom, "room-by-number": .openRoomByNumber,
    "previous-room": .openPreviousRoom,
    "next-unread": .openNextUnread, "page-up": .scrollPageUp, "page-down": .scrollPageDown, "line-up": .scrollLineUp,
    "line-down": .scrollLineDown, "newest": .scrollToEnd, "first-unread": .scrollToUnread,
    "previous-message": .selectPreviousMessage, "next-message": .selectNextMessage, "rooms": .toggleRooms,
    "reply": .begin("/reply "), "react": .begin("/react "),
    "members": .toggleMembers, "switcher": .openSwitcher, "search": .search, "search-everywhere": .searchEverywhere,
    "clear": .clearOrHint, "kill-or-switcher": .killOrSwitcher, "delete-or-quit": .deleteOrQuit, "redraw": .redraw,
    "bare": .showBare,
    "suspend": .suspend, "backward-char": .edit(.backwardCharacter), "forward-char": .edit(.forwardCharacter),
    "backward-word": .edit(.backwardWord), "forward-word": .edit(.forwardWord),
    "beginning-of-line": .edit(.beginningOfLine), "end-of-line": .edit(.endOfLine),
    "delete-backward": .edit(.deleteBackward), "delete-forward": .edit(.deleteForward),
    "kill-line": .edit(.killToEnd), "kill-to-beginning": .edit(.killToBeginning),
    "kill-word": .edit(.killWordForward), "kill-word-backward": .edit(.killWordBackward), "yank": .edit(.yank),
    "transpose": .edit(.transpose), "history-up": .edit(.older), "history-down": .edit(.newer),
    "cursor-up": .edit(.up), "cursor-down": .edit(.down), "up-or-edit": .upOrEdit, "down-or-edit": .downOrEdit,
    "edit-last": .editLast, "editor": .openEditor, "cancel": .cancel, "undo": .edit(.undo), "redo": .edit(.redo),
  ]
}

extension Keymap {
  /// Why a binding of the configuration is refused.
  public enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
    case unknownKey(String)
    case unknownAction(String)

    public var description: String {
      switch self {
      case .unknownKey(let name):
        "'\(name)' is no key: write ctrl-x, alt-x, f5, pageup, alt-enter, a character, or two of them as ctrl-x ctrl-e"
      case .unknownAction(let name):
        "'\(name)' is no action: write a /command, none, room-1 to room-10, or one of "
          + Action.named.keys.sorted().joined(separator: ", ")
      }
    }
  }

  /// Binds a key, or two in turn ("ctrl-x ctrl-e"), as the configuration says: to an action's name, a "/command line", or
  /// "none".
  public mutating func bind(_ key: String, to action: String) throws(Failure) {
    var strokes: [KeyStroke] = []
    for name in key.split(separator: " ") {
      guard let stroke = KeyStroke(named: String(name)) else { throw .unknownKey(key) }
      strokes.append(stroke)
    }
    let bound = try Self.action(named: action)
    switch strokes.count {
    case 1: bindings[strokes[0]] = bound
    case 2: chords[strokes[0], default: [:]][strokes[1]] = bound
    default: throw .unknownKey(key)
    }
  }

  /// nil for "none".
  private static func action(named name: String) throws(Failure) -> Action? {
    if name == "none" { return nil }
    if name.hasPrefix("/"), name.count > 1 { return .run(name) }
    if name.hasPrefix("room-"), let number = Int(name.dropFirst(5)), (1...10).contains(number) {
      return .openRoom(index: number - 1)
    }
    guard let known = Action.named[name] else { throw .unknownAction(name) }
    return known
  }
}
