// EditDistance.swift: the known name that a misspelt one was meant to be

/// Damerau's and Levenshtein's count of changes between two names, whatever their case.
public enum EditDistance {
  /// The candidate that needs the fewest changes, if they are at most a third of the name's letters.
  public static func nearest(to name: String, of candidates: some Sequence<String>) -> String? {
    let name = name.lowercased()
    let limit = max(2, name.count / 3)
    let best = candidates.map { ($0, between(name, $0.lowercased())) }.min { ($0.1, $0.0) < ($1.1, $1.0) }
    guard let best, best.1 <= limit else { return nil }
    return best.0
  }

  /// Insertions, deletions, replacements, and swaps of neighbours.
  static func between(_ one: String, _ other: String) -> Int {
    let a = Array(one.unicodeScalars)
    let b = Array(other.unicodeScalars)
    var older: [Int] = []
    var row = Array(0...b.count)
    for i in 0..<a.count {
      var next = [i + 1]
      for j in 0..<b.count {
        var cost = min(row[j + 1] + 1, next[j] + 1, row[j] + (a[i] == b[j] ? 0 : 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, older[j - 1] + 1) }
        next.append(cost)
      }
      (older, row) = (row, next)
    }
    return row[b.count]
  }
}
