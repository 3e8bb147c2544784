// SIPHead.swift: start line and header fields of a message from the network, checked before Sofia reads them
// (RFC 3261 §7, §8.1.1)
import Foundation
import MessageFormats

/// Sofia stops reading from a connection for good once a message on it is one that it cannot parse, or too large. So
/// the links give it none of that kind.
struct SIPHead {
  /// Why a message does not go to Sofia.
  enum Fault: Equatable {
    /// 400, or dropped where it is no request that can be answered.
    case malformed(String)
    /// 413
    case tooLarge
  }

  let bytes: [UInt8]
  let isResponse: Bool
  /// Of a request; empty in a response.
  let method: String
  private let headers: [SIPHeader]
  private let flaw: String?
  private let hasRequestLine: Bool

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    let (startLine, headers) = bytes.withUnsafeBufferPointer { MessageText.parse($0) }
    self.headers = headers
    isResponse = startLine.hasPrefix("SIP/2.0 ")
    let words = startLine.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    method = isResponse ? "" : words.first ?? ""
    hasRequestLine = words.count == 3 && words[2].hasPrefix("SIP/") && Self.isToken(words[0])
    flaw = Self.flaw(startLine, words, bytes, headers, isResponse)
  }

  /// nil when Sofia may have it.
  func fault(bodyLength: Int) -> Fault? {
    if let flaw { return .malformed(flaw) }
    return bytes.count + bodyLength > SofiaStack.maximumMessageSize ? .tooLarge : nil
  }

  /// The same for a request, its retransmissions and its responses.
  var transaction: String {
    let via = DatagramVia.first(of: bytes).flatMap { DatagramVia.branch(String(decoding: bytes[$0], as: UTF8.self)) }
    let sequence = (field("cseq", nil) ?? "").split(whereSeparator: { $0 == " " || $0 == "\t" })
    let number = sequence.first.flatMap { UInt32($0) } ?? 0
    return "\(via ?? "") \(field("call-id", "i") ?? "") \(number) \(sequence.last ?? "")"
  }

  /// With Content-Length, which a stream must have (RFC 3261 §20.14): without it Sofia might look for a body.
  var withLength: [UInt8] {
    let hasLength = bytes.split(separator: 10).contains { line in
      let name = String(decoding: line.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
        .trimmingCharacters(in: .whitespaces).lowercased()
      return ["content-length", "l"].contains(name)
    }
    return hasLength ? bytes : bytes.dropLast(2) + Array("Content-Length: 0\r\n\r\n".utf8)
  }

  /// Whether it begins as a request does and an answer to it finds its way. Behind bytes of something else even a sound
  /// request does not: it will come again.
  var isAnswerable: Bool {
    !isResponse && hasRequestLine
      && [("via", "v"), ("from", "f"), ("to", "t"), ("call-id", "i"), ("cseq", "cseq")]
        .allSatisfy { field($0.0, $0.1)?.isEmpty == false }
  }

  var isCompressed: Bool {
    field("content-encoding", "e").map { $0.lowercased() != "identity" } ?? false
  }

  /// Whether it ends its transaction.
  var isFinalResponse: Bool { isResponse && bytes.dropFirst(8).first.map { $0 != UInt8(ascii: "1") } ?? false }

  private func field(_ name: String, _ short: String?) -> String? { Self.field(headers, name, short) }

  private static func field(_ headers: [SIPHeader], _ name: String, _ short: String?) -> String? {
    headers.first { $0.name.equalsIgnoringCase(name) || short.map($0.name.equalsIgnoringCase) == true }?.value
  }

  // MARK: Flaws

  private static func flaw(
    _ startLine: String, _ words: [String], _ bytes: [UInt8], _ headers: [SIPHeader], _ isResponse: Bool
  ) -> String? {
    if isResponse {
      guard words.count >= 2, words[1].utf8.count == 3, let status = Int(words[1]), (100..<700).contains(status) else {
        return "status line"
      }
    } else {
      guard words.count == 3, words[2] == "SIP/2.0", isToken(words[0]), !words[1].isEmpty else { return "request line" }
    }
    if let flaw = flawOfLines(bytes) { return flaw }
    for (name, short) in [("via", "v"), ("from", "f"), ("to", "t"), ("call-id", "i")] {
      guard field(headers, name, short)?.isEmpty == false else { return name }
    }
    let sequence = (field(headers, "cseq", nil) ?? "").split(whereSeparator: { $0 == " " || $0 == "\t" })
    guard sequence.count == 2, UInt32(sequence[0]) != nil, isResponse || sequence[1] == words[0] else { return "cseq" }
    return nil
  }

  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty && SIPHeader(text, "").isWellFormed
  }

  /// Every line ends with CRLF, holds no other control character than TAB and is a field, or goes on with one.
  private static func flawOfLines(_ bytes: [UInt8]) -> String? {
    var start = 0
    var isFirst = true
    while start < bytes.count {
      guard let end = bytes[start...].firstIndex(of: 13), end + 1 < bytes.count, bytes[end + 1] == 10 else {
        return "line end"
      }
      let line = bytes[start..<end]
      guard line.allSatisfy({ $0 == 9 || ($0 >= 32 && $0 != 127) }) else { return "control character" }
      if !isFirst, let first = line.first, first != 32, first != 9 {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > start else { return "field" }
        let name = line[..<colon].reversed().drop { $0 == 32 || $0 == 9 }.reversed()
        guard isToken(String(decoding: name, as: UTF8.self)) else { return "field" }
      }
      isFirst = false
      start = end + 2
    }
    return nil
  }
}
