// MutationTests.swift: damaged input never traps, whatever reads it, and what must hold holds (also: scripts/fuzz)
import Foundation
import FuzzTargets
import TestSupport
import Testing

extension FuzzTarget: CustomTestStringConvertible {
  public var testDescription: String { name }
}

@Suite("Damaged input")
struct MutationTests {
  private static let rounds = 3000
  /// Pieces that a random byte would hardly ever make.
  private static let tokens = [
    "\r\n", "\r\n\r\n", "--", "<", "</", "/>", "\"", "\\", "%", "%4", ";", "=", "@", "&#0;", "&amp;", "<![CDATA[",
    "]]>", "<?x?>", "<!-->", "<!---->", "<![CDATA[]]>", "<!DOCTYPE x>", "\u{0}", "\u{FEFF}", "\u{202E}", "-1", ": ",
    "99999999999999999999", "xmlns=''", "xmlns:x=''", "<x:y/>", " x:a='1'", "state=\"deleted\"", "NS: x <y>\r\n",
  ]

  private static func mutate(_ data: Data, _ generator: inout SeededGenerator) -> Data {
    var bytes = Array(data)
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let start = Int.random(in: 0...bytes.count, using: &generator)
      let end = min(bytes.count, start + Int.random(in: 0...20, using: &generator))
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes = Array(bytes[..<start])
      case 1: bytes.removeSubrange(start..<end)
      case 2: bytes.insert(contentsOf: Array(bytes[start..<end]), at: Int.random(in: 0...end, using: &generator))
      case 3: bytes.insert(contentsOf: (tokens.randomElement(using: &generator) ?? "").utf8, at: start)
      case 4 where start < bytes.count: bytes[start] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      default: if start < bytes.count { bytes[start] = UInt8.random(in: 0...255, using: &generator) }
      }
    }
    return Data(bytes)
  }

  @Test("thousands of mutations are refused or read, and what is read survives writing", arguments: FuzzTarget.all)
  func mutations(target: FuzzTarget) throws {
    let seeds = try target.seeds()
    var generator = SeededGenerator(seed: 1)
    var accepted = 0
    for seed in seeds where target.acceptsSeeds { #expect(try target.holds(seed)) }
    for round in 0..<Self.rounds / target.cost {
      let input = Self.mutate(seeds[round % seeds.count], &generator)
      guard let holds = try? target.holds(input) else { continue }
      accepted += 1
      #expect(holds, "round \(round): \(String(decoding: input, as: UTF8.self).debugDescription)")
    }
    // Otherwise the mutations would be too coarse to reach the code behind the first check.
    #expect(accepted > 0)
  }

  @Test("what once went wrong, and what scripts/fuzz found worth keeping", arguments: FuzzTarget.all)
  func corpus(target: FuzzTarget) throws {
    for input in try target.corpus() {
      guard let holds = try? target.holds(input) else { continue }
      #expect(holds, "\(input.base64EncodedString())")
    }
  }

  @Test("the folders of the corpus belong to targets")
  func folders() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: FuzzTarget.corpusFolder.path)
    #expect(Set(folders).subtracting(FuzzTarget.all.map(\.name)).subtracting(["README.md"]) == [])
  }

  @Test("every truncation of the corpus is refused or read", arguments: FuzzTarget.all)
  func truncations(target: FuzzTarget) throws {
    for seed in try target.seeds() {
      for count in stride(from: 0, to: seed.count, by: max(1, seed.count * target.cost / 500)) {
        guard let holds = try? target.holds(seed.prefix(count)) else { continue }
        #expect(holds, "\(count) bytes")
      }
    }
  }

  @Test("random bytes are refused or read", arguments: FuzzTarget.all)
  func noise(target: FuzzTarget) throws {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<1000 / target.cost {
      let count = Int.random(in: 0...200, using: &generator)
      let input = Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
      guard let holds = try? target.holds(input) else { continue }
      #expect(holds)
    }
  }
}
