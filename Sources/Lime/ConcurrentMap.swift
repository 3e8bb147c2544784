// ConcurrentMap.swift: the same computation for many elements, on all processors

import Dispatch
import Foundation

extension Array where Element: Sendable {
  /// The results of `transform` in the order of the elements. For computations that take microseconds: elements are
  /// handed out in batches, and fewer than `minimum` of them are not worth another thread.
  func concurrentMap<Result: Sendable>(
    minimum: Int, _ transform: @Sendable (Element) throws -> Result
  ) throws -> [Result] {
    guard count >= minimum else { return try map(transform) }
    // Several batches for each processor, as one of them may be busy with something else.
    let batches = Swift.min(count, ProcessInfo.processInfo.activeProcessorCount * 4)
    let bounds = (0...batches).map { count * $0 / batches }
    let lock = NSLock()
    // Only touched under the lock.
    nonisolated(unsafe) var results: [Int: Swift.Result<[Result], any Error>] = [:]
    DispatchQueue.concurrentPerform(iterations: batches) { batch in
      let result = Swift.Result { try self[bounds[batch]..<bounds[batch + 1]].map(transform) }
      lock.withLock { results[batch] = result }
    }
    return try (0..<batches).flatMap { try results[$0]?.get() ?? [] }
  }
}
