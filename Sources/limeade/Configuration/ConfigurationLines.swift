// ConfigurationLines.swift: in which line of config.toml a setting stands, for messages and for taking tables out.
import Foundation
import TOMLKit

/// Line by line, as people write such files; a setting inside an inline table or a value of several lines is not found.
struct ConfigurationLines {
  private struct Line {
    var text: String
    /// The table it is in, its header included; empty before the first.
    var table: [String]
    /// nil for headers, comments and blank lines.
    var key: String?
    var isHeader: Bool
  }

  private var lines: [Line] = []

  init(_ text: String) {
    var table: [String] = []
    for line in TextLines.all(of: text) {
      let content = line.trimmingCharacters(in: .whitespaces)
      if content.hasPrefix("["), let path = Self.path(ofHeader: content) {
        table = path
        lines.append(Line(text: line, table: table, key: nil, isHeader: true))
      } else {
        lines.append(Line(text: line, table: table, key: Self.key(of: content), isHeader: false))
      }
    }
  }

  /// Counted from 1: the line of `key` in `table`, else that of the first header of a table under it, else that of the
  /// table's own header, else nil.
  func number(of key: String, in table: [String]) -> Int? {
    let index =
      lines.firstIndex { $0.table == table && $0.key == key }
      ?? lines.firstIndex { $0.isHeader && $0.table.starts(with: table + [key]) }
      ?? lines.firstIndex { $0.isHeader && $0.table == table }
    return index.map { $0 + 1 }
  }

  /// The text without the table, those inside it, and the top-level setting `key` if it is there.
  func text(without table: [String], andKey key: String?) -> String {
    var kept: [String] = []
    for line in lines {
      if line.table.starts(with: table) {
        // Blank lines before a table go with it.
        if line.isHeader { while kept.last?.allSatisfy(\.isWhitespace) == true { kept.removeLast() } }
        continue
      }
      if let key, line.table.isEmpty, line.key == key { continue }
      if line.isHeader, let last = kept.last, !last.allSatisfy(\.isWhitespace) { kept.append("") }
      kept.append(line.text)
    }
    while kept.last?.allSatisfy(\.isWhitespace) == true { kept.removeLast() }
    return kept.isEmpty ? "" : kept.joined(separator: "\n") + "\n"
  }

  /// The parser itself reads the header, so that quoted names are read as everywhere.
  private static func path(ofHeader header: String) -> [String]? {
    guard var table = try? TOMLTable(string: header) else { return nil }
    var path: [String] = []
    while let name = table.keys.first {
      path.append(name)
      guard let inner = table[name]?.table else { break }
      table = inner
    }
    return path
  }

  private static func key(of line: String) -> String? {
    guard let equals = line.firstIndex(of: "="), !line.hasPrefix("#") else { return nil }
    return line[..<equals].trimmingCharacters(in: CharacterSet(charactersIn: " \t\"'"))
  }
}
