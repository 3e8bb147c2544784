// Timeout.swift: work that is given up after a while
import Foundation

/// Waits for `work`, but no longer than `limit`; what is left of it goes on alone.
package func withTimeout(_ limit: Duration, _ work: @escaping @Sendable () async -> Void) async {
  let (done, signal) = AsyncStream.makeStream(of: Void.self)
  let working = Task {
    await work()
    signal.finish()
  }
  let timer = Task {
    try? await Task.sleep(for: limit)
    signal.finish()
  }
  for await _ in done {}
  timer.cancel()
  working.cancel()
}

extension ContinuousClock.Instant {
  /// Rounded up, for `poll`; 0 when it has passed.
  var millisecondsLeft: Int32 {
    let left = ContinuousClock.now.duration(to: self).components
    return Int32(clamping: max(0, left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1))
  }
}
