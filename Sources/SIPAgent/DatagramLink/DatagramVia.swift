// DatagramVia.swift: the topmost Via of what a link carries over UDP (RFC 3261 §18, RFC 3581)
import Foundation
import MessageFormats

/// What a link does to the topmost Via. Requests of ours get the address that the server can answer to. On requests of
/// the server the link puts a Via of its own, as a stateless proxy does (RFC 3261 §16.11): Sofia then answers to the
/// link. What the receiver of a request has to note in the server's Via, the link notes (§18.2.1, RFC 3581 §4).
package struct DatagramVia {
  /// Our address as the server is told it, `192.0.2.1:5070`.
  var sentBy: String
  /// The link's address as Sofia sees it, `127.0.0.1:5080`.
  var inside: String
  /// The server's, numeric without brackets, and its port.
  var serverHost: String
  var serverPort: Int
  /// Makes the branches of requests that were sent to another server before different (RFC 3263 §4.3). Empty, or a
  /// token.
  var mark: String

  package init(sentBy: String, inside: String, serverHost: String, serverPort: Int, mark: String) {
    self.sentBy = sentBy
    self.inside = inside
    self.serverHost = serverHost
    self.serverPort = serverPort
    self.mark = mark
  }

  /// RFC 3261 §8.1.1.7
  private static let cookie = "z9hG4bK"

  /// From Sofia to the server.
  package func outgoing(_ head: [UInt8]) -> [UInt8] {
    guard let via = Self.first(of: head) else { return head }
    if head.starts(with: Array("SIP/2.0 ".utf8)) {
      // Ours is a line of its own, as it came.
      guard String(decoding: head[via], as: UTF8.self).contains(inside), let start = Self.line(of: via, in: head),
        let end = ByteSearch.position(of: [13, 10], in: head, from: via.upperBound)
      else { return head }
      return Array(head[..<start]) + Array(head[(end + 2)...])
    }
    let parameters = String(decoding: head[via], as: UTF8.self).drop { $0 != ";" }
      .replacing(Self.cookie, with: Self.cookie + mark, maxReplacements: 1)
    return Self.replacing(via, in: head, "SIP/2.0/UDP \(sentBy)" + parameters)
  }

  /// From the server to Sofia.
  package func incoming(_ head: [UInt8]) -> [UInt8] {
    guard let via = Self.first(of: head) else { return head }
    let text = String(decoding: head[via], as: UTF8.self)
    if head.starts(with: Array("SIP/2.0 ".utf8)) {
      guard !mark.isEmpty else { return head }
      return Self.replacing(via, in: head, text.replacing(Self.cookie + mark, with: Self.cookie, maxReplacements: 1))
    }
    let noted = Self.replacing(via, in: head, received(text))
    guard let firstLine = ByteSearch.position(of: [13, 10], in: noted) else { return head }
    // The same branch: retransmissions, CANCEL and ACK must be known as such.
    let branch = Self.branch(text).map { ";branch=\($0)" } ?? ""
    return Array(noted[..<(firstLine + 2)]) + Array("Via: SIP/2.0/UDP \(inside)\(branch);rport\r\n".utf8)
      + Array(noted[(firstLine + 2)...])
  }

  private func received(_ via: String) -> String {
    var parts = via.split(separator: ";", omittingEmptySubsequences: false).map(String.init)
    let sentBy = parts.first?.split(whereSeparator: \.isWhitespace).last.map(String.init) ?? ""
    let rport = parts.firstIndex { $0.trimmingCharacters(in: .whitespaces).lowercased() == "rport" }
    if let rport { parts[rport] = "rport=\(serverPort)" }
    let name = serverHost.contains(":") ? "[\(serverHost)]" : serverHost
    if rport != nil || (sentBy != name && !sentBy.hasPrefix(name + ":")) { parts.append("received=\(serverHost)") }
    return parts.joined(separator: ";")
  }

  // MARK: Finding

  /// The value of the first Via, also of the short form `v:`, without what follows behind a comma.
  package static func first(of head: [UInt8]) -> Range<Int>? {
    guard var start = ByteSearch.position(of: [13, 10], in: head).map({ $0 + 2 }) else { return nil }
    while let end = ByteSearch.position(of: [13, 10], in: head, from: start), end > start {
      if !isBlank(head[start]), let colon = head[start..<end].firstIndex(of: UInt8(ascii: ":")) {
        let name = String(decoding: head[start..<colon], as: UTF8.self).trimmingCharacters(in: .whitespaces)
        if ["via", "v"].contains(name.lowercased()) { return value(of: head, from: colon + 1) }
      }
      start = end + 2
    }
    return nil
  }

  /// RFC 3261 §7.3.1: a line that begins with one goes on with the line before.
  private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }

  private static func value(of head: [UInt8], from start: Int) -> Range<Int>? {
    guard let first = head[start...].firstIndex(where: { !isBlank($0) }) else { return nil }
    var end = first
    while end < head.count, head[end] != UInt8(ascii: ","), !isLineEnd(head[end...]) { end += 1 }
    return first < end ? first..<end : nil
  }

  private static func isLineEnd(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.starts(with: [13, 10]) else { return false }
    return bytes.dropFirst(2).first.map { !isBlank($0) } ?? true
  }

  /// Where the line of a field's value begins.
  private static func line(of value: Range<Int>, in head: [UInt8]) -> Int? {
    head[..<value.lowerBound].lastIndex(of: 10).map { $0 + 1 }
  }

  /// nil when there is none, or it is no token.
  static func branch(_ via: String) -> String? {
    for part in via.split(separator: ";").dropFirst() {
      let pair = part.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
      guard pair.count == 2, pair[0].lowercased() == "branch" else { continue }
      let isToken = pair[1].utf8.allSatisfy { $0 > 32 && $0 < 127 && !#"",;:\()<>@[]?={}"#.utf8.contains($0) }
      return isToken && !pair[1].isEmpty ? pair[1] : nil
    }
    return nil
  }

  private static func replacing(_ range: Range<Int>, in head: [UInt8], _ text: String) -> [UInt8] {
    Array(head[..<range.lowerBound]) + Array(text.utf8) + Array(head[range.upperBound...])
  }
}
