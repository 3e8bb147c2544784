// StandingUsages.swift: what an agent holds at servers, and Sofia must not give up by itself (RFC 5057)
import Foundation

/// nua takes a REGISTER or re-INVITE that fails for the end of the usage, and says so to the server: a registrar then
/// drops the messages that wait for this device, and a focus puts it out of the room. So the links let the end of a
/// registration or call pass only when it was said here that it is meant.
///
/// `@unchecked Sendable`: what is mutable is only touched under `lock`.
final class StandingUsages: @unchecked Sendable {
  private let lock = NSLock()
  private var keepsRegistration = true
  /// By Call-ID.
  private var calls: Set<String> = []

  func keepRegistration(_ keeps: Bool) { lock.withLock { keepsRegistration = keeps } }

  func keep(call: String) { lock.withLock { _ = calls.insert(call) } }
  func release(call: String) { lock.withLock { _ = calls.remove(call) } }

  /// Whether a message of Sofia's may go to the server.
  /// - Parameter head: start line and header fields.
  func permit(_ head: [UInt8]) -> Bool {
    if head.starts(with: Self.register) {
      return Self.header("Expires", of: head) != "0" || lock.withLock { !keepsRegistration }
    }
    if head.starts(with: Self.bye) {
      return Self.header("Call-ID", of: head).map { call in lock.withLock { !calls.contains(call) } } ?? true
    }
    return true
  }

  private static let register = Array("REGISTER ".utf8)
  private static let bye = Array("BYE ".utf8)

  private static func header(_ name: String, of head: [UInt8]) -> String? {
    head.withUnsafeBufferPointer { MessageText.parse($0).headers }.first(named: name)
  }
}
