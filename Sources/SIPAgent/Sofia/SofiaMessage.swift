// SofiaMessage.swift: copies out of a SIP message that Sofia parsed
import CSofia
import Foundation
import MessageFormats

/// A message while Sofia's callback lasts. What leaves the callback is copied.
struct SofiaMessage {
  /// Header fields beyond this many are not read.
  static let maximumHeaders = 512
  /// Of no use outside the stack.
  private static let unread = ["Via", "Content-Length", "Max-Forwards"]

  private let pointer: OpaquePointer

  init(_ pointer: OpaquePointer) { self.pointer = pointer }

  var status: Int { Int(sofia_message_status(pointer)) }
  var reason: String { sofia_message_reason(pointer).map { String(cString: $0) } ?? "" }
  var method: String { sofia_message_method(pointer).map { String(cString: $0) } ?? "" }

  var requestURI: String? {
    guard let text = sofia_message_request_uri(pointer) else { return nil }
    defer { free(text) }
    return String(cString: text)
  }

  var headers: [SIPHeader] {
    var headers: [SIPHeader] = []
    var next = sofia_message_first_header(pointer)
    while let header = next, headers.count < Self.maximumHeaders {
      next = sofia_header_next(header)
      guard let name = sofia_header_name(header).map({ String(cString: $0) }),
        !Self.unread.contains(where: { $0.equalsIgnoringCase(name) }), let value = sofia_header_value(header)
      else { continue }
      headers.append(SIPHeader(name, String(cString: value)))
      free(value)
    }
    return headers
  }

  var body: Data {
    var bytes: UnsafeRawPointer?
    let length = sofia_message_body(pointer, &bytes)
    return bytes.map { Data(bytes: $0, count: length) } ?? Data()
  }

  var response: SIPResponse { SIPResponse(status: status, reason: reason, headers: headers, body: body) }
}
