// TextWrap.swift: breaks text into lines of a width, by words where they fit.

/// Line breaks in text of any script, by the columns that a terminal gives each cluster.
public enum TextWrap {
  /// Lines of at most `width` columns (at least 2, so that a wide cluster fits). Breaks at "\n", at spaces, between
  /// wide clusters, and inside a word only when the word alone is longer than a line. Expects cleaned text. Always at
  /// least one line.
  public static func lines(of text: String, width: Int) -> [String] {
    let width = max(2, width)
    return text.split(separator: "\n", omittingEmptySubsequences: false).flatMap { wrap(paragraph: $0, width: width) }
  }

  private static func wrap(paragraph: Substring, width: Int) -> [String] {
    var lines: [String] = []
    var lineStart = paragraph.startIndex
    var column = 0
    // Where the line may end, where the next one would then begin, and the columns up to there.
    var lastBreak: (end: String.Index, next: String.Index, columns: Int)?
    var isAfterWide = false
    var index = paragraph.startIndex
    while index < paragraph.endIndex {
      let cluster = paragraph[index]
      let next = paragraph.index(after: index)
      let clusterWidth = ClusterWidth.columns(of: cluster)
      if cluster == " " {
        // A space that does not fit hangs over the line's end.
        lastBreak = (index, next, column + 1)
        column += 1
        isAfterWide = false
        index = next
        continue
      }
      if index > lineStart, clusterWidth > 1 || isAfterWide {
        lastBreak = (index, index, column)
      }
      if column + clusterWidth > width, column > 0 {
        let lineBreak = lastBreak ?? (index, index, column)
        lines.append(trimmingEnd(paragraph[lineStart..<lineBreak.end]))
        lineStart = lineBreak.next
        column -= lineBreak.columns
        lastBreak = nil
      }
      column += clusterWidth
      isAfterWide = clusterWidth > 1
      index = next
    }
    lines.append(trimmingEnd(paragraph[lineStart...]))
    return lines
  }

  private static func trimmingEnd(_ line: Substring) -> String {
    var line = line
    while line.last == " " { line.removeLast() }
    return String(line)
  }
}
