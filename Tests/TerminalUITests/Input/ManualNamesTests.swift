// ManualNamesTests.swift: the manual pages name every action, every part of a theme and every mark, and no other.
import Foundation
import TestSupport
import Testing

@testable import TerminalUI

@Suite struct ManualNamesTests {
  /// A page as plain text, and where its sections begin.
  private func page(_ name: String) throws -> String {
    let file = TestPaths.package.appendingPathComponent("Resources/man/\(name)")
    let text = try String(contentsOf: file, encoding: .utf8).replacing("\\-", with: "-").replacing("\\(aq", with: "'")
    return text.replacing(#/\\\[u([0-9A-F]{4,5})\]/#) { match in
      UInt32(match.output.1, radix: 16).flatMap(Unicode.Scalar.init).map { String(Character($0)) } ?? ""
    }
  }

  private func section(_ title: String, of page: String) -> [Substring] {
    let lines = page.split(separator: "\n").drop { $0 != title }.dropFirst()
    return Array(lines.prefix { !$0.hasPrefix(".SS") && !$0.hasPrefix(".SH") })
  }

  @Test func everyActionIsNamed() throws {
    let lines = section(".SS Actions", of: try page("limeade-config.5")).dropFirst()
    let words = lines.joined(separator: " ").split { ", .".contains($0) }.map(String.init)
    #expect(words == Action.named.keys.sorted())
  }

  @Test func everyPartOfAThemeIsNamedWithItsUse() throws {
    let lines = section(".SS Parts of a theme", of: try page("limeade-config.5"))
    let named = lines.filter { $0.hasPrefix(".I ") }.map { String($0.dropFirst(3)) }
    #expect(named == Theme.parts.keys.sorted() + ["sender-colors", "base"])
  }

  @Test func everyMarkIsExplained() throws {
    let page = section(".SH MARKS OF THE CHAT", of: try page("limeade.1"))
    var explained: [String: Set<String>] = [:]
    for (line, words) in zip(page, page.dropFirst())
    where line.hasPrefix(".B ") && line.split(separator: " ").count == 3 {
      for mark in line.split(separator: " ").dropFirst() { explained[String(mark), default: []].insert(String(words)) }
    }
    for glyphs in [Glyphs.standard, .ascii] {
      for line in glyphs.legend {
        let mark = line.prefix { $0 != " " }
        for words in line.dropFirst(mark.count).drop(while: { $0 == " " }).split(separator: "; ") {
          #expect(explained[String(mark)]?.contains(String(words)) == true, "\(mark): \(words)")
        }
      }
    }
  }
}
