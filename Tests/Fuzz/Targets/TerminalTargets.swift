// TerminalTargets.swift: bytes from a terminal, and texts from others on their way to one
import Foundation
import TerminalUI

extension FuzzTarget {
  static let terminal: [FuzzTarget] = [
    // A terminal's bytes come in pieces of any size: the keys are the same.
    FuzzTarget(
      "key-decoder",
      seeds: text(["a\u{1B}[A\u{1B}[1;5C\u{1B}OP\u{1B}x日\u{7F}\r", "\u{1B}[200~paste\n\u{1B}[20\u{1B}[201~\u{1B}[3~"])
    ) { data in
      var whole = KeyDecoder()
      var pieces = KeyDecoder()
      let expected = whole.decode(data) + whole.flush()
      let found = data.flatMap { pieces.decode([$0]) } + pieces.flush()
      return found == expected
    },
    // No control character, escape sequence or change of direction gets to the screen.
    FuzzTarget(
      "display-text", seeds: text(["hi \u{1B}[31mred\u{202E}evil\u{0}\r\nnext\tline é日👨‍👩‍👧", "a\u{85}b\u{2028}c"])
    ) { data in
      let text = String(decoding: data, as: UTF8.self)
      let lines = DisplayText.lines(text)
      return isHarmless(DisplayText.line(text)) && isHarmless(DisplayText.joinedLines(text))
        && lines.split(separator: "\n").allSatisfy { isHarmless(String($0)) } && DisplayText.lines(lines) == lines
    },
  ]

  private static func isHarmless(_ text: String) -> Bool {
    text.unicodeScalars.allSatisfy { scalar in
      switch scalar.value {
      case 0x00..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x200E, 0x200F, 0x061C, 0x202A...0x202E, 0x2066...0x2069: false
      default: true
      }
    }
  }
}
