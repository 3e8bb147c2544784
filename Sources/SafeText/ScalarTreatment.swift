// ScalarTreatment.swift: which characters of others are harmful to a terminal or to a reader's eye (Unicode, UAX #9).

/// What becomes of a character that came from others before it is shown, printed, logged or traced. One judgement for
/// the screen, for lines of text, for JSON, and for traces.
public enum ScalarTreatment: Sendable {
  case keep
  /// Nothing to see: direction marks, zero-width spaces, tags that can hide a whole text.
  case remove
  /// Control characters, and what turns a text round: visible, so that the reader is warned.
  case replace
  case tab
  case lineBreak

  /// By the character's class and direction (UAX #9), without regard to its neighbours.
  public init(of scalar: Unicode.Scalar) {
    switch scalar.value {
    case 0x20..<0x7F, 0xA0..<0xAD: self = .keep
    case 0x09: self = .tab
    case 0x0A, 0x0D, 0x85, 0x2028, 0x2029: self = .lineBreak
    case 0x00..<0x20, 0x7F..<0xA0: self = .replace
    // Bidirectional overrides, embeddings and isolates reorder what follows.
    case 0x202A...0x202E, 0x2066...0x2069, 0x206A...0x206F: self = .replace
    // Direction marks, soft hyphen, zero-width spaces, invisible operators, byte order mark.
    case 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2060...0x2065, 0xFEFF: self = .remove
    // Interlinear annotation, and the tag characters.
    case 0xFFF0...0xFFFB, 0xE0000...0xE0FFF: self = .remove
    default:
      switch scalar.properties.generalCategory {
      case .unassigned, .surrogate, .control: self = .replace
      default: self = .keep
      }
    }
  }

  /// Whether a line of output holds it as it is.
  public var isHarmless: Bool { self == .keep }
}
