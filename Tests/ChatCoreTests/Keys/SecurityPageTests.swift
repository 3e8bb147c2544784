// SecurityPageTests.swift: the attacks that SECURITY.md names are tests
import Foundation
import TestSupport
import Testing

@Suite struct SecurityPageTests {
  @Test func everyAttackThatIsNamedIsATest() throws {
    let page = try String(contentsOf: TestPaths.package.appendingPathComponent("SECURITY.md"), encoding: .utf8)
    let section = try #require(
      page.components(separatedBy: "## Who is believed").last?.components(separatedBy: "\n## ").first)
    let rows = section.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst(2)
    #expect(rows.count >= 12)
    let sources = try Self.sources()
    for row in rows {
      let cell = try #require(row.split(separator: "|").last { !$0.allSatisfy(\.isWhitespace) })
      let names = cell.matches(of: /`([A-Za-z.]+)`/).map { String($0.output.1) }
      #expect(!names.isEmpty, "\(row)")
      for name in names {
        // FILE, FILE.test, or test of the file that was named before.
        let test = try #require(name.split(separator: ".").last)
        #expect(sources.contains { $0.key == "\(test).swift" || $0.value.contains("func \(test)(") }, "\(name)")
      }
    }
  }

  private static func sources() throws -> [String: String] {
    let tests = TestPaths.package.appendingPathComponent("Tests")
    let files = try #require(FileManager.default.enumerator(at: tests, includingPropertiesForKeys: nil))
    var sources: [String: String] = [:]
    for case let file as URL in files where file.pathExtension == "swift" {
      sources[file.lastPathComponent] = try String(contentsOf: file, encoding: .utf8)
    }
    return sources
  }
}
