// OutputLines.swift: the lines that a child process prints, awaited
import Foundation
import Glibc

/// Collects lines from a pipe.
///
/// `@unchecked Sendable`: everything mutable is only touched under `condition`.
final class OutputLines: @unchecked Sendable {
  private struct Waiter {
    var matches: @Sendable (String) -> Bool
    var advances: Bool
    var continuation: CheckedContinuation<String, any Error>
  }

  private let name: String
  private let condition = NSCondition()
  private var lines: [String] = []
  private var waiters: [UUID: Waiter] = [:]
  private var next = 0
  private var isComplete = false

  init(name: String) { self.name = name }

  var all: [String] { condition.withLock { lines } }

  var hasEnded: Bool { condition.withLock { isComplete } }

  /// The last lines, for messages about failures.
  var tail: String { condition.withLock { lockedTail } }

  private var lockedTail: String { lines.suffix(15).joined(separator: "\n") }

  /// Reads until the end on a thread of its own, then closes the descriptor.
  func read(_ descriptor: Int32) {
    Thread.detachNewThread { [self] in
      var rest: [UInt8] = []
      var chunk = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = Glibc.read(descriptor, &chunk, chunk.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        rest += chunk[..<count]
        var pieces = rest.split(separator: 10, omittingEmptySubsequences: false)
        rest = Array(pieces.removeLast())
        for piece in pieces { take(String(decoding: piece, as: UTF8.self)) }
      }
      if !rest.isEmpty { take(String(decoding: rest, as: UTF8.self)) }
      close(descriptor)
      end()
    }
  }

  /// Waits for the end of the output at most `seconds`.
  func waitForEnd(within seconds: Double) {
    let deadline = Date(timeIntervalSinceNow: seconds)
    condition.withLock {
      while !isComplete, condition.wait(until: deadline) {}
    }
  }

  /// The first line, past or coming, that `matches`.
  /// - Parameter advancing: leave out the lines up to the one that the last such call returned.
  func line(
    within seconds: Double, _ what: String, advancing: Bool, where matches: @escaping @Sendable (String) -> Bool
  ) async throws -> String {
    let id = UUID()
    let timeout = Task {
      try await Task.sleep(for: .seconds(seconds))
      fail(id, "no \(what) within \(seconds) s")
    }
    defer { timeout.cancel() }
    return try await withCheckedThrowingContinuation { continuation in
      let known = condition.withLock { () -> Result<String, any Error>? in
        let start = advancing ? next : 0
        if let index = lines[start...].firstIndex(where: matches) {
          if advancing { next = index + 1 }
          return .success(lines[index])
        }
        if isComplete { return .failure(failure(named: "ended before \(what) came")) }
        waiters[id] = Waiter(matches: matches, advances: advancing, continuation: continuation)
        return nil
      }
      if let known { continuation.resume(with: known) }
    }
  }

  private func failure(named text: String) -> TestFailure { TestFailure("\(name): \(text)\n\(lockedTail)") }

  private func take(_ line: String) {
    let ready = condition.withLock { () -> [Waiter] in
      lines.append(line)
      let ready = waiters.filter { $0.value.matches(line) }
      for (id, waiter) in ready {
        waiters[id] = nil
        if waiter.advances { next = lines.count }
      }
      return Array(ready.values)
    }
    for waiter in ready { waiter.continuation.resume(returning: line) }
  }

  private func end() {
    let (left, reason) = condition.withLock { () -> ([Waiter], TestFailure) in
      isComplete = true
      condition.broadcast()
      defer { waiters = [:] }
      return (Array(waiters.values), failure(named: "ended"))
    }
    for waiter in left { waiter.continuation.resume(throwing: reason) }
  }

  private func fail(_ id: UUID, _ text: String) {
    let (waiter, reason) = condition.withLock { () -> (Waiter?, TestFailure) in
      (waiters.removeValue(forKey: id), failure(named: text))
    }
    waiter?.continuation.resume(throwing: reason)
  }
}
