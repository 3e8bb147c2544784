// ServerDelay.swift: what a server that refuses a REGISTER with 503 says in Retry-After (RFC 3261 §20.33, §21.5.4)
import Foundation
import MessageFormats

/// After a Retry-After of less than 32 seconds nua asks the same server again by itself, up to three times, before it
/// reports the 503. So the links give it the field under another name: when to ask, and whom, is the registrar's to say.
enum ServerDelay {
  /// As long as the right one.
  private static let hiddenName = "Retry-Later"
  private static let name = Array("\r\nRetry-After".utf8)
  private static let refusal = Array("SIP/2.0 503 ".utf8)

  /// - Parameter head: start line and header fields of any message from the server.
  /// - Returns: what Sofia gets.
  static func hide(in head: [UInt8]) -> [UInt8] {
    guard head.starts(with: refusal),
      head.withUnsafeBufferPointer({ MessageText.parse($0).headers })
        .first(named: "CSeq")?.hasSuffix("REGISTER") == true
    else { return head }
    var head = head
    var line = 0
    while let start = ByteSearch.position(of: [13, 10], in: head, from: line) {
      line = start + 2
      if head[start...].prefix(name.count).elementsEqual(name, by: { $0 | 0x20 == $1 | 0x20 }) {
        head.replaceSubrange(line..<(start + name.count), with: hiddenName.utf8)
      }
    }
    return head
  }

  /// - Parameter response: as Sofia gives it.
  /// - Returns: seconds, 0 without the field.
  static func seconds(in response: SIPResponse) -> Double {
    // Seconds, then perhaps a comment or parameters.
    let value = response[header: hiddenName] ?? response[header: "Retry-After"] ?? ""
    return Double(value.prefix { $0.isASCII && $0.isNumber }) ?? 0
  }
}
