// LastAnswers.swift: how requests are answered that reach nua when it ends (RFC 3261 §21.4.11, §21.5.4)
import Foundation

/// nua answers 410 to what it has taken and not yet reported when it is shut down: the server then throws a message
/// away. After 503 it keeps it until the device registers again. The agent itself never answers 410, so the links put
/// one in the place of the other.
enum LastAnswers {
  private static let gone = Array("SIP/2.0 410 ".utf8)
  private static let unavailable = Array("SIP/2.0 503 Service Unavailable".utf8)

  /// - Parameter head: start line and header fields of any message of Sofia's.
  /// - Returns: what the server gets.
  static func soften(_ head: [UInt8]) -> [UInt8] {
    guard head.starts(with: gone), let end = head.firstIndex(of: 13) else { return head }
    return unavailable + head[end...]
  }
}
