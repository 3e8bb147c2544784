// EmojiWidths.swift: how wide a terminal draws emoji of several scalars (UTS #51), asked of it by CPR (ECMA-48, DSR 6).
import Synchronization

/// Terminals disagree: tmux 3.3 gives a skin tone two columns of its own and joins families into two.
struct EmojiWidths: OptionSet, Hashable, Sendable {
  let rawValue: UInt8

  /// What ZWJ joins is as wide as its first part.
  static let joins = EmojiWidths(rawValue: 1)
  /// The selector of emoji presentation makes narrow signs wide.
  static let selectorWidens = EmojiWidths(rawValue: 2)
  /// A skin tone stands behind its emoji.
  static let tonesApart = EmojiWidths(rawValue: 4)
  private static let narrowKeycap = EmojiWidths(rawValue: 8)
  private static let wideFlag = EmojiWidths(rawValue: 16)
  private static let narrowFlag = EmojiWidths(rawValue: 32)

  /// What newer terminals do, and what is taken for granted before the terminal has answered: two columns each.
  static let standard: EmojiWidths = [.joins, .selectorWidens]

  var keycap: Int { contains(.narrowKeycap) ? 1 : 2 }
  var flag: Int { contains(.wideFlag) ? 4 : contains(.narrowFlag) ? 1 : 2 }

  // Of the process's terminal: there is one.
  private static let current = Atomic<UInt8>(standard.rawValue)

  static var measured: EmojiWidths {
    get { EmojiWidths(rawValue: current.load(ordering: .relaxed)) }
    set { current.store(newValue.rawValue, ordering: .relaxed) }
  }

  /// Asks a terminal: what is written at the row's beginning, and where the cursor is then.
  struct Question {
    /// The second row: of the first one, an answer looks like F3 with modifiers.
    static let row = 2
    static let samples = ["👍", "👍🏽", "👨‍👩‍👧", "🇩🇪", "1️⃣", "❤️"]

    /// Cursor and line wrap are as before when all is sent.
    static var text: String {
      "\u{1B}7\u{1B}[?7l" + samples.map { "\u{1B}[\(row);1H\($0)\u{1B}[6n" }.joined() + "\u{1B}[?7h\u{1B}8"
    }

    private var widths: [Int] = []
    /// The screen is to be drawn anew.
    var hasChanged = false

    /// - Parameter column: of the answer, from 1.
    /// - Returns: when it was the last one: what the terminal does; nil where it knows no emoji.
    mutating func answered(column: Int) -> EmojiWidths? {
      guard widths.count < Self.samples.count else { return nil }
      widths.append(column - 1)
      guard widths.count == Self.samples.count, widths[0] == 2 else { return nil }
      var found: EmojiWidths = []
      if widths[1] >= 4 { found.insert(.tonesApart) }
      if widths[2] == 2 { found.insert(.joins) }
      if widths[3] == 4 { found.insert(.wideFlag) } else if widths[3] == 1 { found.insert(.narrowFlag) }
      if widths[4] == 1 { found.insert(.narrowKeycap) }
      if widths[5] == 2 { found.insert(.selectorWidens) }
      return found
    }
  }
}
