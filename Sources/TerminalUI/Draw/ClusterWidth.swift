// ClusterWidth.swift: how many columns a grapheme cluster takes (UAX #29, UAX #11); the only place that decides it.
import CNcurses

/// Widths of grapheme clusters on a terminal.
public enum ClusterWidth {
  /// Columns of one cluster: 0 for one that draws nothing by itself, else 1, 2, or more where a cluster joins several
  /// spacing letters (some Indic conjuncts). Control characters count as 1, the width of their replacement.
  public static func columns(of cluster: Character) -> Int {
    if cluster.isASCII || isLine(cluster.utf8) { return 1 }
    let scalars = cluster.unicodeScalars
    if isEmojiSequence(scalars) { return columns(ofSequence: scalars, as: EmojiWidths.measured) }
    return scalars.reduce(0) { $0 + columns(of: $1) }
  }

  /// Columns of an emoji sequence on a terminal.
  static func columns(ofSequence scalars: String.UnicodeScalarView, as widths: EmojiWidths) -> Int {
    guard widths != .standard, let first = scalars.first else { return 2 }
    if isRegionalIndicator(first) { return widths.flag }
    if scalars.contains("\u{20E3}") { return widths.keycap }
    var sum = 0
    var isJoined = false
    for scalar in scalars {
      let isPart = isJoined && widths.contains(.joins)
      if scalar == "\u{200D}" {
        isJoined = true
        continue
      }
      isJoined = false
      if scalar == "\u{FE0F}" {
        if sum == 1, widths.contains(.selectorWidens) { sum = 2 }
      } else if scalar.properties.isEmojiModifier {
        if widths.contains(.tonesApart) { sum += 2 }
      } else if !isPart {
        sum += columns(of: scalar)
      }
    }
    return max(1, sum)
  }

  /// Columns of all clusters of `text` together.
  public static func columns(of text: String) -> Int {
    text.reduce(0) { $0 + columns(of: $1) }
  }

  /// True when terminals disagree on the cluster's width, so that whatever follows it must be placed explicitly.
  static func isContested(_ cluster: String) -> Bool {
    guard cluster.utf8.count > 2, !isLine(cluster.utf8) else { return false }
    let scalars = cluster.unicodeScalars
    if isEmojiSequence(scalars) { return true }
    var spacing = 0
    for scalar in scalars {
      if tableWidth(of: scalar) < 0 || scalar.properties.isVariationSelector { return true }
      if columns(of: scalar) > 0 { spacing += 1 }
    }
    return spacing > 1
  }

  /// One box drawing character (U+2500 to U+257F) alone, which is in every row of the screen.
  static func isLine(_ bytes: some Sequence<UInt8>) -> Bool {
    var bytes = bytes.makeIterator()
    return bytes.next() == 0xE2 && (bytes.next() ?? 0) & 0xFE == 0x94 && bytes.next() != nil && bytes.next() == nil
  }

  private static func columns(of scalar: Unicode.Scalar) -> Int {
    let width = tableWidth(of: scalar)
    if width >= 0 { return width }
    // The C library's table may be older than the runtime's: a scalar new to it is an emoji or an ordinary letter.
    return scalar.properties.isEmojiPresentation ? 2 : 1
  }

  private static func tableWidth(of scalar: Unicode.Scalar) -> Int {
    scalar.isASCII ? 1 : Int(cncurses_scalar_width(scalar.value))
  }

  /// Flags, keycaps, and emoji with a skin tone, an emoji presentation selector or joined by ZWJ (UTS #51).
  private static func isEmojiSequence(_ scalars: some Collection<Unicode.Scalar>) -> Bool {
    guard let first = scalars.first, first.properties.isEmoji || isRegionalIndicator(first) else { return false }
    return scalars.dropFirst().contains { scalar in
      scalar == "\u{FE0F}" || scalar == "\u{200D}" || scalar == "\u{20E3}" || scalar.properties.isEmojiModifier
        || isRegionalIndicator(scalar)
    }
  }

  private static func isRegionalIndicator(_ scalar: Unicode.Scalar) -> Bool {
    ("\u{1F1E6}"..."\u{1F1FF}").contains(scalar)
  }
}
