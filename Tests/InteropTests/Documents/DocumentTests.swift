// DocumentTests.swift: links, paths and versions in README.md and the other documents lead to what is there.
import Foundation
import TestSupport
import Testing

/// A document in Markdown, by its path in the package.
struct Document: Sendable, CustomTestStringConvertible {
  let path: String
  var testDescription: String { path }
  var url: URL { TestPaths.package.appendingPathComponent(path) }

  static let all: [Document] = {
    let folder = TestPaths.package.appendingPathComponent("Resources/docs")
    let pages = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map { Document(path: $0) }
      + pages.filter { $0.hasSuffix(".md") }.sorted().map { Document(path: "Resources/docs/\($0)") }
  }()

  func text() throws -> String { try String(contentsOf: url, encoding: .utf8) }

  /// Without what stands in fences: that is no Markdown.
  func prose() throws -> String {
    try text().components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 0 }.map(\.element).joined()
  }

  /// As a forge makes them of the headings.
  func anchors() throws -> Set<String> {
    Set(
      try prose().split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
        line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
          .filter { $0.isLetter || $0.isNumber || "-_ ".contains($0) }.replacing(" ", with: "-")
      })
  }
}

@Suite struct DocumentTests {
  @Test(arguments: Document.all)
  func everyLinkLeadsToAFileAndAnchor(_ document: Document) throws {
    for link in try document.prose().matches(of: /\]\(([^)\s]+)\)/).map({ String($0.output.1) })
    where !link.contains("://") {
      let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let target =
        parts[0].isEmpty
        ? document.url : document.url.deletingLastPathComponent().appendingPathComponent(parts[0]).standardizedFileURL
      guard FileManager.default.fileExists(atPath: target.path) else {
        Issue.record("\(document.path): \(link) leads nowhere")
        continue
      }
      guard parts.count > 1 else { continue }
      let path = String(target.path.dropFirst(TestPaths.package.path.count + 1))
      #expect(try Document(path: path).anchors().contains(parts[1]), "\(document.path): no such heading: \(link)")
    }
  }

  /// Also of folders. What has a capital word or a dot in its place is an example.
  @Test(arguments: Document.all)
  func everyPathInThePackageIsThere(_ document: Document) throws {
    let paths = try document.prose().matches(of: /`((?:Sources|Tests|Resources|scripts)\/[A-Za-z0-9+._\/-]+)[` ]/)
    for path in Set(paths.map { String($0.output.1) }) where !path.contains("NAME") {
      let url = TestPaths.package.appendingPathComponent(path)
      #expect(FileManager.default.fileExists(atPath: url.path), "\(document.path): \(path)")
    }
  }

  @Test func readmeBeginsWithHowToTryAndToTest() throws {
    let lines = try Document(path: "README.md").text().components(separatedBy: "\n").prefix(30)
    #expect(lines.contains("    scripts/try") && lines.contains("    scripts/test"))
  }

  /// What users see of it says the same: the changelog, the man page, the program.
  @Test func theVersionIsOneEverywhere() async throws {
    let version = try await CommandRun(TestPaths.limeade, ["--version"]).output.trimmingCharacters(in: .newlines)
    let headings = try Document(path: "CHANGELOG.md").text().split(separator: "\n").filter { $0.hasPrefix("## ") }
    #expect(headings.first == "## Unreleased")
    #expect(headings.dropFirst().first.map { $0.dropFirst(3).prefix { $0 != " " } } == version[...])
    let page = try String(
      contentsOf: TestPaths.package.appendingPathComponent("Resources/man/limeade.1"), encoding: .utf8)
    #expect(page.contains("\"limeade \(version)\""))
  }
}
