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
    // Where a link leads is printable ASCII, and its pieces on wrapped lines are the link.
    FuzzTarget("web-link", seeds: text(["see (https://a.example/b_(c)?d=é#e). http://[::1]/", "https://日本.example/、"]))
    {
      data in
      let text = DisplayText.lines(String(decoding: data, as: UTF8.self))
      return WebLink.all(in: text).allSatisfy { link in
        link.target.utf8.allSatisfy { (0x21..<0x7F).contains($0) } && link.target.utf8.count <= WebLink.maximumLength
      }
    },
    FuzzTarget(
      "picture-header",
      seeds: {
        let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A, 0, 0, 0, 13] + Array("IHDR".utf8)
        let exif =
          Array("Exif\0\0MM".utf8) + [0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0]
        let jpeg: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE1, 0, UInt8(exif.count + 2)] + exif
        return [
          png + [0, 0, 2, 0, 0, 0, 1, 0], jpeg + [0xFF, 0xC0, 0, 11, 8, 0, 9, 0, 7, 1, 1, 0x11, 0],
          Array("GIF89a".utf8) + [1, 0, 1, 0], Array("RIFF____WEBPVP8X".utf8) + Array(repeating: 0, count: 14),
        ].map { Data($0) }
      }
    ) { data in
      guard let header = PictureHeader(data) else { return true }
      return header.width > 0 && header.height > 0
    },
    // Whatever a decoder prints, the terminal gets pictures or nothing: no other sequence, no answer is asked for.
    FuzzTarget(
      "picture-sequences",
      seeds: text([
        "x\u{1B}_Ga=T,f=32,s=2,v=1,m=1\u{1B}\\\u{1B}_Gm=0;/wAA\u{1B}\\\n",
        "\u{1B}P0;1q\"1;1;6;6#0;2;0;0;99~~$-!6?\u{1B}\\",
      ])
    ) { data in
      let kitty = PictureSequences(data, .kitty)?.bytes ?? []
      let sixel = PictureSequences(data, .sixel)?.bytes ?? []
      return [kitty, sixel].allSatisfy { bytes in
        bytes.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x1B || $0 == 0x0A }
          && bytes.indices.allSatisfy { index in
            bytes[index] != 0x1B || (index + 1 < bytes.count && "_P\\".utf8.contains(bytes[index + 1]))
          }
      }
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
