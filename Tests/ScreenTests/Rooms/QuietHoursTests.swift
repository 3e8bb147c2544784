// QuietHoursTests.swift: which minutes of a day are quiet
import Foundation
import Testing

@testable import limeade

@Suite struct QuietHoursOfADay {
  /// At a time of a day in Berlin, where the clock goes forward on the 29th of March 2026.
  private func isQuiet(_ hours: String, _ hour: Int, _ minute: Int, day: Int = 15) throws -> Bool {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(identifier: "Europe/Berlin"))
    let parts = DateComponents(year: 2026, month: 3, day: day, hour: hour, minute: minute, second: 59)
    let date = try #require(calendar.date(from: parts))
    return try #require(QuietHours(hours)).contains(date, calendar: calendar)
  }

  @Test func theFirstMinuteIsQuietAndTheLastOneIsNot() throws {
    for (hour, minute, quiet) in [(11, 59, false), (12, 0, true), (13, 29, true), (13, 30, false), (0, 0, false)] {
      #expect(try isQuiet("12:00-13:30", hour, minute) == quiet, "\(hour):\(minute)")
    }
  }

  @Test func aNightGoesOverMidnight() throws {
    for (hour, minute, quiet) in [
      (21, 59, false), (22, 0, true), (23, 59, true), (0, 0, true), (6, 59, true), (7, 0, false), (12, 0, false),
    ] {
      #expect(try isQuiet("22:00-07:00", hour, minute) == quiet, "\(hour):\(minute)")
      #expect(try isQuiet(" 22:00 - 07:00 ", hour, minute) == quiet, "\(hour):\(minute)")
    }
    #expect(try isQuiet("22:00-00:00", 23, 59) && !isQuiet("22:00-00:00", 0, 0))
  }

  @Test func theClockOnTheWallCountsWhenItIsChanged() throws {
    #expect(try isQuiet("22:00-07:00", 6, 59, day: 29) && !isQuiet("22:00-07:00", 7, 0, day: 29))
  }

  @Test(arguments: [
    "", "-", "22:00", "22:00-", "22:00-22:00", "24:00-07:00", "22:60-07:00", "2:00-07:00", "22:00-07:00-08:00",
    "-1:00-07:00", "22.00-07.00", "+1:00-07:00", "２２:00-07:00", "22:00:00-07:00",
  ])
  func whatIsNoTimeIsNone(_ text: String) { #expect(QuietHours(text) == nil) }
}
