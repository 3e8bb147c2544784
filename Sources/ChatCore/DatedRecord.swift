// DatedRecord.swift: dates in the account's database: `2026-11-21 05:46:07.123`, UTC
import Foundation
import GRDB
import MessageFormats

/// A record with dates, in GRDB's usual format. GRDB writes and reads them with Foundation's formatters and calendars:
/// see `CivilTime` for why that is not good enough for each message.
public protocol DatedRecord: Codable, FetchableRecord, EncodableRecord {}

extension DatedRecord {
  public static func databaseDateEncodingStrategy(for column: String) -> DatabaseDateEncodingStrategy {
    .custom { StoredDate($0) }
  }

  public static func databaseDateDecodingStrategy(for column: String) -> DatabaseDateDecodingStrategy {
    .custom { StoredDate.date($0) }
  }
}

/// A date as an argument of a statement.
struct StoredDate: DatabaseValueConvertible {
  let date: Date

  init(_ date: Date) { self.date = date }

  var databaseValue: DatabaseValue {
    let time = CivilTime(date)
    return "\(time.dateText) \(time.timeText).\(time.millisecondText)".databaseValue
  }

  static func fromDatabaseValue(_ value: DatabaseValue) -> StoredDate? { date(value).map(StoredDate.init) }

  static func date(_ value: DatabaseValue) -> Date? {
    String.fromDatabaseValue(value).flatMap(RFC3339.date(fromDatabaseText:)) ?? Date.fromDatabaseValue(value)
  }
}
