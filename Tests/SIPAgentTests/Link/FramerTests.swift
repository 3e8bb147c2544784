// FramerTests.swift: SIP streams cut at any place, and Via as it leaves
import Foundation
import TestSupport
import Testing

@testable import SIPAgent

@Suite struct FramerTests {
  private static let register =
    "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/TCP x.is.invalid;rport;branch=z9hG4bK1\r\nCall-ID: 1\r\n"
  private static let stream: [UInt8] = Array(
    ("\r\n\r\n" + register + "Content-Length: 0\r\n\r\n" + "SIP/2.0 200 OK\r\nl : 5\r\n\r\n\r\n\r\nx" + register
      + "\r\n\r\n").utf8)

  @Test func aStreamIsCutTheSameWhereverItIsDivided() {
    var generator = SeededGenerator(seed: 5626)
    for _ in 0..<500 {
      var framer = SIPFramer()
      var heads: [String] = []
      var lengths: [Int] = []
      var bodies: [UInt8] = []
      var blanks: [UInt8] = []
      var all: [UInt8] = []
      var rest = Self.stream[...]
      while !rest.isEmpty {
        let part = rest.prefix(Int.random(in: 1...40, using: &generator))
        rest = rest.dropFirst(part.count)
        for piece in framer.cut(Array(part)) {
          switch piece {
          case .head(let bytes, let bodyLength):
            lengths.append(bodyLength)
            heads.append(String(decoding: bytes, as: UTF8.self))
            all += bytes
          case .body(let bytes):
            bodies += bytes
            all += bytes
          case .keepalive(let bytes):
            blanks += bytes
            all += bytes
          }
        }
      }
      #expect(all == Self.stream)
      #expect(heads.map { $0.prefix(7) } == ["REGISTE", "SIP/2.0", "REGISTE"])
      #expect(bodies == Array("\r\n\r\nx".utf8))
      #expect(lengths.reduce(0, +) == bodies.count)
      #expect(blanks == Array("\r\n\r\n\r\n".utf8))
      #expect(framer.isBetweenMessages)
    }
  }

  @Test func whatIsNoSIPPassesUncut() {
    for text in ["Content-Length: -1\r\n\r\n", "Content-Length: x\r\n\r\n", "l: 99999999999999999999\r\n\r\n"] {
      var framer = SIPFramer()
      #expect(framer.cut(Array(text.utf8)) == [.body(Array(text.utf8))])
      #expect(framer.cut([13, 10]) == [.body([13, 10])])
      #expect(!framer.isBetweenMessages)
    }
    var framer = SIPFramer()
    let long = [UInt8](repeating: 65, count: SIPFramer.maximumHead + 1)
    #expect(framer.cut(long) == [.body(long)])
  }

  @Test func onlyTheTopmostViaIsChanged() {
    let rewriter = ViaRewriter(transport: "TLS", sentBy: "192.0.2.1:5070")
    func outgoing(_ head: String) -> String { String(decoding: rewriter.outgoing(Array(head.utf8)), as: UTF8.self) }
    func incoming(_ head: String) -> String { String(decoding: rewriter.incoming(Array(head.utf8)), as: UTF8.self) }
    #expect(
      outgoing(Self.register + "Via: SIP/2.0/TCP other;branch=2\r\n\r\n")
        == "REGISTER sip:a SIP/2.0\r\nVia: SIP/2.0/TLS 192.0.2.1:5070;rport;branch=z9hG4bK1\r\nCall-ID: 1\r\n"
        + "Via: SIP/2.0/TCP other;branch=2\r\n\r\n")
    // A request comes in, and its response goes out as the server knows it.
    for name in ["Via: SIP/2.0/TLS ", "v:SIP / 2.0 / tls\t", "VIA : SIP/2.0/TLS  "] {
      let request = "MESSAGE sip:a SIP/2.0\r\n\(name)server;branch=1\r\nVia: SIP/2.0/TLS peer\r\n\r\n"
      let changed = incoming(request)
      #expect(changed.contains("TCP") && changed.hasSuffix("server;branch=1\r\nVia: SIP/2.0/TLS peer\r\n\r\n"))
    }
    #expect(
      outgoing("SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP server;branch=1\r\nVia: SIP/2.0/TCP peer\r\n\r\n")
        == "SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS server;branch=1\r\nVia: SIP/2.0/TCP peer\r\n\r\n")
    for text in ["SIP/2.0 200 OK\r\nVia: SIP/2.0/TLS me\r\n\r\n", "A b SIP/2.0\r\nVia: x\r\n\r\n", "\r\n\r\n", "v:"] {
      #expect(incoming(text) == text)
    }
    let plain = ViaRewriter(transport: "TCP", sentBy: "192.0.2.1:5070")
    let request = Array("MESSAGE sip:a SIP/2.0\r\nVia: SIP/2.0/TLS server\r\n\r\n".utf8)
    #expect(plain.incoming(request) == request)
  }
}
