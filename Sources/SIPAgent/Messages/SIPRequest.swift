// SIPRequest.swift: a SIP request as a value, and messages as text (RFC 3261 §7)
import Foundation
import MessageFormats

/// A request: what a server receives, and what it sends over a client's connection.
public struct SIPRequest: Hashable, Sendable {
  /// A token in capitals: `MESSAGE`
  public var method: String
  /// The Request-URI as written; `target` is the same as a SIP URI.
  public var uri: String
  /// In order, one value a field. Content-Length is written from the body and is not kept.
  public var headers: [SIPHeader]
  /// As it travels; Content-Length is its length.
  public var body: Data

  public init(method: String, uri: String, headers: [SIPHeader] = [], body: Data = Data()) {
    self.method = method
    self.uri = uri
    self.headers = headers
    self.body = body
  }

  /// The Request-URI; nil when it is no SIP URI.
  public var target: SIPURI? { SIPURI(uri) }
  /// nil when it is missing or cannot be read.
  public var from: NameAddress? { self[header: "From"].flatMap(NameAddress.init) }
  /// nil when it is missing or cannot be read.
  public var to: NameAddress? { self[header: "To"].flatMap(NameAddress.init) }
  /// nil when it is missing.
  public var callID: String? { self[header: "Call-ID"] }
  /// The number of CSeq.
  public var sequence: UInt32? {
    self[header: "CSeq"]?.split(separator: " ").first.flatMap { UInt32($0) }
  }

  /// The value of the first field of that name.
  public subscript(header name: String) -> String? { headers.first(named: name) }

  /// The message as it goes over the wire. nil when a header field or the start line would break it.
  public var wireText: Data? {
    let isOneWord: (String) -> Bool = { word in
      !word.isEmpty && word.utf8.allSatisfy { $0 > 32 && $0 != 127 }
    }
    guard isOneWord(method), isOneWord(uri) else { return nil }
    return MessageText.wire("\(method) \(uri) SIP/2.0", headers, body)
  }
}

extension SIPResponse {
  /// The response as it goes over the wire. nil when a header field or the reason would break it.
  var wireText: Data? {
    guard SIPHeader("Reason", reason).isWellFormed, (100..<700).contains(status) else { return nil }
    return MessageText.wire("SIP/2.0 \(status) \(reason)", headers, body)
  }
}

/// Start line and header fields of a message, to and from text.
enum MessageText {
  static func wire(_ startLine: String, _ headers: [SIPHeader], _ body: Data) -> Data? {
    guard let block = block(headers.filter { !$0.isContentLength }) else { return nil }
    var data = Data("\(startLine)\r\n\(block)Content-Length: \(body.count)\r\n\r\n".utf8)
    data.append(body)
    return data
  }

  /// One line a field, each ended by CRLF. nil when one is not well-formed.
  static func block(_ headers: [SIPHeader]) -> String? {
    guard headers.allSatisfy(\.isWellFormed) else { return nil }
    return headers.map { "\($0.name): \($0.value)\r\n" }.joined()
  }

  /// Splits a head in which every line is one field.
  static func parse(_ head: UnsafeBufferPointer<UInt8>) -> (startLine: String, headers: [SIPHeader]) {
    var lines = head.split(whereSeparator: { $0 == 13 || $0 == 10 })[...]
    let startLine = lines.popFirst().map { String(decoding: $0, as: UTF8.self) } ?? ""
    let headers = lines.compactMap { line -> SIPHeader? in
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
      let isBlank: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
      var value = line[(colon + 1)...].drop(while: isBlank)
      while let last = value.last, isBlank(last) { value.removeLast() }
      return SIPHeader(String(decoding: line[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
    }
    return (startLine, headers.filter { !$0.isContentLength })
  }
}

extension SIPHeader {
  fileprivate var isContentLength: Bool { name.equalsIgnoringCase("Content-Length") }
}
