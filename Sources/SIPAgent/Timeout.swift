// Timeout.swift: work that is given up after a while
import Foundation

/// Waits for `work`, but no longer than `seconds`; what is left of it goes on alone.
func withTimeout(_ seconds: Double, _ work: @escaping @Sendable () async -> Void) async {
  let (done, signal) = AsyncStream.makeStream(of: Void.self)
  let working = Task {
    await work()
    signal.finish()
  }
  let timer = Task {
    try? await Task.sleep(for: .seconds(seconds))
    signal.finish()
  }
  for await _ in done {}
  timer.cancel()
  working.cancel()
}
