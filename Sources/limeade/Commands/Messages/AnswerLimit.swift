// AnswerLimit.swift: how many automatic answers a room gets in a minute, so that no two programs talk to each other for ever.
import Foundation

struct AnswerLimit {
  enum Permission: Equatable {
    case allowed, refused
    /// And none was refused in this minute before.
    case refusedFirst
  }

  private struct Minute {
    let start: ContinuousClock.Instant
    var count = 0
  }

  private static let length: Duration = .seconds(60)
  private let maximum: Int
  private var minutes: [String: Minute] = [:]

  init(_ maximum: Int) { self.maximum = maximum }

  /// A minute begins with the first answer in it.
  mutating func take(in room: String, now: ContinuousClock.Instant = .now) -> Permission {
    minutes = minutes.filter { now - $0.value.start < Self.length }
    var minute = minutes[room] ?? Minute(start: now)
    minute.count += 1
    minutes[room] = minute
    return minute.count <= maximum ? .allowed : minute.count == maximum + 1 ? .refusedFirst : .refused
  }
}
