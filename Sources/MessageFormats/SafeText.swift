// SafeText.swift: text from outside, made fit for a terminal, a log or a file name (UAX #9, ECMA-48)
import Foundation

/// Removes what can drive a terminal or disguise text: C0 and C1 controls (with ESC), DEL, bidirectional controls,
/// line and paragraph separators. Everything else stays as it is, joiners and combining marks included.
public enum SafeText {
  /// For one line: names, subjects, log entries. Tabs and line ends become spaces.
  public static func line(_ text: String) -> String { clean(text, keepsLayout: false) }

  /// For message texts: newline and tab stay, CRLF and CR become newline.
  public static func block(_ text: String) -> String { clean(text, keepsLayout: true) }

  /// Whether the scalar is removed (or replaced) by ``line(_:)``.
  public static func isUnsafe(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x00...0x1F, 0x7F...0x9F: true  // C0 with ESC, DEL, C1 with CSI
    case 0x061C, 0x200E, 0x200F: true  // Arabic letter mark, left-to-right and right-to-left marks
    case 0x202A...0x202E, 0x2066...0x2069: true  // embeddings, overrides, isolates
    case 0x2028, 0x2029: true  // line and paragraph separator
    case 0x206A...0x206F: true  // deprecated format controls
    case 0xFEFF, 0xFFF9...0xFFFB: true  // byte order mark, interlinear annotation
    default: false
    }
  }

  private static func clean(_ text: String, keepsLayout: Bool) -> String {
    guard text.unicodeScalars.contains(where: isUnsafe) else { return text }
    var result = String.UnicodeScalarView()
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      defer { previous = scalar }
      switch scalar {
      case "\n" where previous == "\r": continue
      case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": result.append(keepsLayout ? "\n" : " ")
      case "\t": result.append(keepsLayout ? "\t" : " ")
      case _ where isUnsafe(scalar): continue
      default: result.append(scalar)
      }
    }
    return String(result)
  }
}
