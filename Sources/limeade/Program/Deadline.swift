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
    try await Race.first(
      body,
      {
        while true {
          let left = Duration.seconds(seconds) - sign.age(.now)
          guard left > .zero else { break }
          try await Task.sleep(for: left)
        }
        throw CommandFailure.timedOut(text)
      })
  }
}

/// Several things at a time, of which the first that ends counts.
enum Race {
  /// - Parameter patience: seconds for the others, which are cancelled, to end in order. What hangs, as on a server
  ///   that never answers, does not keep the program.
  static func first<Value: Sendable>(
    patience: @Sendable () -> Double = { 0 }, _ bodies: (@Sendable () async throws -> Value)...
  ) async throws -> Value {
    let (ends, report) = AsyncStream.makeStream(of: Result<Value, any Error>.self)
    let tasks = bodies.map { body in
      Task {
        do { report.yield(.success(try await body())) } catch { report.yield(.failure(error)) }
      }
    }
    var iterator = ends.makeAsyncIterator()
    // None when this task is cancelled.
    let first = await iterator.next()
    for task in tasks { task.cancel() }
    let seconds = patience()
    if seconds > 0 {
      let timer = Task {
        try await Task.sleep(for: .seconds(seconds))
        report.finish()
      }
      // A task of its own: the waiting is not for a task that is cancelled.
      await Task {
        for _ in 0..<(bodies.count - (first == nil ? 0 : 1)) { if await iterator.next() == nil { return } }
      }.value
      timer.cancel()
    }
    report.finish()
    guard let first else { throw CancellationError() }
    return try first.get()
  }
}

extension Double {
  /// `5`, `0.5`. By Foundation's formatters this would load the tables of all languages.
  var brief: String { self == rounded() && magnitude < 1e15 ? "\(Int(self))" : "\(self)" }
}
