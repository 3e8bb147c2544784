// KeyEvent.swift: what the terminal reports: keys, pastes, and its own changes.

/// A key by what it means, without its modifiers.
public enum Key: Hashable, Sendable {
  case character(Character)
  case enter, tab, backspace, delete, insert, escape
  case up, down, left, right, home, end, pageUp, pageDown
  /// F1 is 1.
  case function(Int)
}

/// Keys held while another one is pressed. Terminals tell them of few keys only.
public struct KeyModifiers: OptionSet, Hashable, Sendable {
  /// As xterm counts them: shift 1, alt 2, control 4.
  public let rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Never set for a letter: it carries its case.
  public static let shift = KeyModifiers(rawValue: 1)
  /// Alt, or Esc before the key: terminals send the same for both.
  public static let alt = KeyModifiers(rawValue: 2)
  /// Control, which terminals send with letters and some signs only.
  public static let control = KeyModifiers(rawValue: 4)
}

/// A key with its modifiers. Letters carry their own case and no `.shift`; control letters are lower case.
public struct KeyStroke: Hashable, Sendable {
  /// The key itself.
  public var key: Key
  /// What was held with it.
  public var modifiers: KeyModifiers

  public init(_ key: Key, _ modifiers: KeyModifiers = []) {
    self.key = key
    self.modifiers = modifiers
  }

  /// A character without modifiers.
  public static func character(_ character: Character) -> KeyStroke { KeyStroke(.character(character)) }
  /// Control and a lower-case letter, as `.control("c")`.
  public static func control(_ character: Character) -> KeyStroke { KeyStroke(.character(character), .control) }
  /// Alt and a character.
  public static func alt(_ character: Character) -> KeyStroke { KeyStroke(.character(character), .alt) }
  /// Alt and a key that is no character.
  public static func alt(_ key: Key) -> KeyStroke { KeyStroke(key, .alt) }
}

/// Something the terminal or the system tells the program.
public enum KeyEvent: Hashable, Sendable {
  case stroke(KeyStroke)
  /// A bracketed paste, as it came.
  case paste(String)
  case mouse(MouseEvent)
  /// The terminal's window got the keyboard, or lost it; not every terminal tells.
  case focus(Bool)
  /// The terminal told the colour of its background.
  case background(TerminalBackground)
  case resize(ScreenSize)
  /// Another process asked to stop this one (SIGTSTP).
  case suspend
  /// The process runs again (SIGCONT): the screen may hold anything.
  case resumed
  /// SIGTERM, SIGHUP or SIGINT came, or the terminal is gone.
  case terminate

  /// A stroke in short.
  public static func key(_ key: Key, _ modifiers: KeyModifiers = []) -> KeyEvent { .stroke(KeyStroke(key, modifiers)) }
}

/// A press of the left button, or a step of the wheel.
public struct MouseEvent: Hashable, Sendable {
  /// What the button or wheel did; releases and other buttons are not reported.
  public enum Kind: Hashable, Sendable { case press, wheelUp, wheelDown }

  /// Press or wheel.
  public var kind: Kind
  /// From 0, at the left and at the top.
  public var column: Int
  /// From 0, at the top.
  public var row: Int

  public init(_ kind: Kind, column: Int, row: Int) {
    self.kind = kind
    self.column = column
    self.row = row
  }
}
