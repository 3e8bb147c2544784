// ProtocolPage.swift: Resources/docs/protocol.md as a list of what may be on the wire, to compare recordings with
import Foundation

/// Each section `###` with a table is one message; the first column has, as code, a line of it. Capitals that the page
/// explains, and `…` for anything, stand for what differs from message to message.
public struct ProtocolPage: Sendable {
  /// One section: a message, or a part of one.
  public struct Section: Sendable {
    /// The lines of its table.
    public var lines: [String] = []
    /// Those that a message may lack each time.
    public var notAlways: Set<String> = []
    /// What it names in the code: `Type.member`, and the file that it is in.
    public var places: [(name: String, file: String)] = []
  }

  /// By title.
  public private(set) var sections: [String: Section] = [:]
  /// What was seen, by section.
  private var seen: [String: Set<String>] = [:]

  public static let path = TestPaths.package.appendingPathComponent("Resources/docs/protocol.md")

  private static let placeholders = [
    "…": ".*", "NUMBER": "[0-9]+", "UUID": "[0-9A-Fa-f-]{36}", "ADDRESS": "sip:[^;<>@]+@[^;<>]+",
    "GRUU": "sip:[^;<>@]+@[^;<>]+;gr=[^;<>]+", "TIME": "[0-9-]{10}T[0-9:]{8}Z", "BYTES": "[A-Za-z0-9+/]+=*",
    "ID": "[A-Za-z][A-Za-z0-9~-]*",
  ]

  public init() throws {
    let text = try String(contentsOf: Self.path, encoding: .utf8)
    var title: String?
    for line in text.split(separator: "\n") {
      if line.hasPrefix("#") {
        title = line.hasPrefix("### ") ? String(line.dropFirst(4)) : nil
      } else if let title {
        if let row = line.prefixMatch(of: /\| `([^`]+)` \| (\*sometimes\*)?/) {
          sections[title, default: Section()].lines.append(String(row.output.1))
          if row.output.2 != nil { sections[title]?.notAlways.insert(String(row.output.1)) }
        }
        guard line.hasPrefix("Code: ") else { continue }
        for place in line.matches(of: /`([A-Za-z_.]+)` \(`([A-Za-z+]+\.[a-z]+)`\)/) {
          sections[title, default: Section()].places.append((String(place.output.1), String(place.output.2)))
        }
      }
    }
    guard !sections.isEmpty else { throw TestFailure("\(Self.path.path) has no section with a table") }
  }

  /// Notes a message that was sent.
  /// - Parameters:
  ///   - title: its section.
  ///   - common: sections whose lines may be in it too.
  /// - Returns: the lines that the page does not have.
  public mutating func note(_ title: String, common: [String] = [], lines: [String]) throws -> [String] {
    guard sections[title] != nil else { return ["the page has no section '\(title)' for: \(lines)"] }
    var unknown: [String] = []
    for line in lines {
      var isKnown = false
      for section in [title] + common {
        for pattern in sections[section]?.lines ?? [] {
          guard try Self.expression(pattern).firstMatch(in: line, range: line.wholeRange) != nil else { continue }
          seen[section, default: []].insert(pattern)
          isKnown = true
        }
      }
      if !isKnown { unknown.append("\(title): \(line)") }
    }
    return unknown
  }

  /// Lines of the page that no message had.
  /// - Parameter titles: the sections that were to be seen.
  public func unseen(in titles: some Sequence<String>) -> [String] {
    titles.flatMap { title in
      guard let section = sections[title] else { return ["\(title): no such section"] }
      let missing = section.lines.filter { !section.notAlways.contains($0) && seen[title]?.contains($0) != true }
      return missing.map { "\(title): \($0)" }
    }
  }

  /// The whole of a line that `pattern` describes.
  private static func expression(_ pattern: String) throws -> NSRegularExpression {
    var text = NSRegularExpression.escapedPattern(for: pattern)
    for (name, expression) in placeholders {
      // In a word such as Message-ID it is itself.
      let word = try NSRegularExpression(pattern: name == "…" ? name : "(?<![A-Za-z-])\(name)(?![A-Za-z-])")
      text = word.stringByReplacingMatches(
        in: text, range: text.wholeRange, withTemplate: NSRegularExpression.escapedTemplate(for: expression))
    }
    return try NSRegularExpression(pattern: "^\(text)$", options: .dotMatchesLineSeparators)
  }
}

extension String {
  fileprivate var wholeRange: NSRange { NSRange(startIndex..<endIndex, in: self) }
}
