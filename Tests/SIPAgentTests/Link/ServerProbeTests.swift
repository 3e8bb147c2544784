// ServerProbeTests.swift: the OPTIONS by which a link over UDP finds out whether its server is there
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import SIPAgent

struct ServerProbeTests {
  private static func probe() throws -> ServerProbe {
    ServerProbe(address: try #require(SIPURI("sip:alice@example.org")), sentBy: "192.0.2.7:5070", patience: 10)
  }

  private static func answer(_ request: [UInt8]) throws -> SIPDatagram {
    let text = String(decoding: request, as: UTF8.self)
      .replacingOccurrences(of: "OPTIONS sip:example.org SIP/2.0", with: "SIP/2.0 483 Too Many Hops")
      .replacingOccurrences(of: "Call-ID:", with: "i:")
    return try #require(SIPDatagram(Array(text.utf8)))
  }

  private static func request(_ step: ServerProbe.Step) throws -> [UInt8] {
    guard case .send(let bytes) = step else { throw SIPError.invalidArgument("\(step)") }
    return bytes
  }

  @Test func aServerThatAnsweredOnceMustAnswerAgain() throws {
    var probe = try Self.probe()
    let start = ContinuousClock.now
    #expect(probe.due == nil)
    probe.begin(start)
    let first = try Self.request(probe.step(start))
    let isTaken = try probe.take(Self.answer(first))
    #expect(isTaken)
    #expect(probe.due == nil)
    probe.begin(start)
    // Sent again after 0.5, 1.5, 3.5 and 7.5 s, the same each time.
    var sent: [[UInt8]] = []
    for tenth in 0..<100 {
      if case .send(let bytes) = probe.step(start + .milliseconds(100 * tenth)) { sent.append(bytes) }
    }
    #expect(sent.count == 5)
    #expect(Set(sent).count == 1 && sent.first != first)
    let last = probe.step(start + .seconds(10))
    #expect(last == .lost)
    #expect(probe.isUseful && probe.due == nil)
  }

  @Test func aServerThatNeverAnswersIsNotAskedAgain() throws {
    var probe = try Self.probe()
    let start = ContinuousClock.now
    probe.begin(start)
    let request = try Self.request(probe.step(start))
    // Other messages are none of its business.
    let other = try #require(SIPDatagram(Array("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=b\r\n\r\n".utf8)))
    let isTaken = probe.take(other)
    let last = probe.step(start + .seconds(10))
    #expect(!isTaken && last == .nothing)
    #expect(!probe.isUseful)
    probe.begin(start + .seconds(20))
    #expect(probe.due == nil)
    #expect(!String(decoding: request, as: UTF8.self).contains("127.0.0.1"))
  }

  @Test func anythingThatComesIsASignOfLife() throws {
    var probe = try Self.probe()
    let start = ContinuousClock.now
    probe.begin(start)
    let isTaken = try probe.take(Self.answer(Self.request(probe.step(start))))
    #expect(isTaken)
    probe.begin(start)
    _ = probe.step(start)
    let message = try #require(SIPDatagram(Array("MESSAGE sip:alice@192.0.2.7 SIP/2.0\r\n\r\n".utf8)))
    let isAnswer = probe.take(message)
    let last = probe.step(start + .seconds(20))
    #expect(!isAnswer && last == .nothing)
  }

  @Test func theRequestIsAsTheProtocolPageHasIt() throws {
    var probe = try Self.probe()
    probe.begin(.now)
    let request = String(decoding: try Self.request(probe.step(.now)), as: UTF8.self)
    let lines = request.components(separatedBy: "\r\n").filter { !$0.isEmpty }
    #expect(lines.first == "OPTIONS sip:example.org SIP/2.0")
    var page = try ProtocolPage()
    #expect(try page.note("OPTIONS", lines: Array(lines.dropFirst())) == [])
    #expect(page.unseen(in: ["OPTIONS"]) == [])
  }
}
