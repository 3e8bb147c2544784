// CivilTime.swift: moments as calendars write them, in UTC, and the dates of SIP headers (RFC 3261 §20.17)
import Foundation

/// A moment in UTC by the proleptic Gregorian calendar, to the millisecond.
///
/// By arithmetic alone: Foundation's calendars and formatters do the same some hundred times slower, and load the
/// megabytes of ICU's tables into each process.
public struct CivilTime: Hashable, Sendable {
  /// 1 to 9999
  public var year: Int
  /// 1 to 12
  public var month: Int
  /// 1 to 31
  public var day: Int
  /// 0 to 23
  public var hour: Int
  /// 0 to 59
  public var minute: Int
  /// 0 to 59: POSIX time has no leap seconds.
  public var second: Int
  /// 0 to 999
  public var millisecond: Int
  /// 0 is Sunday.
  public var weekday: Int

  private static let millisecondsPerDay = 86_400_000
  private static let range = -62_135_596_800.0...253_402_300_799.0

  /// Of the nearest millisecond. Moments outside the years 1 to 9999 are moved to the nearest of these.
  public init(_ date: Date) {
    let seconds = date.timeIntervalSince1970
    let held = seconds.isNaN ? 0 : min(max(seconds, Self.range.lowerBound), Self.range.upperBound)
    self.init(milliseconds: Int((held * 1000).rounded()))
  }

  /// - Parameter milliseconds: since 1970, within the years 1 to 9999.
  private init(milliseconds total: Int) {
    let days = Self.floorDivide(total, Self.millisecondsPerDay)
    let rest = total - days * Self.millisecondsPerDay
    hour = rest / 3_600_000
    minute = rest / 60_000 % 60
    second = rest / 1000 % 60
    millisecond = rest % 1000
    weekday = ((days + 4) % 7 + 7) % 7
    // Years that begin in March end with the day that some of them do not have, and are counted in eras of 400.
    let shifted = days + 719_468
    let era = Self.floorDivide(shifted, 146_097)
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
  }

  private static func floorDivide(_ value: Int, _ divisor: Int) -> Int {
    value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
  }

  /// A number of at least so many digits.
  private static func padded(_ value: Int, _ width: Int = 2) -> String {
    let digits = String(value)
    return digits.utf8.count >= width ? digits : String(repeating: "0", count: width - digits.utf8.count) + digits
  }

  /// `2026-11-21`
  public var dateText: String { "\(Self.padded(year, 4))-\(Self.padded(month))-\(Self.padded(day))" }
  /// `05:46:07`
  public var timeText: String { "\(Self.padded(hour)):\(Self.padded(minute)):\(Self.padded(second))" }
  /// `123`
  public var millisecondText: String { Self.padded(millisecond, 3) }

  private static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// The value of a `Date` header field: `Sat, 21 Nov 2026 05:46:07 GMT`.
  public var headerText: String {
    "\(Self.weekdays[weekday]), \(Self.padded(day)) \(Self.months[month - 1]) \(Self.padded(year, 4)) \(timeText) GMT"
  }
}
