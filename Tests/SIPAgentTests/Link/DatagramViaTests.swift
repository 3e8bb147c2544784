// DatagramViaTests.swift: what a link does to Via over UDP (RFC 3261 §18.2.1, RFC 3581, RFC 3263 §4.3)
import Foundation
import Testing

@testable import SIPAgent

struct DatagramViaTests {
  private static func via(mark: String = "", server: String = "192.0.2.1") -> DatagramVia {
    DatagramVia(
      sentBy: "192.0.2.7:5070", inside: "127.0.0.1:5080", serverHost: server, serverPort: 5060, mark: mark)
  }

  private static func head(_ lines: String...) -> [UInt8] {
    Array((lines + ["Call-ID: a", "CSeq: 1 MESSAGE"]).map { $0 + "\r\n" }.joined().utf8) + [13, 10]
  }

  private static func lines(_ head: [UInt8]) -> [String] {
    String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
  }

  @Test func requestsOfOursNameTheAddressThatTheServerSees() {
    let sent = Self.via(mark: "2-").outgoing(
      Self.head("MESSAGE sip:b@example.org SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1:5081;rport;branch=z9hG4bKx"))
    #expect(Self.lines(sent)[1] == "Via: SIP/2.0/UDP 192.0.2.7:5070;rport;branch=z9hG4bK2-x")
    // And the answer is known again.
    let answer = Self.via(mark: "2-").incoming(
      Self.head(
        "SIP/2.0 200 OK", "v:SIP/2.0/UDP 192.0.2.7:5070;received=192.0.2.7;rport=5070;branch=z9hG4bK2-x"))
    #expect(Self.lines(answer)[1] == "v:SIP/2.0/UDP 192.0.2.7:5070;received=192.0.2.7;rport=5070;branch=z9hG4bKx")
  }

  @Test(arguments: [
    ("Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKy", "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKy"),
    (
      "Via: SIP/2.0/UDP proxy.example.org:5060;branch=z9hG4bKy;rport",
      "Via: SIP/2.0/UDP proxy.example.org:5060;branch=z9hG4bKy;rport=5060;received=192.0.2.1"
    ),
    (
      "v : SIP / 2.0 / UDP proxy.example.org ;branch=z9hG4bKy, SIP/2.0/TCP other;branch=z9hG4bKz",
      "v : SIP / 2.0 / UDP proxy.example.org ;branch=z9hG4bKy;received=192.0.2.1, SIP/2.0/TCP other;branch=z9hG4bKz"
    ),
    (
      "Via: SIP/2.0/UDP 192.0.2.1:5060\r\n ;branch=z9hG4bKy",
      "Via: SIP/2.0/UDP 192.0.2.1:5060\r\n ;branch=z9hG4bKy"
    ),
    // A carriage return alone ends no line.
    ("Via: \r- 192.0.2.1;branch=z9hG4bKy", "Via: \r- 192.0.2.1;branch=z9hG4bKy"),
  ])
  func requestsOfTheServerComeBackToTheLink(received: String, noted: String) {
    let via = Self.via()
    let request = Self.head("MESSAGE sip:a@192.0.2.7 SIP/2.0", received, "Via: SIP/2.0/TCP 192.0.2.9;branch=z9hG4bKo")
    let given = String(decoding: via.incoming(request), as: UTF8.self)
    let own = "Via: SIP/2.0/UDP 127.0.0.1:5080;branch=z9hG4bKy;rport\r\n"
    #expect(given.hasPrefix("MESSAGE sip:a@192.0.2.7 SIP/2.0\r\n\(own)\(noted)\r\nVia: SIP/2.0/TCP 192.0.2.9"))
    // Sofia's answer repeats all of them.
    let answer = given.replacingOccurrences(of: "MESSAGE sip:a@192.0.2.7 SIP/2.0", with: "SIP/2.0 200 OK")
      .replacingOccurrences(of: own, with: own.replacingOccurrences(of: "rport", with: "rport=5080"))
    let sent = String(decoding: via.outgoing(Array(answer.utf8)), as: UTF8.self)
    #expect(sent.hasPrefix("SIP/2.0 200 OK\r\n\(noted)\r\nVia: SIP/2.0/TCP 192.0.2.9"))
  }

  @Test func whatHasNoViaStaysAsItIs() {
    let via = Self.via(mark: "1-")
    let start = "MESSAGE sip:a@192.0.2.7 SIP/2.0"
    // What begins with a blank belongs to the line before, whatever it looks like.
    let folds = [Self.head(start, " v: SIP/2.0/UDP h"), Self.head(start, "Subject: a", "\tVia: SIP/2.0/UDP h")]
    for head in folds + [Self.head(start), Self.head("SIP/2.0 200 OK"), Array("\r\n\r\n".utf8)] {
      #expect(via.incoming(head) == head)
      #expect(via.outgoing(head) == head)
    }
    #expect(SIPDatagram(Array("\r\n\r\n".utf8)) == nil)
    #expect(SIPDatagram(Array("INVITE".utf8)) == nil)
  }

  /// A branch that is no token must not come into a Via of ours.
  @Test(arguments: ["z9hG4bK\"", "z9hG4bK\u{7f}", "", "a b"])
  func onlyTokensAreBranches(branch: String) {
    #expect(DatagramVia.branch("SIP/2.0/UDP a;branch=\(branch)") == nil)
  }

  @Test func aRefusalAnswersItsRequest() throws {
    let request = try #require(
      SIPDatagram(
        Self.head(
          "MESSAGE sip:b@example.org SIP/2.0", "Via: SIP/2.0/UDP 127.0.0.1:5081;branch=z9hG4bKx",
          "From: <sip:a@example.org>;tag=1", "To: <sip:b@example.org>", "Route: <sip:127.0.0.1;lr>") + [1, 2, 3]))
    let refusal = try #require(request.unavailable)
    #expect(refusal.transaction == request.transaction)
    #expect(refusal.transaction == "z9hG4bKx MESSAGE")
    #expect(
      Self.lines(refusal.bytes) == [
        "SIP/2.0 503 Service Unavailable", "Via: SIP/2.0/UDP 127.0.0.1:5081;branch=z9hG4bKx",
        "From: <sip:a@example.org>;tag=1", "To: <sip:b@example.org>;tag=unavailable", "Call-ID: a", "CSeq: 1 MESSAGE",
        "Content-Length: 0", "", "",
      ])
  }
}
