// SIPTraceTaps.swift: where an agent's messages are taken for a trace: its link's streams, and Sofia's log for UDP
import CSofia
import Foundation
import ServerConnection

/// Puts the messages of one direction of a stream together again.
struct StreamTap {
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

/// Sofia's log of its messages, one for the process, as Sofia's log is. It cuts lines at 2047 bytes, which datagrams
/// seldom have.
///
/// `@unchecked Sendable`: what is mutable is only touched on Sofia's thread, by Sofia's log.
final class DatagramTap: @unchecked Sendable {
  private let trace: WireTrace
  private var rest: [UInt8] = []
  private var title: String?
  private var lines: [[UInt8]] = []

  private static let indentation = Array("   ".utf8)
  private static let rule = Array("   ---".utf8)

  private init(_ trace: WireTrace) { self.trace = trace }

  /// The messages of agents that ask Sofia for its log go to `trace` from now on.
  @SIPActor
  static func begin(_ trace: WireTrace) {
    // Held by Sofia's log from now on.
    sofia_trace_start(Unmanaged.passRetained(DatagramTap(trace)).toOpaque()) { context, text, length in
      guard let context, let text, length > 0 else { return }
      let tap = Unmanaged<DatagramTap>.fromOpaque(context).takeUnretainedValue()
      text.withMemoryRebound(to: UInt8.self, capacity: length) {
        tap.take(UnsafeBufferPointer(start: $0, count: length))
      }
    }
  }

  private func take(_ bytes: UnsafeBufferPointer<UInt8>) {
    rest.append(contentsOf: bytes)
    while let end = rest.firstIndex(of: 10) {
      line(Array(rest[..<end]))
      rest.removeSubrange(...end)
    }
  }

  private func line(_ line: [UInt8]) {
    guard line.starts(with: Self.indentation) else {
      // `send 512 bytes to udp/[192.0.2.1]:5060 at 09:14:02.123456:` begins a message.
      title = String(decoding: line, as: UTF8.self)
      lines = []
      return
    }
    guard line.starts(with: Self.rule), line.allSatisfy({ $0 == 32 || $0 == 45 }) else {
      return lines.append(Array(line.dropFirst(Self.indentation.count)))
    }
    guard let title, !lines.isEmpty else { return }
    let words = title.split(separator: " ")
    let peer = words.first { $0.contains("/") }.map(String.init) ?? ""
    trace.note(words.first == "send" ? .sent : .received, peer, Data(lines.joined(separator: [13, 10])))
    self.title = nil
  }
}
