// DeflateTests.swift: compressed bodies (RFC 1950, RFC 1951) and their limits
import Foundation
import MessageFormats
import TestSupport
import Testing

@Suite("Deflate")
struct DeflateTests {
  /// zlib data of "hello hello hello hello", made by another implementation (Python's zlib, level 9).
  private static let hello: [UInt8] = [
    0x78, 0xDA, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0x57, 0xC8, 0x40, 0x27, 0x01, 0x68, 0x03, 0x08, 0xB1,
  ]

  @Test("zlib data and raw deflate data are unpacked")
  func knownAnswer() throws {
    #expect(try Deflate.inflate(Data(Self.hello), limit: 100) == Data("hello hello hello hello".utf8))
    let raw = Data(Self.hello[2..<(Self.hello.count - 4)])
    #expect(try Deflate.inflate(raw, limit: 100) == Data("hello hello hello hello".utf8))
  }

  @Test("what is packed is unpacked, from nothing to much", arguments: [0, 1, 16_384, 16_385, 300_000])
  func roundTrip(count: Int) throws {
    var generator = SeededGenerator(seed: UInt64(count))
    for data in [Data(count: count), Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })] {
      #expect(try Deflate.inflate(Deflate.deflate(data), limit: count) == data)
    }
  }

  @Test("slices of data are packed and unpacked like whole ones")
  func slices() throws {
    let data = Data("xxhello hello".utf8).dropFirst(2)
    let packed = (Data([1, 2, 3]) + Deflate.deflate(data)).dropFirst(3)
    #expect(try Deflate.inflate(packed, limit: 100) == data)
  }

  @Test("a recorded body shrinks to the size that it had on the wire, give or take zlib's version")
  func recorded() throws {
    let data = try Corpus.data("conference-info-13.xml")
    let packed = Deflate.deflate(data)
    #expect(abs(packed.count - 302) < 10)
  }

  @Test("more than the limit is refused, one byte more as much as a thousandfold")
  func limit() throws {
    let bomb = Deflate.deflate(Data(count: 64 << 20))
    #expect(bomb.count < 100_000)
    #expect(throws: Deflate.Failure.tooLarge(limit: 1000)) { try Deflate.inflate(bomb, limit: 1000) }
    let data = Deflate.deflate(Data(count: 1001))
    #expect(throws: Deflate.Failure.tooLarge(limit: 1000)) { try Deflate.inflate(data, limit: 1000) }
    #expect(try Deflate.inflate(data, limit: 1001).count == 1001)
    #expect(throws: Deflate.Failure.tooLarge(limit: 0)) { try Deflate.inflate(data, limit: 0) }
  }

  @Test("data cut short are told from damaged ones")
  func damaged() {
    for count in 0..<Self.hello.count {
      let cut = Data(Self.hello[..<count])
      #expect(throws: Deflate.Failure.self, "\(count)") { try Deflate.inflate(cut, limit: 100) }
    }
    #expect(throws: Deflate.Failure.truncated) { try Deflate.inflate(Data(Self.hello.dropLast()), limit: 100) }
    var wrong = Self.hello
    wrong[wrong.count - 1] ^= 1
    #expect(throws: Deflate.Failure.damaged) { try Deflate.inflate(Data(wrong), limit: 100) }
    #expect(throws: Deflate.Failure.damaged) { try Deflate.inflate(Data("plain text".utf8), limit: 100) }
  }
}
