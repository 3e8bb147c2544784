// TraceTargets.swift: files of --trace, which anybody may have made
import Foundation
import SafeText
import TestSupport
import TraceFile

extension FuzzTarget {
  static let traces: [FuzzTarget] = [
    // The same in one piece and in two; what is drawn is harmless; a capture's records fill the file.
    FuzzTarget("trace-file", seeds: { [TraceExample.data] }, cost: 10) { data in
      var (whole, pieces) = ([TraceEntry](), [TraceEntry]())
      var reader = TraceReader()
      reader.take(data) { whole.append($0) }
      reader.finish { whole.append($0) }
      reader = TraceReader()
      for piece in [data.prefix(data.count / 2), data.dropFirst(data.count / 2)] {
        reader.take(piece) { pieces.append($0) }
      }
      reader.finish { pieces.append($0) }
      guard !whole.isEmpty else { throw Refused() }
      var ladder = LadderDiagram()
      var capture = PacketCapture()
      var filter = TraceFilter(room: "Team", callID: "a")
      var packets = capture.header
      let messages = whole.compactMap(TracedMessage.init)
      for message in messages {
        filter.learn(message)
        ladder.learn(message)
        packets += capture.packets(message)
      }
      _ = messages.count(where: filter.shows)
      let rows = messages.flatMap { ladder.rows($0, width: 100) } + whole.flatMap { ladder.rows(note: $0) }
      let isHarmless = (rows + ladder.heading).allSatisfy { row in
        row.unicodeScalars.allSatisfy { ScalarTreatment(of: $0).isHarmless }
      }
      return whole == pieces && isHarmless && TraceExample.recordsFill(packets)
    }
  ]
}

/// A trace as the program writes it.
public enum TraceExample {
  public static var data: Data { Data(text.utf8) }

  static let text = """
    ===== 2026-11-30T16:49:37.450Z trace of a test
    ===== 2026-11-30T16:49:37.453Z -> TCP 127.0.0.1:5060
    MESSAGE sip:chatroom-1@sip.example.org;gr=urn:uuid:1 SIP/2.0
    Via: SIP/2.0/TCP 127.0.0.1:5070;rport;branch=z9hG4bKa
    f: "Alice" <sip:alice@sip.example.org;gr=urn:uuid:2>;tag=1
    To: <sip:chatroom-1@sip.example.org;gr=urn:uuid:1>
    i: a1
    CSeq: 20 MESSAGE
    Content-Type: message/cpim
    Content-Length: 145

    From: <sip:alice@sip.example.org;gr=urn:uuid:2>
    To: <sip:chatroom-1@sip.example.org>
    NS: imdn <urn:ietf:params:imdn>
    imdn.Message-ID: x

    Content-Type: text/plain

    hi
    ===== 2026-11-30T16:49:37.460Z <- TCP 127.0.0.1:5060
    SIP/2.0 200 Ok
    Via: SIP/2.0/TCP 127.0.0.1:5070;rport=5071;branch=z9hG4bKa
    From: <sip:alice@sip.example.org;gr=urn:uuid:2>;tag=1
    To: <sip:chatroom-1@sip.example.org;gr=urn:uuid:1>;tag=2
    Call-ID: a1
    CSeq: 20 MESSAGE
    Content-Length: 0

    ===== 2026-11-30T16:49:37.470Z <- UDP [::1]:5060 (body decoded, deflate on the wire)
    INVITE sip:alice@[::1]:5071 SIP/2.0
    Via: SIP/2.0/UDP [::1]:5060;branch=z9hG4bKb
    From: <sip:chatroom-1@sip.example.org>;tag=3
    To: <sip:alice@sip.example.org>
    Call-ID: b1
    CSeq: 1 INVITE
    Subject: Team
    Contact: <sip:chatroom-1@sip.example.org;gr=urn:uuid:1>;isfocus
    Content-Type: application/resource-lists+xml
    Content-Encoding: deflate

    <x/>
    ===== 2026-11-30T16:49:37.480Z -> http://127.0.0.1:44179/
    POST http://127.0.0.1:44179/ HTTP
    From: sip:alice@sip.example.org

    (3 bytes)
    ===== 2026-11-30T16:49:37.490Z <- http://127.0.0.1:44179/
    HTTP 401
    Content-Length: 0


    """

  /// Whether the records of a capture have the lengths that they say.
  public static func recordsFill(_ data: Data) -> Bool {
    let bytes = [UInt8](data)
    var index = 24
    while index + 16 <= bytes.count {
      let length = (0..<4).reduce(0) { $0 | Int(bytes[index + 8 + $1]) << (8 * $1) }
      index += 16 + length
    }
    return index == bytes.count
  }
}
