// Results.swift: what a live check reported
import FlexisipCheck
import Foundation

/// Collects the results of one run.
///
/// `@unchecked Sendable`: `all` is only touched under `lock`.
final class Results: @unchecked Sendable {
  private let lock = NSLock()
  private var all: [CheckResult] = []

  func add(_ result: CheckResult) { lock.withLock { all.append(result) } }
  var list: [CheckResult] { lock.withLock { all } }
  var failed: [CheckResult] { list.filter { $0.outcome == .failed } }
}
