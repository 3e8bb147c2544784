// ArchitectureTests.swift: Resources/docs/architecture.md says what is there, and the parts of the client keep to it
import Foundation
import TestSupport
import Testing

@Suite struct ArchitectureTests {
  private let sources: [String: String]
  private let sourcesOfTargets: [String: String]
  private let page: String

  init() throws {
    let folder = TestPaths.package.appendingPathComponent("Sources")
    let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var sources: [String: String] = [:]
    var targets = Dictionary(uniqueKeysWithValues: try Self.targets().map { ($0, "") })
    for case let file as URL in files where file.pathExtension == "swift" {
      let source = try String(contentsOf: file, encoding: .utf8)
      sources[file.lastPathComponent] = source
      let target = try #require(file.pathComponents.dropFirst(folder.pathComponents.count).first)
      targets[target, default: ""] += source + "\n"
    }
    (self.sources, sourcesOfTargets) = (sources, targets)
    page = try String(
      contentsOf: TestPaths.package.appendingPathComponent("Resources/docs/architecture.md"), encoding: .utf8)
  }

  /// Those in backquotes, and those with small letters in the drawings.
  private var names: Set<String> {
    let pieces = page.components(separatedBy: "```")
    var names = Set<String>()
    for (index, piece) in pieces.enumerated() {
      names.formUnion(
        index % 2 == 0
          ? piece.matches(of: /`([^`]+)`/).map { String($0.output.1) }
          : piece.matches(of: /\b[A-Z]\w*[a-z][\w+]*(?:\.swift)?/).map { String($0.output) })
    }
    return names
  }

  /// The cells of the lines of all tables.
  private var rows: [[Substring]] {
    page.split(separator: "\n").filter { $0.hasPrefix("| `") }.map {
      $0.dropFirst().split(separator: "|", omittingEmptySubsequences: false)
    }
  }

  private static func quoted(_ cell: Substring) -> [String] {
    cell.matches(of: /`([^`]+)`/).map { String($0.output.1) }
  }

  /// The types that are isolated to the client's actor, each with its lines.
  private var parts: [(name: String, source: String)] {
    sources.values.flatMap { source in
      source.matches(of: /(?ms)^@ChatActor (?:public )?final class (\w+) \{$.*?^\}$/).map {
        (String($0.output.1), String($0.output.0))
      }
    }
  }

  @Test func everyNameOnThePageIsATypeAFileOrATarget() throws {
    let types = Set(
      sources.values.flatMap { source in
        source.matches(of: /(?m)^(?:@\w+ )*(?:public |package )?(?:final )?(?:actor|class|enum|protocol|struct) (\w+)/)
          .map { String($0.output.1) }
      })
    let targets = try Self.targets()
    #expect(names.count > 60)
    for name in names where !types.contains(name) && !targets.contains(name) && name != "ArchitectureTests.swift" {
      #expect(sources[name] != nil, "\(name)")
    }
  }

  @Test func everyTargetAndEveryPartOfTheClientIsOnThePage() throws {
    for target in try Self.targets() { #expect(names.contains(target), "\(target)") }
    #expect(parts.count > 20)
    for part in parts { #expect(names.contains(part.name), "\(part.name)") }
  }

  @Test func aTargetImportsOnlyWhatStandsInItsLineOrBelow() throws {
    let lines = rows.map { Self.quoted($0[0]) }.filter { $0.allSatisfy { sourcesOfTargets[$0] != nil } }
    let place = Dictionary(
      uniqueKeysWithValues: lines.enumerated().flatMap { index, names in names.map { ($0, index) } })
    for (target, line) in place {
      for imported in sourcesOfTargets[target, default: ""].matches(of: /(?m)^(?:@\w+ )?import (\w+)$/) {
        guard let other = place[String(imported.output.1)] else { continue }
        #expect(other >= line, "\(target) imports \(imported.output.1)")
      }
    }
  }

  @Test func thePartsAskThoseThatThePageSays() throws {
    let all = Set(parts.map(\.name))
    for part in parts where part.name != "ChatClient" {
      let row = try #require(rows.first { Self.quoted($0[0]) == [part.name] }, "\(part.name)")
      let asked = part.source.matches(of: /(?m)^  private let \w+: (\w+)$/).map { String($0.output.1) }
      let said = Set(Self.quoted(row[2])).intersection(all)
      #expect(said == Set(asked).intersection(all).subtracting(["OwnDevice"]), "\(part.name)")
    }
  }

  @Test func noPartOfTheClientLetsOthersChangeItsState() {
    for part in parts {
      // A stored property: neither private nor computed.
      let open = part.source.matches(of: /(?m)^  (?:public )?(?:lazy )?var \w+(?:: [^{\n]+)?(?: = .*)?$/)
        .map { String($0.output) }
      #expect(open.isEmpty, "\(part.name)")
    }
  }

  private static func targets() throws -> Set<String> {
    let folder = TestPaths.package.appendingPathComponent("Sources")
    let entries = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: [.isDirectoryKey])
    return Set(
      try entries.filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
        .map(\.lastPathComponent))
  }
}
