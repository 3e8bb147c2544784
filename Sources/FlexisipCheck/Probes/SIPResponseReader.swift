// SIPResponseReader.swift: SIP responses out of the bytes of a TCP connection (RFC 3261 sections 7 and 18.3)
import Foundation
import SIPAgent

/// Takes bytes in pieces of any size and gives whole responses.
package struct SIPResponseReader: Sendable {
  /// Larger answers are given up, in bytes.
  static let maximumAnswer = 1 << 20
  /// Compact names (section 7.3.3) of what is read here.
  private static let fullNames = ["i": "Call-ID", "m": "Contact", "t": "To", "f": "From", "l": "Content-Length"]

  package enum Message: Sendable, Equatable {
    case response(SIPResponse)
    /// A message that is no response.
    case other
  }

  private var received = Data()
  /// The bytes of the message that was given last.
  private(set) var lastMessage = Data()

  package init() {}

  var isFull: Bool { received.count >= Self.maximumAnswer }

  package mutating func append(_ bytes: Data) { received.append(bytes) }

  /// The next message; nil when no whole one has come yet.
  package mutating func next() -> Message? {
    // Empty lines before a message are passed over (section 7.5).
    var start = received.startIndex
    while received[start...].starts(with: [13, 10]) { start += 2 }
    if start > received.startIndex { received = Data(received[start...]) }
    guard let end = received.range(of: Data("\r\n\r\n".utf8)) else { return nil }
    let lines = String(decoding: received[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
    let headers = Self.headers(lines.dropFirst())
    let length = min(headers.first(named: "Content-Length").flatMap { Int($0) } ?? 0, Self.maximumAnswer)
    guard length >= 0, received.distance(from: end.upperBound, to: received.endIndex) >= length else { return nil }
    let bodyEnd = received.index(end.upperBound, offsetBy: length)
    let body = Data(received[end.upperBound..<bodyEnd])
    lastMessage = Data(received[..<bodyEnd])
    received = Data(received[bodyEnd...])
    let words = (lines.first ?? "").split(separator: " ", maxSplits: 2).map(String.init)
    guard words.count >= 2, words[0] == "SIP/2.0", let status = Int(words[1]) else { return .other }
    return .response(
      SIPResponse(status: status, reason: words.count > 2 ? words[2] : "", headers: headers, body: body))
  }

  private static func headers(_ lines: ArraySlice<String>) -> [SIPHeader] {
    var headers: [SIPHeader] = []
    for line in lines {
      if line.first == " " || line.first == "\t", let last = headers.indices.last {
        headers[last].value += " " + line.trimmed
      } else if let colon = line.firstIndex(of: ":") {
        let name = String(line[..<colon]).trimmed
        headers.append(
          SIPHeader(fullNames[name.lowercased()] ?? name, String(line[line.index(after: colon)...]).trimmed))
      }
    }
    return headers
  }
}
