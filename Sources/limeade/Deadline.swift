// Deadline.swift: --timeout: gives up with exit code 75.
import Foundation

/// Times as people write them: seconds for --timeout.
enum Deadline {
  /// Runs `body`; when it has not ended after `seconds`, throws exit code 75 with `text`.
  static func run<Value: Sendable>(
    seconds: Double?, or text: String, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    guard let seconds else { return try await body() }
    return try await run(seconds: seconds, since: Sign(), or: text, body)
  }

  /// The last sign of life of something that may take long, as long as it moves.
  ///
  /// `@unchecked Sendable`: `last` is only touched under `lock`.
  final class Sign: @unchecked Sendable {
    private let lock = NSLock()
    private var last = ContinuousClock.now

    func give() { lock.withLock { last = .now } }
    func age(_ now: ContinuousClock.Instant) -> Duration { lock.withLock { now - last } }
  }

  /// The same, counted from the last sign.
  static func run<Value: Sendable>(
    seconds: Double, since sign: Sign, or text: String, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
      group.addTask(operation: body)
      group.addTask {
        while true {
          let left = Duration.seconds(seconds) - sign.age(.now)
          guard left > .zero else { break }
          try await Task.sleep(for: left)
        }
        throw CommandFailure.timedOut(text)
      }
      defer { group.cancelAll() }
      guard let first = try await group.next() else { throw CancellationError() }
      return first
    }
  }
}

extension Double {
  /// `5`, `0.5`. By Foundation's formatters this would load the tables of all languages.
  var brief: String { self == rounded() && magnitude < 1e15 ? "\(Int(self))" : "\(self)" }
}
