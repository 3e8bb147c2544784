// ConcurrentMap.swift: the same computation for many elements, on all processors

import Dispatch
import Foundation

/// The results of `transform`, one for each of `count` indices, in their order. For computations that take
/// microseconds: it gets the indices in parts, and fewer than `minimum` of them are not worth another thread.
func concurrentParts<Result: Sendable>(
  of count: Int, minimum: Int, _ transform: @Sendable (Range<Int>) throws -> [Result]
) throws -> [Result] {
  guard count >= minimum else { return try transform(0..<count) }
  // Several parts for each processor, as one of them may be busy with something else.
  let parts = Swift.min(count, ProcessInfo.processInfo.activeProcessorCount * 8)
  let bounds = (0...parts).map { count * $0 / parts }
  let lock = NSLock()
  // Only touched under the lock.
  nonisolated(unsafe) var results: [Int: Swift.Result<[Result], any Error>] = [:]
  DispatchQueue.concurrentPerform(iterations: parts) { part in
    let result = Swift.Result { try transform(bounds[part]..<bounds[part + 1]) }
    lock.withLock { results[part] = result }
  }
  return try (0..<parts).flatMap { try results[$0]?.get() ?? [] }
}

extension Array where Element: Sendable {
  /// As `map`; see `concurrentParts`.
  func concurrentMap<Result: Sendable>(
    minimum: Int, _ transform: @Sendable (Element) throws -> Result
  ) throws -> [Result] {
    try concurrentParts(of: count, minimum: minimum) { part in try self[part].map(transform) }
  }
}
