// TagList.swift: Sofia's named arguments for one call
import CSofia
import Foundation
import MessageFormats

/// Arguments of a Sofia call. The list must outlive the C call, which `withList` sees to. Not Sendable, so it stays
/// with the SIP actor that makes it.
final class TagList {
  private let list: OpaquePointer
  /// Whether an argument could not be added; the call must then not be made.
  private var isBroken = false

  init() {
    guard let list = sofia_tags_create() else { preconditionFailure("out of memory") }
    self.list = list
  }

  deinit { sofia_tags_destroy(list) }

  @discardableResult
  func add(_ tag: sofia_text_tag, _ value: String) -> TagList {
    // A C string ends at NUL: what follows would be lost silently.
    if value.utf8.contains(0) || sofia_tags_add_text(list, tag, value) != 0 { isBroken = true }
    return self
  }

  @discardableResult
  func add(_ tag: sofia_number_tag, _ value: Int) -> TagList {
    if sofia_tags_add_number(list, tag, value) != 0 { isBroken = true }
    return self
  }

  @discardableResult
  func add(_ headers: [SIPHeader]) -> TagList {
    for header in headers {
      if header.isWellFormed { add(SOFIA_TAG_HEADER, header.description) } else { isBroken = true }
    }
    return self
  }

  @discardableResult
  func add(contentType: String?, body: Data) -> TagList {
    guard let contentType else { return self }
    guard SIPHeader("Content-Type", contentType).isWellFormed else {
      isBroken = true
      return self
    }
    add(SOFIA_TAG_CONTENT_TYPE, contentType)
    let result = body.withUnsafeBytes { sofia_tags_add_body(list, $0.baseAddress, $0.count) }
    if result != 0 { isBroken = true }
    return self
  }

  func withList<Result>(_ call: (OpaquePointer) throws -> Result) throws -> Result {
    if isBroken { throw SIPError.invalidArgument("a header field with control characters, or too many of them") }
    return try withExtendedLifetime(self) { try call(list) }
  }
}
