// Deadline.swift: --timeout: gives up with exit code 75.
import Foundation

/// Times as people write them: seconds for --timeout.
enum Deadline {
  /// Runs `body`; when it has not ended after `seconds`, throws exit code 75 with `text`.
  static func run<Value: Sendable>(
    seconds: Double?, or text: String, _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value {
    guard let seconds else { return try await body() }
    return try await withThrowingTaskGroup(of: Value.self) { group in
      group.addTask(operation: body)
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        throw CommandFailure.timedOut(text)
      }
      defer { group.cancelAll() }
      guard let first = try await group.next() else { throw CancellationError() }
      return first
    }
  }
}
