// SIPResponse.swift: a response to a SIP request, as a value (RFC 3261 §7.2)
import Foundation

/// A final response. `status` is 200...699; a status made locally because nothing was received (408, 503) never becomes
/// a `SIPResponse` of the agent, it is thrown as a `SIPError`.
public struct SIPResponse: Hashable, Sendable {
  /// 200 to 699.
  public var status: Int
  /// The phrase of the status line, as the server put it.
  public var reason: String
  /// In the order received, without those that only concern transport and framing (Via, Content-Length).
  public var headers: [SIPHeader]
  /// As sent, still in its Content-Encoding.
  public var body: Data

  public init(status: Int, reason: String = "", headers: [SIPHeader] = [], body: Data = Data()) {
    self.status = status
    self.reason = reason
    self.headers = headers
    self.body = body
  }

  /// 2xx
  public var isSuccess: Bool { (200..<300).contains(status) }

  /// The value of the first field of that name.
  public subscript(header name: String) -> String? { headers.first(named: name) }
}
