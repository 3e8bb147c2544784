// TrustWordTests.swift: how far a device is trusted has the same words in commands, JSON, the chat and the documents.
import Foundation
import Lime
import TerminalUI
import TestSupport
import Testing

@Suite struct TrustWordTests {
  @Test func theChatUsesTheWordsOfJSON() {
    #expect(MemberRow.Trust.unknown.words == PeerStatus.unknown.rawValue)
    #expect(MemberRow.Trust.untrusted.words == PeerStatus.untrusted.rawValue)
    #expect(MemberRow.Trust.trusted.words == PeerStatus.trusted.rawValue)
    #expect(MemberRow.Trust.unsafe.words.lowercased() == PeerStatus.unsafe.rawValue)
    #expect(MessageRow.Encryption.trusted.words == "encrypted, \(PeerStatus.trusted.rawValue)")
    #expect(MessageRow.Encryption.encrypted.words == "encrypted, \(PeerStatus.untrusted.rawValue)")
    #expect(RoomSecurity.trusted.words == "E2EE \(PeerStatus.trusted.rawValue)")
    #expect(RoomSecurity.encrypted(trustedDevices: 0, devices: 2).words == "E2EE \(PeerStatus.untrusted.rawValue)")
    #expect(RoomSecurity.unsafe.words.lowercased() == "e2ee \(PeerStatus.unsafe.rawValue)")
  }

  @Test func aPageOfMarksNamesEveryStateByThem() throws {
    let man = try String(
      contentsOf: TestPaths.package.appendingPathComponent("Resources/man/limeade.1.in"), encoding: .utf8)
    let table = try String(
      contentsOf: TestPaths.package.appendingPathComponent("Resources/docs/terminal.md"), encoding: .utf8)
    #expect(man.contains("from a trusted device") && man.contains("from an untrusted device"))
    #expect(table.contains("from a trusted device; from an untrusted one"))
    let legend = Glyphs.ascii.legend.joined(separator: "\n")
    #expect(legend.contains("from a trusted device") && legend.contains("from an untrusted device"))
  }

  /// Whether the text uses another word for a state. A theme's part keeps its name: themes that people wrote stay good.
  static func usesOtherWords(_ text: some StringProtocol) -> Bool {
    let words = #"\b(not verified|unverified|(E2EE|a|is|are|devices?) verified|verified devices?)\b"#
    return text.range(of: words, options: .regularExpression) != nil
  }

  @Test func noTextForPeopleUsesOtherWords() throws {
    #expect(Self.usesOtherWords("from a verified device") && !Self.usesOtherWords("theme.verified"))
    var files = ["README.md", "SECURITY.md"].map { TestPaths.package.appendingPathComponent($0) }
    for folder in ["Sources/limeade", "Sources/TerminalUI", "Sources/ChatCore", "Resources/man", "Resources/docs"] {
      let found = FileManager.default.enumerator(
        at: TestPaths.package.appendingPathComponent(folder), includingPropertiesForKeys: nil)
      for case let file as URL in try #require(found) where !file.hasDirectoryPath { files.append(file) }
    }
    #expect(files.count > 100)
    for file in files {
      guard let text = try? String(contentsOf: file, encoding: .utf8) else { continue }
      for line in text.split(separator: "\n") where Self.usesOtherWords(line) {
        Issue.record("\(file.lastPathComponent): \(line)")
      }
    }
  }
}
