// InterruptibleCheck.swift: a live check that removes what it has made when Ctrl-C or SIGTERM ends it.
import FlexisipCheck
import Foundation

extension LiveCheck {
  /// Seconds after a signal, whatever hangs: the next check removes what is left then.
  private static let patience = 5.0

  /// - Returns: whether all has passed, and the signal that ended it. A second signal ends the program at once.
  func runUntilInterrupted() async -> (passed: Bool, signal: Int32?) {
    let received = Received()
    let signals = Interruption.signals()
    let listener = Task {
      for await signal in signals {
        guard received.take(signal) else { _exit(128 + signal) }
        Task {
          try? await Task.sleep(for: .seconds(Self.patience))
          _exit(128 + signal)
        }
        interrupt()
      }
    }
    let passed = await run()
    listener.cancel()
    return (passed, received.signal)
  }

  /// `@unchecked Sendable`: `number` is only touched under `lock`.
  private final class Received: @unchecked Sendable {
    private let lock = NSLock()
    private var number: Int32?

    var signal: Int32? { lock.withLock { number } }

    /// Whether it is the first.
    func take(_ signal: Int32) -> Bool {
      lock.withLock {
        guard number == nil else { return false }
        number = signal
        return true
      }
    }
  }
}
