// RFC3339.swift: dates and times as CPIM, IMDN and file transfer write them (RFC 3339 §5.6)
import Foundation

/// UTC on writing, to the second; any offset and fraction on reading.
public enum RFC3339 {
  private static let secondsPerDay = 86_400

  /// `2026-11-21T05:46:07Z`. Years outside 0001 to 9999 are moved to the nearest of these.
  public static func string(from date: Date) -> String {
    let time = CivilTime(Date(timeIntervalSince1970: date.timeIntervalSince1970.rounded(.down)))
    return "\(time.dateText)T\(time.timeText)Z"
  }

  /// With milliseconds: `2026-11-21T05:46:07.123Z`.
  public static func preciseString(from date: Date) -> String {
    let time = CivilTime(date)
    return "\(time.dateText)T\(time.timeText).\(time.millisecondText)Z"
  }

  /// nil when the text is no RFC 3339 date-time.
  public static func date(from text: String) -> Date? { date(text) { $0 | 0x20 == UInt8(ascii: "t") } }

  /// The moment, in UTC, of `2026-11-21 05:46:07.123`, as SQL writes it; nil when the text is of another form.
  public static func date(fromDatabaseText text: String) -> Date? { date(text + "Z") { $0 == ASCII.space } }

  /// - Parameter isSeparator: of date and time.
  private static func date(_ text: String, isSeparator: (UInt8) -> Bool) -> Date? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.count <= 64 else { return nil }
    func number(_ range: Range<Int>) -> Int? { ASCII.decimal(bytes[range]) }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
      let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
      bytes[4] == ASCII.hyphen, bytes[7] == ASCII.hyphen, isSeparator(bytes[10]),
      bytes[13] == ASCII.colon, bytes[16] == ASCII.colon,
      (1...12).contains(month), day >= 1, day <= daysIn(month, year), hour < 24, minute < 60, second <= 60
    else { return nil }
    var index = 19
    var fraction = 0.0
    if bytes[index] == UInt8(ascii: ".") {
      let digits = bytes[(index + 1)...].prefix(while: ASCII.isDigit)
      // Further digits are below what a Double can hold.
      guard !digits.isEmpty, let value = ASCII.decimal(digits.prefix(15), maximum: .max) else { return nil }
      fraction = Double(value) / pow(10, Double(min(digits.count, 15)))
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
}
