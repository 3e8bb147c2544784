// Clock.swift: times and days of messages as text, in one time zone and without the locale's surprises.
import Foundation

/// Writes times for the screen.
public struct Clock: Sendable {
  struct Day: Hashable {
    var year: Int
    var month: Int
    var day: Int
  }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  let timeZone: TimeZone

  public init(timeZone: TimeZone = .current) { self.timeZone = timeZone }

  func day(of date: Date) -> Day { civil(localSeconds(date)).day }

  /// As "Sat 21 Nov 2026".
  func title(of date: Date) -> String {
    let (day, weekday) = civil(localSeconds(date))
    return "\(Self.weekdays[weekday]) \(day.day) \(Self.months[day.month - 1]) \(day.year)"
  }

  /// As "09:14".
  public func time(of date: Date) -> String {
    let minutes = floorDivide(localSeconds(date), 60)
    let ofDay = minutes - floorDivide(minutes, 1440) * 1440
    return "\(twoDigits(ofDay / 60)):\(twoDigits(ofDay % 60))"
  }

  /// As "2026-11-21 09:14".
  public func stamp(of date: Date) -> String { "\(stamp(ofDay: date)) \(time(of: date))" }

  /// As "2026-11-21".
  public func stamp(ofDay date: Date) -> String {
    let day = day(of: date)
    return "\(day.year)-\(twoDigits(day.month))-\(twoDigits(day.day))"
  }

  /// Dates beyond some ten thousand years are held there: a message's date comes from its sender.
  private func localSeconds(_ date: Date) -> Int {
    let limit = 400_000_000_000.0
    let seconds = date.timeIntervalSince1970
    let held = seconds.isFinite ? min(max(seconds, -limit), limit) : 0
    return Int(held.rounded(.down)) + timeZone.secondsFromGMT(for: Date(timeIntervalSince1970: held))
  }

  /// Proleptic Gregorian date of seconds since 1970, by days counted from 1 March 0000. Calendar does the same some
  /// hundred times slower, and a redraw asks for two dates a message.
  private func civil(_ seconds: Int) -> (day: Day, weekday: Int) {
    let days = floorDivide(seconds, 86_400)
    let weekday = ((days + 4) % 7 + 7) % 7
    let shifted = days + 719_468
    let era = floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    return (Day(year: year, month: month, day: dayOfYear - (153 * shiftedMonth + 2) / 5 + 1), weekday)
  }

  private func floorDivide(_ value: Int, _ divisor: Int) -> Int {
    value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
  }

  private func twoDigits(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
