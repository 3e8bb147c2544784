// SearchTerms.swift: what a person types to find messages, as conditions on the database (SQLite FTS5 §3).

/// Every word must occur, in any order, as the beginning of a word of the message; case and accents do not matter.
/// "Words in quotes" must occur together. What the index does not split into words (scripts written without spaces,
/// emoji, punctuation) must occur as it is.
///
/// Whatever the text holds, it reaches FTS5 as quoted strings only, so none of it is an operator or a syntax error.
struct SearchTerms: Equatable {
  /// Characters of the text that are looked at.
  static let maximumLength = 500
  static let maximumTerms = 24

  /// An FTS5 expression; nil when no term is in the index.
  private(set) var match: String?
  /// Patterns for `LIKE … ESCAPE '\'`.
  private(set) var patterns: [String] = []

  init(_ text: String) {
    var terms: [String] = []
    for (word, isPhrase) in Self.words(of: text).prefix(Self.maximumTerms) {
      if Self.isIndexed(word) {
        terms.append("\"" + word.replacing("\"", with: "\"\"") + "\"" + (isPhrase ? "" : "*"))
      }
      if !Self.isExact(word, isPhrase: isPhrase) { patterns.append(Self.pattern(word)) }
    }
    if !terms.isEmpty { match = terms.joined(separator: " AND ") }
  }

  var isEmpty: Bool { match == nil && patterns.isEmpty }

  /// Splits at white space, except between quotation marks; one that is not closed reaches to the end.
  private static func words(of text: String) -> [(word: String, isPhrase: Bool)] {
    var words: [(String, Bool)] = []
    var word = ""
    var isQuoted = false
    func finish() {
      if word.contains(where: { !$0.isWhitespace }) { words.append((word, isQuoted)) }
      word = ""
    }
    // U+0000 would end the text for SQLite.
    for character in text.prefix(maximumLength) where character != "\0" {
      if character == "\"" {
        finish()
        isQuoted.toggle()
      } else if character.isWhitespace, !isQuoted {
        finish()
      } else {
        word.append(character)
      }
    }
    finish()
    return words
  }

  private static func isIndexed(_ word: String) -> Bool {
    word.contains { $0.isLetter || $0.isNumber } && !word.contains(where: isUnspaced)
  }

  /// True when the index alone answers for the word.
  private static func isExact(_ word: String, isPhrase: Bool) -> Bool {
    !word.contains(where: isUnspaced)
      && word.allSatisfy { $0.isLetter || $0.isNumber || (isPhrase && $0.isWhitespace) }
  }

  private static func pattern(_ word: String) -> String {
    "%" + word.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_") + "%"
  }

  /// Of a script without spaces between words: FTS5 takes a whole sentence of it for one word.
  private static func isUnspaced(_ character: Character) -> Bool {
    guard let scalar = character.unicodeScalars.first?.value, scalar >= 0x0E00 else { return false }
    return switch scalar {
    // Thai, Lao, Myanmar, Khmer; kana; Han and its extensions; half-width kana.
    case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1780...0x17FF, 0x3040...0x30FF, 0x31F0...0x31FF, 0x3400...0x4DBF,
      0x4E00...0x9FFF, 0xF900...0xFAFF, 0xFF66...0xFF9F, 0x20000...0x3FFFF:
      true
    default: false
    }
  }
}
