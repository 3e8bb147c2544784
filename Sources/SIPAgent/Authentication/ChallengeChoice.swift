// ChallengeChoice.swift: which of a server's challenges Sofia sees (RFC 3261 §22, RFC 8760 §2.4)
import DigestAuth
import Foundation
import MessageFormats

/// Sofia gives up on a request when it cannot answer each challenge of a response, also those of other realms and those
/// with algorithms that it does not know. So the links leave it the one that is to be answered.
enum ChallengeChoice {
  private static let fields = [
    (status: Array("SIP/2.0 401 ".utf8), name: "www-authenticate"),
    (status: Array("SIP/2.0 407 ".utf8), name: "proxy-authenticate"),
  ]

  /// - Parameter head: start line and header fields of any message from the server.
  /// - Returns: what Sofia gets: the same if there is no challenge to be answered.
  static func one(in head: [UInt8], realm: String) -> [UInt8] {
    guard let name = fields.first(where: { head.starts(with: $0.status) })?.name else { return head }
    let headers = head.withUnsafeBufferPointer { MessageText.parse($0).headers }
    guard let challenge = DigestChallenge.preferred(of: headers.all(named: name), realm: realm),
      SIPHeader(name, challenge.headerValue).isWellFormed
    else { return head }
    var lines: [UInt8] = []
    var start = 0
    var isWritten = false
    while let end = ByteSearch.position(of: [13, 10], in: head, from: start) {
      let line = head[start..<end]
      start = end + 2
      let field = String(decoding: line.prefix { $0 != UInt8(ascii: ":") }, as: UTF8.self)
      if field.trimmingCharacters(in: .whitespaces).lowercased() != name {
        lines += line + [13, 10]
      } else if !isWritten {
        lines += Array("\(field): \(challenge.headerValue)\r\n".utf8)
        isWritten = true
      }
    }
    return lines
  }
}
