// Interruption.swift: Ctrl-C, SIGTERM and hang-up as events, so that long-running commands end in order.
import Dispatch
import Foundation

/// Something that has happened.
///
/// `@unchecked Sendable`: `value` is only touched under `lock`.
final class Latch: @unchecked Sendable {
  private let lock = NSLock()
  private var value = false

  var isSet: Bool { lock.withLock { value } }
  func set() { lock.withLock { value = true } }
}

/// Ends a long-running command in order on Ctrl-C, SIGTERM and hang-up.
enum Interruption {
  /// - Parameter more: signals that do not end the command.
  static func signals(and more: [Int32] = []) -> AsyncStream<Int32> {
    AsyncStream { continuation in
      let sources = Sources(
        ([SIGINT, SIGTERM, SIGHUP] + more).map { number in
          signal(number, SIG_IGN)
          let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
          source.setEventHandler { continuation.yield(number) }
          source.resume()
          return source
        })
      continuation.onTermination = { _ in sources.cancel() }
    }
  }

  /// `@unchecked Sendable`: dispatch sources may be cancelled from any thread, and the array never changes.
  private final class Sources: @unchecked Sendable {
    private let all: [any DispatchSourceSignal]
    init(_ all: [any DispatchSourceSignal]) { self.all = all }
    func cancel() { for source in all { source.cancel() } }
  }
}
