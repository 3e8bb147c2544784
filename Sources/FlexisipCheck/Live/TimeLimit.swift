// TimeLimit.swift: waiting for work no longer than a while
import Foundation

package struct TookTooLong: Error, LocalizedError {
  var seconds: Double
  package var errorDescription: String? { "nothing within \(Int(seconds)) s" }
}

/// Waits no longer than `seconds`; work that does not end by then goes on alone.
/// - Throws: what `work` throws, or `TookTooLong`.
package func capped<Value: Sendable>(
  _ seconds: Double, _ work: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  let (values, sink) = AsyncThrowingStream.makeStream(of: Value.self)
  let working = Task {
    do {
      sink.yield(try await work())
      sink.finish()
    } catch { sink.finish(throwing: error) }
  }
  let timer = Task {
    try? await Task.sleep(for: .seconds(seconds))
    sink.finish(throwing: TookTooLong(seconds: seconds))
  }
  defer {
    timer.cancel()
    working.cancel()
  }
  for try await value in values { return value }
  throw TookTooLong(seconds: seconds)
}
