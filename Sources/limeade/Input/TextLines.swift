// TextLines.swift: the lines of files and of what programs print, whatever system they are from (LF or CR LF).
import Foundation

enum TextLines {
  /// In Swift CR LF is one character, which is no "\n".
  static func all(of text: String) -> [String] {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      String(line.last == "\r" ? line.dropLast() : line)
    }
  }

  static func withoutLastEnd(_ text: String) -> String {
    guard text.unicodeScalars.last == "\n" else { return text }
    return String(text.dropLast())
  }
}
