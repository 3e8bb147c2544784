// CivilTimeTests.swift: dates by arithmetic against Foundation's formatters
import Foundation
import Testing

@testable import MessageFormats

@Suite struct CivilTimeTests {
  /// Some 4000 moments from 1900 to 2100, to the millisecond.
  private static let moments = stride(from: -2_208_988_800.0, through: 4_102_444_800, by: 1_577_777.771).map {
    Date(timeIntervalSince1970: ($0 * 1000).rounded() / 1000)
  }

  @Test func theDateFieldIsWrittenAsFoundationWritesIt() {
    let formatter = DateFormatter()
    formatter.locale = Locale(identifier: "en_US_POSIX")
    formatter.timeZone = TimeZone(identifier: "GMT")
    formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    // Foundation cuts parts of a second off before 1970 too, and we do not.
    for moment in Self.moments {
      let date = Date(timeIntervalSince1970: moment.timeIntervalSince1970.rounded(.down))
      #expect(CivilTime(date).headerText == formatter.string(from: date))
    }
  }

  @Test func millisecondsAreReadAsTheyAreWritten() throws {
    for moment in Self.moments {
      let text = RFC3339.preciseString(from: moment)
      let date = try #require(RFC3339.date(from: text))
      #expect(abs(date.timeIntervalSince(moment)) < 1e-6, "\(text)")
      #expect(RFC3339.preciseString(from: date) == text)
      let stored = String(text.dropLast()).replacing("T", with: " ")
      #expect(RFC3339.date(fromDatabaseText: stored) == date)
    }
    #expect(RFC3339.preciseString(from: Date(timeIntervalSince1970: 1.9996)) == "1970-01-01T00:00:02.000Z")
    #expect(RFC3339.preciseString(from: Date(timeIntervalSince1970: -0.25)) == "1969-12-31T23:59:59.750Z")
    #expect(RFC3339.date(fromDatabaseText: "2026-11-21T05:46:07.123") == nil)
    #expect(RFC3339.date(fromDatabaseText: "2026-11-21") == nil)
  }

  @Test func equalAddressesHaveEqualHashes() throws {
    let pairs = [
      ("sip:a@Example.org;gr=x;Transport=TCP", "sip:a@example.org;transport=tcp;gr=x"),
      ("sip:%61@h", "sip:a@h"), ("sip:a@h;gr", "sip:a@h;GR"),
    ]
    for (left, right) in pairs {
      let (left, right) = (try #require(SIPURI(left)), try #require(SIPURI(right)))
      #expect(left == right)
      #expect(left.hashValue == right.hashValue)
    }
    #expect(SIPURI("sip:a@h;gr=x") != SIPURI("sip:a@h;gr=X"))
    #expect(SIPURI("sip:a@h") != SIPURI("sips:a@h"))
    #expect(SIPURI("sip:a@h") != SIPURI("sip:a@h:5060"))
  }
}
