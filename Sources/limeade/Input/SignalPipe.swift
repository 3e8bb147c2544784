// SignalPipe.swift: Ctrl-C, SIGTERM and hang-up as events for a while, after which they end the program again.
import Foundation

/// Plain handlers and not dispatch sources: those block their signals for the rest of the program, and prompts that come
/// later have handlers of their own (`PasswordPrompt`).
struct SignalPipe {
  private static let signals = [SIGINT, SIGTERM, SIGHUP]
  /// Where the handler writes to. Safe: set while no handler that reads it is installed, and one pipe is open at a time.
  private nonisolated(unsafe) static var end: Int32 = -1

  private let descriptors: [Int32]
  private let previous: [sigaction]

  /// nil when there are no descriptors left: then signals end the program as before.
  init?() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    // No program that is started has a part in it.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    descriptors = ends
    Self.end = ends[1]
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      // Only what may be called in a signal handler.
      var byte = UInt8(truncatingIfNeeded: number)
      _ = write(SignalPipe.end, &byte, 1)
    }
    previous = Self.signals.map { number in
      var before = sigaction()
      sigaction(number, &action, &before)
      return before
    }
  }

  /// The first signal; nil at the end. To be called once.
  func next() async -> Int32? {
    let descriptor = descriptors[0]
    return await withCheckedContinuation { continuation in
      Thread.detachNewThread {
        var byte: UInt8 = 0
        let count = read(descriptor, &byte, 1)
        close(descriptor)
        continuation.resume(returning: count == 1 && byte > 0 ? Int32(byte) : nil)
      }
    }
  }

  /// Signals do again what they did before.
  func end() {
    for (number, before) in zip(Self.signals, previous) {
      var before = before
      sigaction(number, &before, nil)
    }
    // Wakes the one who waits.
    close(descriptors[1])
  }
}
