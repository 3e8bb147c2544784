// DisplayText.swift: makes text from others harmless to a terminal and a reader's eye.
import SafeText

/// Every text that came from a network passes here before it is drawn, printed or logged: no control character, escape
/// sequence or bidirectional override survives, so a message can neither drive the terminal nor disguise itself.
public enum DisplayText {
  /// Scalars kept of one grapheme cluster; the longest emoji sequences have ten, stacked accents have no end.
  static let maximumScalarsPerCluster = 16
  static let tabWidth = 4
  static let replacement: Unicode.Scalar = "\u{FFFD}"

  /// One line: line breaks become spaces.
  public static func line(_ text: String) -> String {
    if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) { return text }
    return clean(text, lineBreak: " ")
  }

  /// Several lines: every kind of line break (CR LF, CR, LF, NEL, U+2028, U+2029) becomes "\n".
  public static func lines(_ text: String) -> String {
    if text.utf8.allSatisfy({ (0x20..<0x7F).contains($0) || $0 == 0x0A }) { return text }
    return clean(text, lineBreak: "\n")
  }

  /// One line in which line breaks show as " / ".
  public static func joinedLines(_ text: String) -> String {
    lines(text).split(separator: "\n").joined(separator: " / ")
  }

  /// What is drawn for one cluster: always printable, a tab as one space, never empty.
  static func cluster(_ cluster: Character) -> String {
    if cluster.isASCII, let byte = cluster.asciiValue, (0x20..<0x7F).contains(byte) { return String(cluster) }
    if cluster == "\t" { return " " }
    if ClusterWidth.isLine(cluster.utf8) { return String(cluster) }
    let text = line(String(cluster))
    return text.isEmpty ? String(replacement) : String(text.prefix(1))
  }

  private static func clean(_ text: String, lineBreak: Unicode.Scalar) -> String {
    var result = String.UnicodeScalarView()
    var afterCarriageReturn = false
    for scalar in text.unicodeScalars {
      defer { afterCarriageReturn = scalar == "\r" }
      switch ScalarTreatment(of: scalar) {
      case .keep: result.append(scalar)
      case .remove: break
      case .replace: result.append(replacement)
      case .tab: result.append(contentsOf: repeatElement(" ", count: tabWidth))
      case .lineBreak: if scalar != "\n" || !afterCarriageReturn { result.append(lineBreak) }
      }
    }
    return limitingClusters(String(result))
  }

  /// Shortens clusters of too many scalars, and gives a combining mark without a letter a dotted circle to stand on. What
  /// has no width and combines with nothing, as a lone end of a Hangul syllable, is replaced.
  private static func limitingClusters(_ text: String) -> String {
    var result = ""
    result.reserveCapacity(text.utf8.count)
    for cluster in text {
      let scalars = cluster.unicodeScalars
      let isSingle = scalars.index(after: scalars.startIndex) == scalars.endIndex
      if cluster.isASCII || (isSingle && ClusterWidth.columns(of: cluster) > 0) {
        result.append(cluster)
      } else {
        var kept = String.UnicodeScalarView(cluster.unicodeScalars.prefix(maximumScalarsPerCluster))
        // A joiner at the cut would take the next cluster in.
        while kept.count == maximumScalarsPerCluster, kept.last == "\u{200D}" { kept.removeLast() }
        if ClusterWidth.columns(of: cluster) == 0 { kept.insert("\u{25CC}", at: kept.startIndex) }
        if String(kept).count == 1 {
          result.unicodeScalars.append(contentsOf: kept)
        } else {
          result.unicodeScalars.append(replacement)
        }
      }
    }
    return result
  }
}
