// MutationTests.swift: damaged input never traps, whatever parser it meets, and what is accepted can be written again
import Foundation
import TestSupport
import Testing

import MessageFormats

/// One parser with the inputs that its mutations start from.
struct FuzzTarget: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var seeds: @Sendable () throws -> [Data]
  /// Reads; where that succeeds, writes and reads again, and tells whether both values are the same.
  var isStable: @Sendable (Data) throws -> Bool

  static func read<Value: Equatable & Sendable>(
    _ name: String, _ seeds: @escaping @Sendable () throws -> [Data],
    parse: @escaping @Sendable (Data) throws -> Value, write: @escaping @Sendable (Value) -> Data
  ) -> FuzzTarget {
    FuzzTarget(testDescription: name, seeds: seeds) { data in
      let value = try parse(data)
      return try parse(write(value)) == value
    }
  }

  private static func corpus(_ suffix: String) -> @Sendable () throws -> [Data] {
    { try Corpus.names(suffix: suffix).map(Corpus.data) }
  }

  private static func bodies(_ prefix: String) -> @Sendable () throws -> [Data] {
    { try [CPIMMessage(parsing: Corpus.data("cpim-\(prefix).cpim")).body] }
  }

  private static func text(_ lines: [String]) -> @Sendable () throws -> [Data] { { lines.map { Data($0.utf8) } } }

  struct Refused: Error {}

  private static func parsed<Value>(
    _ read: @escaping @Sendable (String) -> Value?
  ) -> @Sendable (Data) throws -> Value {
    { data in
      guard let value = read(String(decoding: data, as: UTF8.self)) else { throw Refused() }
      return value
    }
  }

  static let all: [FuzzTarget] = [
    .read("CPIM", corpus(".cpim"), parse: { try CPIMMessage(parsing: $0).comparable }, write: \.serialized),
    .read("IMDN", bodies("delivered"), parse: { try IMDNMessage(parsing: $0).comparable }, write: \.serialized),
    .read("typing", bodies("composing"), parse: { try IsComposing(parsing: $0) }, write: \.serialized),
    .read("file", bodies("file"), parse: { try FileTransferInfo(parsing: $0).comparable }, write: \.serialized),
    .read(
      "lists", { [try Corpus.data("resource-lists.xml")] }, parse: { try ResourceList(parsing: $0) },
      write: \.serialized),
    .read(
      "conference", { try ["09", "10", "13"].map { try Corpus.data("conference-info-\($0).xml") } },
      parse: { try ConferenceInfo(parsing: $0) }, write: \.serialized),
    .read(
      "multipart", corpus(".mime"),
      parse: { try MultipartBody(parsing: $0, boundary: MultipartBody.usualBoundary) },
      write: { $0.serialized(boundary: MultipartBody.usualBoundary) }),
    .read(
      "envelope", corpus(".mime"), parse: { try LimeEnvelope(parsing: $0, contentType: Corpus.envelopeType) },
      write: \.serialized.body),
    .read(
      "deflate", { [Deflate.deflate(try Corpus.data("conference-info-09.xml"))] },
      parse: { try Deflate.inflate($0, limit: 10_000) }, write: Deflate.deflate),
    .read(
      "URI", text(["sip:bob%20@[::1]:5060;gr=urn:uuid:1;x?a=b", "sips:sip.example.org"]), parse: parsed { SIPURI($0) },
      write: { Data($0.description.utf8) }),
    .read(
      "address", text(["\"B \\\"x\" <sip:b@h;lr>;tag=1;+sip.instance=\"<urn:x>\"", "sip:b@h;tag=\"a;b\"", "B <sip:h>"]),
      parse: parsed { NameAddress($0) }, write: { Data($0.description.utf8) }),
    .read(
      "content type", text([Corpus.envelopeType, "text/plain; charset=utf-8; x=\"a\\\"b\""]),
      parse: parsed { ContentType($0) }, write: { Data($0.description.utf8) }),
  ]
}

// What writing leaves out by intention: fractions of seconds, and Content-Length.
extension CPIMMessage {
  fileprivate var comparable: CPIMMessage {
    var copy = self
    copy.dateTime = dateTime.flatMap { RFC3339.date(from: RFC3339.string(from: $0)) }
    return copy
  }
}

extension IMDNMessage {
  fileprivate var comparable: IMDNMessage {
    var copy = self
    copy.dateTime = RFC3339.date(from: RFC3339.string(from: dateTime ?? Date(timeIntervalSince1970: 0)))
    return copy
  }
}

extension FileTransferInfo {
  fileprivate var comparable: FileTransferInfo {
    var copy = self
    copy.file.until = file.until.flatMap { RFC3339.date(from: RFC3339.string(from: $0)) }
    return copy
  }
}

@Suite("Damaged input")
struct MutationTests {
  private static let rounds = 4000
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
    for seed in seeds { #expect(try target.isStable(seed)) }
    for round in 0..<Self.rounds {
      let input = Self.mutate(seeds[round % seeds.count], &generator)
      guard let isStable = try? target.isStable(input) else { continue }
      accepted += 1
      #expect(isStable, "round \(round): \(String(decoding: input, as: UTF8.self).debugDescription)")
    }
    // Otherwise the mutations would be too coarse to reach the code behind the first check.
    #expect(accepted > 0)
  }

  @Test("every truncation of the corpus is refused or read", arguments: FuzzTarget.all)
  func truncations(target: FuzzTarget) throws {
    for seed in try target.seeds() {
      for count in stride(from: 0, to: seed.count, by: max(1, seed.count / 500)) {
        guard let isStable = try? target.isStable(seed.prefix(count)) else { continue }
        #expect(isStable, "\(count) bytes")
      }
    }
  }

  @Test("random bytes are refused or read", arguments: FuzzTarget.all)
  func noise(target: FuzzTarget) throws {
    var generator = SeededGenerator(seed: 2)
    for _ in 0..<1000 {
      let count = Int.random(in: 0...200, using: &generator)
      let input = Data((0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) })
      guard let isStable = try? target.isStable(input) else { continue }
      #expect(isStable)
    }
  }

  @Test("lists of addresses and escapes survive any text")
  func lenientReaders() {
    var generator = SeededGenerator(seed: 3)
    let seed = Data("*, \"a,\\\"b\" <sip:a@h;x=1>;q=\"0,5\", sip:c@h;s=<x>, d <sip:d@h>".utf8)
    for _ in 0..<Self.rounds {
      let text = String(decoding: Self.mutate(seed, &generator), as: UTF8.self)
      for address in NameAddress.list(text) { #expect(NameAddress(address.description) == address) }
      _ = RFC3339.date(from: text)
    }
  }
}
