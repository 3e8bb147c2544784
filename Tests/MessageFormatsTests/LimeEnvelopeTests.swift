// LimeEnvelopeTests.swift: encrypted bodies against the recorded traffic
import Foundation
import MessageFormats
import Testing

@Suite("LIME envelope")
struct LimeEnvelopeTests {
  @Test("a recorded envelope is read, and written again byte for byte")
  func recorded() throws {
    let data = try Corpus.data("lime-envelope.mime")
    let envelope = try LimeEnvelope(parsing: data, contentType: Corpus.envelopeType)
    #expect(envelope.sender == SIPURI("sip:alice@sip.example.org;gr=urn:uuid:0d094f80-9fdb-00c6-9666-745a820a899f"))
    #expect(envelope.messageID == "S1SAug-9cjmQ")
    #expect(
      envelope.deviceParts.mapValues(\.count) == [
        "sip:bob@sip.example.org;gr=urn:uuid:fc58a235-6513-0081-896e-c3798d291f3f": 160,
        "sip:carol@sip.example.org;gr=urn:uuid:2a37fb05-e87c-000b-8de0-82643bd1173e": 160,
      ])
    #expect(envelope.cipherMessage?.count == 438)
    let written = envelope.serialized
    #expect(String(decoding: written.body, as: UTF8.self) == String(decoding: data, as: UTF8.self))
    #expect(written.contentType == Corpus.envelopeType)
  }

  @Test("notifications have no Message-ID outside the encryption")
  func notification() throws {
    let data = try Corpus.data("lime-envelope-notification.mime")
    let envelope = try LimeEnvelope(parsing: data, contentType: Corpus.envelopeType)
    #expect(envelope.messageID == nil)
    #expect(String(decoding: envelope.serialized.body, as: UTF8.self) == String(decoding: data, as: UTF8.self))
  }

  @Test("only the addressee's part, a compressed content and no cipher message are possible")
  func variants() throws {
    var envelope = LimeEnvelope(
      sender: SIPURI(user: "a", host: "h", parameters: [Parameter("gr", "1")]), messageID: nil,
      deviceParts: ["sip:b@h;gr=2": Data([1, 2, 3])], cipherMessage: nil)
    var written = envelope.serialized
    #expect(try LimeEnvelope(parsing: written.body, contentType: written.contentType) == envelope)
    envelope.cipherMessage = Data(repeating: 0xFF, count: 1000)
    envelope.contentEncoding = "deflate"
    written = envelope.serialized
    #expect(try LimeEnvelope(parsing: written.body, contentType: written.contentType) == envelope)
  }

  @Test("the Content-Type decides whether a body is an envelope")
  func matching() {
    #expect(LimeEnvelope.matches(contentType: Corpus.envelopeType))
    #expect(LimeEnvelope.matches(contentType: "Multipart/Encrypted; boundary=x; protocol=\"application/lime\""))
    #expect(!LimeEnvelope.matches(contentType: "multipart/encrypted;protocol=\"application/pgp-encrypted\";boundary=x"))
    #expect(!LimeEnvelope.matches(contentType: "multipart/mixed;boundary=x"))
    #expect(!LimeEnvelope.matches(contentType: "message/cpim"))
  }

  @Test("ambiguous and damaged envelopes are refused")
  func refused() throws {
    let text = String(decoding: try Corpus.data("lime-envelope.mime"), as: UTF8.self)
    let carol = "sip:carol@sip.example.org;gr=urn:uuid:2a37fb05-e87c-000b-8de0-82643bd1173e"
    let bob = "sip:bob@sip.example.org;gr=urn:uuid:fc58a235-6513-0081-896e-c3798d291f3f"
    let changes = [
      (carol, bob), ("Content-Id: \(bob)\r\n", ""), ("AQEBAbwHsLPcGowuaB1qdXTL", "!"), ("--\r\n", "\r\n"),
      ("application/lime\r", "application/octet-stream\r"), ("From: <sip:alice", "From: <tel:alice"),
    ]
    for (old, new) in changes {
      let changed = Data(text.replacingOccurrences(of: old, with: new).utf8)
      #expect(throws: FormatError.self, "\(old)") {
        try LimeEnvelope(parsing: changed, contentType: Corpus.envelopeType)
      }
    }
  }

  /// A large room's message has a hundred parts, of which a device reads its own.
  @Test func aReaderGetsItsOwnPartOnly() throws {
    let data = try Corpus.data("lime-envelope.mime")
    let all = try LimeEnvelope(parsing: data, contentType: Corpus.envelopeType)
    #expect(all.deviceParts.count > 1)
    for (device, part) in all.deviceParts {
      let own = try LimeEnvelope(parsing: data, contentType: Corpus.envelopeType, for: device)
      var expected = all
      expected.deviceParts = [device: part]
      #expect(own == expected)
    }
    let stranger = try LimeEnvelope(parsing: data, contentType: Corpus.envelopeType, for: "sip:nobody@sip.example.org")
    #expect(stranger.deviceParts.isEmpty && stranger.cipherMessage == all.cipherMessage)
  }
}
