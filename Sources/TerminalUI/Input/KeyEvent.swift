// KeyEvent.swift: what the terminal reports: keys, pastes, and its own changes.

public enum Key: Hashable, Sendable {
  case character(Character)
  case enter, tab, backspace, delete, insert, escape
  case up, down, left, right, home, end, pageUp, pageDown
  /// F1 is 1.
  case function(Int)
}

public struct KeyModifiers: OptionSet, Hashable, Sendable {
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static let shift = KeyModifiers(rawValue: 1)
  public static let alt = KeyModifiers(rawValue: 2)
  public static let control = KeyModifiers(rawValue: 4)
}

/// A key with its modifiers. Letters carry their own case and no `.shift`; control letters are lower case.
public struct KeyStroke: Hashable, Sendable {
  public var key: Key
  public var modifiers: KeyModifiers

  public init(_ key: Key, _ modifiers: KeyModifiers = []) {
    self.key = key
    self.modifiers = modifiers
  }

  public static func character(_ character: Character) -> KeyStroke { KeyStroke(.character(character)) }
  public static func control(_ character: Character) -> KeyStroke { KeyStroke(.character(character), .control) }
  public static func alt(_ character: Character) -> KeyStroke { KeyStroke(.character(character), .alt) }
  public static func alt(_ key: Key) -> KeyStroke { KeyStroke(key, .alt) }
}

public enum KeyEvent: Hashable, Sendable {
  case stroke(KeyStroke)
  /// A bracketed paste, as it came.
  case paste(String)
  case mouse(MouseEvent)
  /// The terminal's window got the keyboard, or lost it; not every terminal tells.
  case focus(Bool)
  case resize(ScreenSize)
  /// Another process asked to stop this one (SIGTSTP).
  case suspend
  /// The process runs again (SIGCONT): the screen may hold anything.
  case resumed
  /// SIGTERM, SIGHUP or SIGINT came, or the terminal is gone.
  case terminate

  public static func key(_ key: Key, _ modifiers: KeyModifiers = []) -> KeyEvent { .stroke(KeyStroke(key, modifiers)) }
}

/// A press of the left button, or a step of the wheel.
public struct MouseEvent: Hashable, Sendable {
  public enum Kind: Hashable, Sendable { case press, wheelUp, wheelDown }

  public var kind: Kind
  /// From 0, at the left and at the top.
  public var column: Int
  public var row: Int

  public init(_ kind: Kind, column: Int, row: Int) {
    self.kind = kind
    self.column = column
    self.row = row
  }
}
