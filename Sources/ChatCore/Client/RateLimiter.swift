// RateLimiter.swift: lets something happen for a name at most once in a while.
import Foundation

/// `@unchecked Sendable`: `last` is only touched under `lock`.
final class RateLimiter: @unchecked Sendable {
  private let lock = NSLock()
  private var last: [String: Date] = [:]

  /// - Parameter interval: seconds between two permissions for the same name.
  func allows(_ name: String, every interval: TimeInterval, now: Date = Date()) -> Bool {
    lock.withLock {
      if let before = last[name], now.timeIntervalSince(before) < interval { return false }
      last = last.filter { now.timeIntervalSince($0.value) < interval }
      last[name] = now
      return true
    }
  }
}
