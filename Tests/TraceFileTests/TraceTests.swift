// TraceTests.swift: what is written by WireTrace is read, drawn and captured
import Foundation
import ServerConnection
import TestSupport
import Testing

@testable import TraceFile

@Suite struct TraceReading {
  private static func entries(_ text: String) -> [TraceEntry] {
    var (reader, result) = (TraceReader(), [TraceEntry]())
    reader.take(Data(text.utf8)) { result.append($0) }
    reader.finish { result.append($0) }
    return result
  }

  private static func message(_ head: [String], _ body: String) -> Data {
    Data((head + ["Content-Length: \(body.utf8.count)", "", body]).joined(separator: "\r\n").utf8)
  }

  private static let head = [
    "MESSAGE sip:room@example.org SIP/2.0", "Via: SIP/2.0/TCP 192.0.2.7:5070;branch=z9hG4bKa",
    "From: <sip:alice@example.org>;tag=1", "To: <sip:room@example.org>", "Call-ID: c1", "CSeq: 1 MESSAGE",
    "Content-Type: text/plain",
  ]

  @Test(arguments: [
    "one\r\ntwo\r\n", "one\ntwo", "", "\r\n", "===== 2026-11-30T16:49:38.049Z <- TCP 192.0.2.1:5060\nX",
  ])
  func bodiesComeBackAsTheyWere(body: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("trace").path
    let trace = try WireTrace(path: path)
    trace.note("first")
    trace.note(.sent, "TCP 192.0.2.1:5060", Self.message(Self.head, body))
    trace.note(.received, "TCP 192.0.2.1:5060", Data("SIP/2.0 404 Not found\r\n\r\n".utf8))
    var found: [TraceEntry] = []
    try TraceReader.read(path) { found.append($0) }
    // What a text says never looks like an entry of its own.
    try #require(found.count == 3, "\(found)")
    let message = try #require(TracedMessage(found[1]))
    #expect(message.body == Data(body.utf8) && message.isBodyWhole)
    #expect(message.callID == "c1" && message.peer == "TCP 192.0.2.1:5060")
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(
      separator: "\n", omittingEmptySubsequences: false)
    for entry in found { #expect(lines[entry.line - 1].hasPrefix("===== ")) }
    #expect(trace.position == lines.count)
    #expect(trace.placeOfFailure(since: 1) == found[2].line && trace.placeOfFailure(since: trace.position) == nil)
  }

  @Test func aTraceThatWasThereIsNotCounted() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("trace").path
    try Data("from before\n".utf8).write(to: folder.file("trace"))
    let trace = try WireTrace(path: path, continues: true)
    trace.note("x")
    #expect(trace.placeOfFailure(since: 1) == nil)
  }

  @Test func aLadderSaysWhoSentWhatToWhom() throws {
    let messages = Self.entries(
      """
      ===== 2026-11-30T16:49:37.453Z -> TCP 192.0.2.1:5060
      MESSAGE sip:room@example.org SIP/2.0
      Via: SIP/2.0/TCP 192.0.2.7:5070;branch=z9hG4bKa
      From: <sip:alice@example.org>;tag=1
      To: <sip:room@example.org>
      Call-ID: c1
      CSeq: 1 MESSAGE
      Content-Type: message/cpim

      From: <sip:alice@example.org;gr=urn:uuid:0123456789>
      NS: imdn <urn:ietf:params:imdn>
      imdn.Message-ID: -Qr7

      Content-Type: text/plain

      hello
      ===== 2026-11-30T16:49:37.463Z <- TCP 192.0.2.1:5060
      SIP/2.0 403 \u{9b}Forbidden
      Via: SIP/2.0/TCP 192.0.2.7:5070;branch=z9hG4bKa
      From: <sip:alice@example.org>;tag=1
      To: <sip:room@example.org>
      Call-ID: c1
      CSeq: 1 MESSAGE

      """
    ).compactMap(TracedMessage.init)
    var ladder = LadderDiagram()
    for message in messages { ladder.learn(message) }
    #expect(ladder.heading.joined(separator: "\n").contains(/alice +192\.0\.2\.1:5060\n +example.org +TCP$/))
    let rows = messages.flatMap { ladder.rows($0) }
    #expect(rows.first == "2026-11-30 (UTC)")
    #expect(
      rows[1].hasPrefix("16:49:37.453      1 ├─")
        && rows[1].contains("─▶│  MESSAGE sip:room@example.org, CPIM text/plain")
        && rows[1].contains("from alice@example.org;gr=…456789, Message-ID -Qr7"), "\(rows)")
    #expect(rows[2].contains("│◀─") && rows[2].contains("403 \u{FFFD}Forbidden (MESSAGE) after 10 ms"), "\(rows)")
    // In a terminal nothing is left out either.
    let narrow = ladder.rows(messages[0], width: 70)
    #expect(narrow.count > 1 && narrow.joined().contains("Message-ID -Qr7"))
  }

  @Test func aFileThatIsMadeToHurtIsBounded() {
    let line = String(repeating: "x", count: TraceReader.maximumLine + 10)
    let title = "===== 2026-11-30T16:49:37.453Z -> TCP 192.0.2.1:5060\n"
    let entries = Self.entries(title + line + "\n" + line + "\n" + line + "\n" + title + "y")
    #expect(entries.count == 2 && entries[0].isCut && entries[0].lines.joined().utf8.count <= TraceReader.maximumEntry)
    #expect(entries[1].line == 5 && entries[1].lines == ["y"] && !entries[1].isCut)
    // What is kept for later messages has a limit too.
    let long = String(repeating: "b", count: 5000)
    let head = "MESSAGE sip:a@h SIP/2.0\nVia: SIP/2.0/TCP h;branch=\(long)\nCall-ID: \(long)\nCSeq: 1 MESSAGE\n\n"
    let message = Self.entries(title + head).first.flatMap(TracedMessage.init)
    #expect(message?.method == "MESSAGE" && message?.callID == nil && message?.transaction == nil)
    let many = Self.entries(title + String(repeating: "\n", count: TraceReader.maximumLines + 10))
    #expect(many.count == 1 && many[0].lines.count == TraceReader.maximumLines)
  }
}
