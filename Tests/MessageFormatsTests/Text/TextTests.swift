// TextTests.swift: times (RFC 3339)
import Foundation
import MessageFormats
import Testing

@Suite("RFC 3339")
struct RFC3339Tests {
  @Test(
    "times are read with fraction and offset, and written in UTC",
    arguments: [
      ("1970-01-01T00:00:00Z", 0.0, "1970-01-01T00:00:00Z"), ("2026-11-21T05:46:07Z", 1_795_239_967, nil),
      ("1985-04-12T23:20:50.52Z", 482_196_050.52, "1985-04-12T23:20:50Z"),
      ("1996-12-19T16:39:57-08:00", 851_042_397, "1996-12-20T00:39:57Z"),
      ("1937-01-01T12:00:27.87+00:20", -1_041_337_172.13, "1937-01-01T11:40:27Z"),
      ("2000-02-29t00:00:00z", 951_782_400, "2000-02-29T00:00:00Z"),
      ("1990-12-31T23:59:60Z", 662_688_000, "1991-01-01T00:00:00Z"),
    ] as [(String, Double, String?)])
  func known(text: String, seconds: Double, written: String?) throws {
    let date = try #require(RFC3339.date(from: text))
    #expect(abs(date.timeIntervalSince1970 - seconds) < 0.001)
    #expect(RFC3339.string(from: date) == written ?? text)
  }

  @Test("every day from 1600 to 2400 is written as it is read, and agrees with Foundation's calendar")
  func days() throws {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = try #require(TimeZone(secondsFromGMT: 0))
    for day in stride(from: -135_140, through: 157_054, by: 7) {
      let date = Date(timeIntervalSince1970: Double(day) * 86_400 + 86_399)
      let text = RFC3339.string(from: date)
      #expect(RFC3339.date(from: text) == date)
      let parts = calendar.dateComponents([.year, .month, .day], from: date)
      let expected = String(format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
      #expect(text == expected + "T23:59:59Z")
    }
  }

  @Test("dates beyond all calendars are written as the nearest year that has four digits")
  func extremes() {
    #expect(RFC3339.string(from: .distantPast) == "0001-01-01T00:00:00Z")
    for seconds in [1e300, .infinity] {
      #expect(RFC3339.string(from: Date(timeIntervalSince1970: seconds)) == "9999-12-31T23:59:59Z")
    }
    #expect(RFC3339.string(from: Date(timeIntervalSince1970: -1e300)) == "0001-01-01T00:00:00Z")
    #expect(RFC3339.string(from: Date(timeIntervalSince1970: .nan)).count == 20)
  }

  @Test(
    "what is no date-time is refused",
    arguments: [
      "", "2026-11-21", "2026-11-21T05:46:07", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z",
      "2026-11-31T00:00:00Z", "2026-11-21T24:00:00Z", "2026-11-21T00:60:00Z", "2026-11-21T00:00:61Z",
      "2026-11-21 00:00:00Z", "2026-11-21T00:00:00.Z", "2026-11-21T00:00:00+1:00", "2026-11-21T00:00:00Zx",
      "+026-11-21T00:00:00Z", "2026-11-21T00:00:00+24:00",
    ])
  func refused(text: String) {
    #expect(RFC3339.date(from: text) == nil)
  }
}
