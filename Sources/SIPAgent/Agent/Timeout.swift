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
