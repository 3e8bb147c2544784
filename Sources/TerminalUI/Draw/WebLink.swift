// WebLink.swift: addresses of pages in a text (RFC 3986, RFC 3987), as people write them among words.

/// An `http` or `https` address in a text that somebody wrote.
public struct WebLink: Hashable, Sendable {
  /// Found in one text at most; more are words like others.
  public static let maximumCount = 64
  /// Bytes of a longer address are words like others; terminals drop those above some 2 kB.
  public static let maximumLength = 2000

  /// As it was written.
  public let text: String
  /// The same in printable ASCII without blanks: all else is percent-encoded UTF-8.
  public let target: String
  /// How many characters that are no blanks stand before it in the text: stays the same however the text is wrapped.
  let start: Int
  /// Characters of `text`.
  let count: Int

  /// The end of its last character, counted as `start`.
  var end: Int { start + count }

  /// All of a text, in their order.
  /// - Parameter text: cleaned by `DisplayText`.
  public static func all(in text: String) -> [WebLink] {
    guard text.utf8.count > 7, text.contains("://") else { return [] }
    var links: [WebLink] = []
    var position = 0
    for word in text.split(whereSeparator: \.isWhitespace) {
      if let link = first(in: word, position: position) {
        links.append(link)
        if links.count == maximumCount { break }
      }
      position += word.count
    }
    return links
  }

  /// A word holds at most one: what follows belongs to it or is punctuation.
  private static func first(in word: Substring, position: Int) -> WebLink? {
    guard let start = beginning(of: word) else { return nil }
    let address = trimmed(word[start...].prefix(while: isPart))
    // A scheme alone leads nowhere.
    let host = address.drop { $0 != "/" }.dropFirst(2)
    guard let first = host.first, first.isLetter || first.isNumber || first == "[",
      address.utf8.count <= maximumLength
    else { return nil }
    let target = encoded(address)
    guard target.utf8.count <= maximumLength else { return nil }
    return WebLink(
      text: String(address), target: target, start: position + word[..<start].count, count: address.count)
  }

  private static func beginning(of word: Substring) -> Substring.Index? {
    var index = word.startIndex
    while index < word.endIndex {
      let rest = word[index...]
      let isAtBoundary = index == word.startIndex || !isWordPart(word[word.index(before: index)])
      if isAtBoundary, ["https://", "http://"].contains(where: { rest.prefix($0.count).lowercased() == $0 }) {
        return index
      }
      index = word.index(after: index)
    }
    return nil
  }

  private static func isWordPart(_ character: Character) -> Bool {
    character.isASCII && (character.isLetter || character.isNumber)
  }

  private static func isPart(_ character: Character) -> Bool {
    !"<>\"`{}|\\^".contains(character) && character != "\u{FFFD}"
  }

  /// Without the punctuation of the sentence around it; a bracket at the end stays where it was opened inside.
  private static func trimmed(_ address: Substring) -> Substring {
    var address = address
    while let last = address.last {
      switch last {
      case ")" where address.filter({ $0 == "(" }).count >= address.filter({ $0 == ")" }).count: return address
      case "]" where address.filter({ $0 == "[" }).count >= address.filter({ $0 == "]" }).count: return address
      case "/", "-", "_", "=", "&", "#", "%", "+", "~", "@", "$": return address
      case _ where last.isPunctuation || last == "'": address.removeLast()
      default: return address
      }
    }
    return address
  }

  private static func encoded(_ address: Substring) -> String {
    var bytes: [UInt8] = []
    let digits = Array("0123456789ABCDEF".utf8)
    for byte in address.utf8 {
      if (0x21..<0x7F).contains(byte) {
        bytes.append(byte)
      } else {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension WebLink {
  /// Cuts a line of a wrapped text where its links begin and end.
  /// - Parameters:
  ///   - line: one of the lines, as wrapping made it.
  ///   - position: characters that are no blanks in the lines before it; moves on by those of this line.
  ///   - links: of the whole text.
  /// - Returns: the line's pieces, each with the link that it is a part of.
  static func pieces(of line: String, position: inout Int, links: [WebLink]) -> [(text: String, link: WebLink?)] {
    guard !links.isEmpty else { return [(line, nil)] }
    var pieces: [(text: String, link: WebLink?)] = []
    for character in line {
      let link: WebLink?
      if character.isWhitespace {
        // No link has a blank inside.
        link = nil
      } else {
        link = links.first { $0.start <= position && position < $0.end }
        position += 1
      }
      if let last = pieces.last, last.link == link {
        pieces[pieces.count - 1].text.append(character)
      } else {
        pieces.append((String(character), link))
      }
    }
    return pieces.isEmpty ? [(line, nil)] : pieces
  }
}
