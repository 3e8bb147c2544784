// SIPDatagram.swift: one SIP message as a datagram carries it (RFC 3261 §18.3)
import Foundation
import MessageFormats

package struct SIPDatagram {
  /// Start line and header fields, with the empty line at their end.
  package var head: [UInt8]
  let body: [UInt8]

  private static let response = Array("SIP/2.0 ".utf8)

  /// nil for what has no head: keepalives, and what is no SIP.
  package init?(_ bytes: [UInt8]) {
    // RFC 3261 §7.5: CRLFs may come first.
    let start = bytes.firstIndex { $0 != 13 && $0 != 10 } ?? bytes.endIndex
    guard let end = ByteSearch.position(of: [13, 10, 13, 10], in: bytes, from: start) else { return nil }
    head = Array(bytes[start..<(end + 4)])
    body = Array(bytes[(end + 4)...])
  }

  package var bytes: [UInt8] { head + body }

  package var isResponse: Bool { head.starts(with: Self.response) }

  /// Of a request.
  package var method: String { String(decoding: head.prefix { $0 != 32 }, as: UTF8.self) }

  var headers: [SIPHeader] { head.withUnsafeBufferPointer { MessageText.parse($0).headers } }

  /// The same for a request, for its retransmissions and for its responses (RFC 3261 §17.1.3): the branch of the first
  /// Via and the method. nil without them.
  package var transaction: String? {
    guard let via = DatagramVia.first(of: head),
      let branch = DatagramVia.branch(String(decoding: head[via], as: UTF8.self))
    else { return nil }
    guard isResponse else { return "\(branch) \(method)" }
    return headers.first(named: "CSeq")?.split(separator: " ").last.map { "\(branch) \($0)" }
  }

  /// The response that a client makes of a transport that fails (RFC 3261 §8.1.3.1). nil for ACK.
  package var unavailable: SIPDatagram? { response("503 Service Unavailable", tag: "unavailable") }

  /// A response without body to this request (RFC 3261 §8.2.6.2); nil for ACK, which gets none.
  /// - Parameters:
  ///   - status: code and reason.
  ///   - tag: for To, unless it has one.
  ///   - retryAfter: seconds, for Retry-After.
  package func response(_ status: String, tag: String, retryAfter: Int? = nil) -> SIPDatagram? {
    guard !isResponse, method != "ACK" else { return nil }
    var fields = headers.compactMap { field -> SIPHeader? in
      let name = field.name.lowercased()
      guard Self.copied.contains(name) else { return nil }
      // What cannot stand in a message need not come back: the transaction is found by the branch.
      let value = String(field.value.unicodeScalars.filter { $0.value == 9 || ($0.value >= 32 && $0.value != 127) })
      let isBareTo = ["to", "t"].contains(name) && !value.contains(";tag=")
      return SIPHeader(field.name, isBareTo ? value + ";tag=\(tag)" : value)
    }
    if let retryAfter { fields.append(SIPHeader("Retry-After", "\(retryAfter)")) }
    return MessageText.wire("SIP/2.0 \(status)", fields, Data()).flatMap { SIPDatagram([UInt8]($0)) }
  }

  /// Also in their short forms (RFC 3261 §7.3.3).
  private static let copied: Set = ["via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "record-route"]
}
