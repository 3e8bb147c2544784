// QuietHours.swift: the time of each day in which the chat announces nothing, as `22:00-07:00`.
import Foundation

struct QuietHours: Sendable, Equatable {
  /// Minutes since midnight.
  private let start: Int
  /// Before `start` when it is on the next day.
  private let end: Int

  /// nil for what is no such time, or no time at all.
  init?(_ text: String) {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { end -> Int? in
      let parts = end.trimmingCharacters(in: .whitespaces).split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 2, parts.allSatisfy({ $0.count == 2 && $0.first != "+" }), let hour = Int(parts[0]),
        let minute = Int(parts[1]),
        (0..<24).contains(hour), (0..<60).contains(minute)
      else { return nil }
      return hour * 60 + minute
    }
    guard ends.count == 2, let start = ends[0], let end = ends[1], start != end else { return nil }
    (self.start, self.end) = (start, end)
  }

  func contains(_ date: Date, calendar: Calendar = .current) -> Bool {
    let parts = calendar.dateComponents([.hour, .minute], from: date)
    let minute = (parts.hour ?? 0) * 60 + (parts.minute ?? 0)
    return start < end ? (start..<end).contains(minute) : minute >= start || minute < end
  }
}
