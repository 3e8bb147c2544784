// CommandWords.swift: how a command's line is cut into words, quoted and escaped.

/// Blanks part words; "..." keeps them, and a backslash takes the next character as it is.
public enum CommandWords {
  /// The word at the end of a line that is being typed.
  struct Open: Equatable {
    /// Those before it, resolved; the command is the first.
    var before: [String]
    /// Clusters of the line before it.
    var start: Int
  }

  /// - Throws: `.openQuote`.
  static func all(in line: Substring) throws(CommandTable.Failure) -> [String] {
    let (words, rest, isQuoted) = split(line)
    if isQuoted { throw .openQuote }
    return words + (rest.map { [$0.text] } ?? [])
  }

  /// The last word, empty behind a blank.
  static func open(in line: String) -> Open {
    let (words, rest, _) = split(line[...])
    return Open(before: words, start: rest?.start ?? line.count)
  }

  /// What a word means: without its quotation marks and backslashes.
  public static func resolved(_ word: String) -> String {
    let (words, rest, _) = split(word[...])
    return words.first ?? rest?.text ?? ""
  }

  /// A word that means `text`.
  /// - Parameter quoted: in quotation marks rather than with backslashes before blanks.
  /// - Parameter isOpen: the mark at the end is left out, for more to come.
  public static func word(for text: String, quoted: Bool = false, isOpen: Bool = false) -> String {
    let escaped = text.map { character in
      character == "\"" || character == "\\" || (!quoted && character.isWhitespace)
        ? "\\\(character)" : String(character)
    }.joined()
    return quoted ? "\"" + escaped + (isOpen ? "" : "\"") : escaped
  }

  private static func split(_ line: Substring) -> (words: [String], rest: (text: String, start: Int)?, isQuoted: Bool) {
    var words: [String] = []
    var word: (text: String, start: Int)?
    var isQuoted = false
    var isEscaped = false
    for (position, character) in line.enumerated() {
      if isEscaped {
        isEscaped = false
      } else if character == "\\" {
        isEscaped = true
        word = word ?? ("", position)
        continue
      } else if character == "\"" {
        isQuoted.toggle()
        word = word ?? ("", position)
        continue
      } else if character.isWhitespace, !isQuoted {
        if let word { words.append(word.text) }
        word = nil
        continue
      }
      word = ((word?.text ?? "") + String(character), word?.start ?? position)
    }
    return (words, word, isQuoted)
  }
}
