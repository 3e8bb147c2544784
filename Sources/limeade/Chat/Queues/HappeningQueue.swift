// HappeningQueue.swift: what the screen is to take notice of: keys first, the rest in the order in which it came.
import Foundation

/// A flood of messages, as after a week offline, must not keep the user's keys waiting.
///
/// `@unchecked Sendable`: everything mutable is only touched under `lock`.
final class HappeningQueue: @unchecked Sendable {
  /// Says that there is something to `take()`.
  let news: AsyncStream<Void>
  private let bell: AsyncStream<Void>.Continuation
  private let lock = NSLock()
  private var keys: [ChatScreen.Happening] = []
  private var others: [ChatScreen.Happening] = []
  /// How many of `others` were taken.
  private var taken = 0

  init() { (news, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

  func yield(_ happening: ChatScreen.Happening) {
    lock.withLock {
      if case .key = happening { keys.append(happening) } else { others.append(happening) }
    }
    bell.yield()
  }

  /// nil when there is nothing now.
  func take() -> ChatScreen.Happening? {
    lock.withLock {
      if !keys.isEmpty { return keys.removeFirst() }
      guard taken < others.count else { return nil }
      defer {
        taken += 1
        if taken == others.count {
          others.removeAll(keepingCapacity: taken < 1000)
          taken = 0
        }
      }
      return others[taken]
    }
  }
}
