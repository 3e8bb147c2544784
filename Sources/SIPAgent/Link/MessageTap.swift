// MessageTap.swift: where a link's messages are taken for a trace
import Foundation
import ServerConnection

/// Puts the messages of one direction together again.
struct MessageTap {
  let trace: WireTrace
  let direction: WireTrace.Direction
  /// `TLS 192.0.2.1:5061`
  let peer: String

  private var message = Data()
  private var head = 0
  private var bodyLeft = 0

  init(_ trace: WireTrace, _ direction: WireTrace.Direction, peer: String) {
    (self.trace, self.direction, self.peer) = (trace, direction, peer)
  }

  mutating func take(head bytes: [UInt8], bodyLength: Int) {
    (message, head, bodyLeft) = (Data(bytes), bytes.count, bodyLength)
    if bodyLeft == 0 { finish() }
  }

  mutating func take(body bytes: [UInt8]) {
    // A stream that is not SIP has bodies without heads.
    guard bodyLeft > 0 else {
      return trace.note("\(direction.rawValue) \(peer): \(bytes.count) bytes that are not SIP")
    }
    // A trace shows no more than that of a body.
    if message.count - head <= WireTrace.maximumBody { message += bytes }
    bodyLeft -= bytes.count
    if bodyLeft <= 0 { finish() }
  }

  mutating func take(_ datagram: SIPDatagram) {
    take(head: datagram.head, bodyLength: datagram.body.count)
    if !datagram.body.isEmpty { take(body: datagram.body) }
  }

  /// Bodies are shown as what they say: lists and large ones go deflated.
  private mutating func finish() {
    defer { message = Data() }
    let headers = message.prefix(head).withUnsafeBytes { MessageText.parse($0.bindMemory(to: UInt8.self)).headers }
    let body = message.dropFirst(head)
    guard let coding = headers.first(named: "Content-Encoding"),
      let decoded = try? ContentCoding.decode(Data(body), headers: headers)
    else { return trace.note(direction, peer, message) }
    trace.note(direction, "\(peer) (body decoded, \(coding) on the wire)", message.prefix(head) + decoded)
  }
}
