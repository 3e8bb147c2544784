// FoundWords.swift: where the words of a search stand in a text that was found.
import Foundation

/// Words find the beginnings of words, those in quotes stand together, and what is no word is found as it is; case and
/// accents do not matter.
struct FoundWords {
  private static let options: String.CompareOptions = [.caseInsensitive, .diacriticInsensitive, .widthInsensitive]
  /// Places of one text that are looked for.
  private static let maximumPlaces = 64

  private var words: [String] = []

  init(_ query: String) {
    for (number, part) in query.split(separator: "\"", omittingEmptySubsequences: false).enumerated() {
      // Every second part stands between quotation marks.
      words += number.isMultiple(of: 2) ? part.split(whereSeparator: \.isWhitespace).map(String.init) : [String(part)]
    }
    words.removeAll { !$0.contains { !$0.isWhitespace } }
  }

  /// In order, without overlaps.
  func ranges(in text: String) -> [Range<String.Index>] {
    var found: [Range<String.Index>] = []
    for word in words {
      var rest = text.startIndex..<text.endIndex
      while found.count < Self.maximumPlaces, let range = text.range(of: word, options: Self.options, range: rest) {
        if isBeginning(range, of: word, in: text) { found.append(text.rangeOfComposedCharacterSequences(for: range)) }
        rest = max(range.upperBound, text.index(after: range.lowerBound))..<text.endIndex
      }
    }
    var ranges: [Range<String.Index>] = []
    for range in found.sorted(by: { ($0.lowerBound, $1.upperBound) < ($1.lowerBound, $0.upperBound) })
    where range.lowerBound >= ranges.last?.upperBound ?? text.startIndex {
      ranges.append(range)
    }
    return ranges
  }

  /// What is of another script than these has no beginnings.
  private func isBeginning(_ range: Range<String.Index>, of word: String, in text: String) -> Bool {
    guard range.lowerBound > text.startIndex, let first = word.first, isOfWords(first) else { return true }
    return !isOfWords(text[text.index(before: range.lowerBound)])
  }

  private func isOfWords(_ character: Character) -> Bool {
    (character.isLetter || character.isNumber) && character.unicodeScalars.allSatisfy { $0.value < 0x0E00 }
  }

  /// One line of at most `width` columns with the first of the words in it; `found` is how these look.
  func pieces(of text: String, width: Int, style: Style, found: Style) -> [StyledText] {
    var text = text
    if let first = ranges(in: text).first {
      let before = ClusterWidth.columns(of: String(text[..<first.lowerBound]))
      if before + ClusterWidth.columns(of: String(text[first])) > width {
        // A third of the line is left to what stands before it.
        var cut = first.lowerBound
        var room = width / 3
        while cut > text.startIndex, room > 1 {
          cut = text.index(before: cut)
          room -= ClusterWidth.columns(of: text[cut])
        }
        text = "…" + text[cut...]
      }
    }
    text = text.clipped(to: width)
    var pieces: [StyledText] = []
    var place = text.startIndex
    for range in ranges(in: text) {
      pieces.append(StyledText(text: String(text[place..<range.lowerBound]), style: style))
      pieces.append(StyledText(text: String(text[range]), style: found))
      place = range.upperBound
    }
    pieces.append(StyledText(text: String(text[place...]), style: style))
    return pieces.filter { !$0.text.isEmpty }
  }
}
