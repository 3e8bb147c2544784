// ProgressThrottle.swift: progress as often as people can see it
import Foundation

/// Lets a report through a few times a second. The end of a transfer is reported by itself.
///
/// `@unchecked Sendable`: `last` is only touched under `lock`.
final class ProgressThrottle: @unchecked Sendable {
  private static let interval = Duration.milliseconds(200)
  private let lock = NSLock()
  private var last: ContinuousClock.Instant?

  func allows() -> Bool {
    lock.withLock {
      let now = ContinuousClock.now
      if let last, now - last < Self.interval { return false }
      last = now
      return true
    }
  }
}
