// MessageText.swift: what the text of a message may be (RFC 3862 §3: UTF-8).
import Foundation

/// SQLite's functions and C libraries end a text at a NUL, so that half of a message would be searched and shown: none
/// is sent, and none that came is kept. Other control characters are kept, and made harmless where they are shown.
public enum MessageText {
  private static let replacement: Unicode.Scalar = "\u{FFFD}"

  /// - Throws: `badInput` for a text that nobody could read, or that others would get in part.
  static func check(_ text: String) throws(ChatError) {
    guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace && !isInvisible($0) }) else {
      throw .badInput("there is nothing to send: the text is \(text.isEmpty ? "empty" : "blank")")
    }
    try checkName(text)
  }

  /// The same for what may be blank.
  public static func checkName(_ text: String) throws(ChatError) {
    guard let end = text.unicodeScalars.firstIndex(of: "\0") else { return }
    let line = text[..<end].count(where: \.isNewline) + 1
    throw .badInput("not sent: the text has a NUL (U+0000) in line \(line), where it would end for others; take it out")
  }

  private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format: true
    // The Hangul fillers and the blank braille pattern are letters that show nothing.
    default: [0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0].contains(scalar.value)
    }
  }

  /// What is kept of a text that came.
  static func received(_ text: String) -> String {
    guard text.utf8.contains(0) else { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == "\0" ? replacement : $0 }))
  }
}
