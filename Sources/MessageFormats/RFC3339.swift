// RFC3339.swift: dates and times as CPIM, IMDN and file transfer write them (RFC 3339 §5.6)
import Foundation

/// UTC on writing, to the second; any offset and fraction on reading.
public enum RFC3339 {
  private static let secondsPerDay = 86_400

  /// `2026-11-21T05:46:07Z`. Years outside 0001 to 9999 are moved to the nearest of these.
  public static func string(from date: Date) -> String {
    let seconds = max(-62_135_596_800, min(253_402_300_799, date.timeIntervalSince1970.rounded(.down)))
    let total = seconds.isNaN ? 0 : Int(seconds)
    let day = total >= 0 ? total / secondsPerDay : (total - secondsPerDay + 1) / secondsPerDay
    let second = total - day * secondsPerDay
    let (year, month, dayOfMonth) = civil(fromDay: day)
    func padded(_ value: Int, _ width: Int = 2) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return "\(padded(year, 4))-\(padded(month))-\(padded(dayOfMonth))"
      + "T\(padded(second / 3600)):\(padded(second / 60 % 60)):\(padded(second % 60))Z"
  }

  /// nil when the text is no RFC 3339 date-time.
  public static func date(from text: String) -> Date? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.count <= 64 else { return nil }
    func number(_ range: Range<Int>) -> Int? { ASCII.decimal(bytes[range]) }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      bytes[4] == ASCII.hyphen, bytes[7] == ASCII.hyphen, bytes[10] | 0x20 == UInt8(ascii: "t"),
      bytes[13] == ASCII.colon, bytes[16] == ASCII.colon,
      (1...12).contains(month), day >= 1, day <= daysIn(month, year), hour < 24, minute < 60, second <= 60
    else { return nil }
    var index = 19
    var fraction = 0.0
    if bytes[index] == UInt8(ascii: ".") {
      let digits = bytes[(index + 1)...].prefix(while: ASCII.isDigit)
      guard let value = Double("0." + String(decoding: digits, as: UTF8.self)), !digits.isEmpty else { return nil }
      fraction = value
      index += 1 + digits.count
    }
    guard let offset = offset(bytes[index...]) else { return nil }
    let seconds = days(year, month, day) * secondsPerDay + hour * 3600 + minute * 60 + second - offset
    return Date(timeIntervalSince1970: Double(seconds) + fraction)
  }

  /// Seconds east of UTC: `Z`, `+hh:mm` or `-hh:mm`.
  private static func offset(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard let sign = bytes.first else { return nil }
    let rest = Array(bytes.dropFirst())
    if sign | 0x20 == UInt8(ascii: "z") { return rest.isEmpty ? 0 : nil }
    guard sign == UInt8(ascii: "+") || sign == ASCII.hyphen, rest.count == 5, rest[2] == ASCII.colon,
      let hours = ASCII.decimal(rest[0..<2], maximum: 23), let minutes = ASCII.decimal(rest[3..<5], maximum: 59)
    else { return nil }
    return (hours * 3600 + minutes * 60) * (sign == ASCII.hyphen ? -1 : 1)
  }

  private static func isLeap(_ year: Int) -> Bool { (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 }

  private static func daysIn(_ month: Int, _ year: Int) -> Int {
    switch month {
    case 2: isLeap(year) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Days from 1970-01-01 in the Gregorian calendar, for years 0 to 9999.
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let before = (1..<month).reduce(0) { $0 + daysIn($1, year) }
    return yearStart(year) + before + day - 1
  }

  /// Day number of 1 January.
  private static func yearStart(_ year: Int) -> Int {
    let last = year + 399
    return 365 * year + last / 4 - last / 100 + last / 400 - 719_624
  }

  private static func civil(fromDay day: Int) -> (year: Int, month: Int, day: Int) {
    var year = 1970 + day / 366
    while yearStart(year + 1) <= day { year += 1 }
    while yearStart(year) > day { year -= 1 }
    var rest = day - yearStart(year)
    var month = 1
    while rest >= daysIn(month, year) {
      rest -= daysIn(month, year)
      month += 1
    }
    return (year, month, rest + 1)
  }
}
