// Blocking.swift: work on files on a thread of its own, so that it holds up none of Swift's
import Foundation

enum Blocking {
  /// Tells running work to stop.
  ///
  /// `@unchecked Sendable`: the flag is touched only under the lock.
  final class Cancellation: @unchecked Sendable {
    private let lock = NSLock()
    private var flag = false

    func cancel() { lock.withLock { flag = true } }
    func check() throws { if lock.withLock({ flag }) { throw CancellationError() } }
  }

  static func run<Value: Sendable>(
    _ work: @escaping @Sendable (Cancellation) throws -> Value
  ) async throws -> Value {
    let cancellation = Cancellation()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work(cancellation) }) }
      }
    } onCancel: {
      cancellation.cancel()
    }
  }
}
