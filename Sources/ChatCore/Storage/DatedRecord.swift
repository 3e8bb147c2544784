// DatedRecord.swift: dates in the account's database: `2026-11-21 05:46:07.123`, UTC
import Foundation
import GRDB
import MessageFormats

/// A record with dates, in GRDB's usual format. GRDB writes and reads them with Foundation's formatters and calendars:
/// see `CivilTime` for why that is not good enough for each message.
public protocol DatedRecord: Codable, FetchableRecord, EncodableRecord {}

extension DatedRecord {
  /// For GRDB: dates as `StoredDate` writes them, in every column.
  public static func databaseDateEncodingStrategy(for column: String) -> DatabaseDateEncodingStrategy {
    .custom { StoredDate($0) }
  }

  /// For GRDB: dates as `StoredDate` reads them, in every column.
  public static func databaseDateDecodingStrategy(for column: String) -> DatabaseDateDecodingStrategy {
    .custom { StoredDate.date($0) }
  }
}

/// A row that a bad disk or another program has damaged must not hide all the others.
extension Row {
  /// The value of a column, which is there.
  /// - Throws: when it is nothing of this type, where GRDB's subscript ends the program.
  func checked<Value: DatabaseValueConvertible>(_ name: String) throws -> Value {
    guard let value = value(name) as Value? else { throw DatabaseError(message: "'\(name)' of a row is damaged") }
    return value
  }

  /// nil also for what is nothing of this type.
  func value<Value: DatabaseValueConvertible>(_ name: String) -> Value? {
    let value: DatabaseValue = self[name]
    return Value.fromDatabaseValue(value)
  }
}

extension FetchableRecord {
  /// All that can be read.
  static func fetchReadable(
    _ db: Database, sql: String, arguments: StatementArguments = StatementArguments()
  ) throws -> [Self] {
    var records: [Self] = []
    let rows = try Row.fetchCursor(db, sql: sql, arguments: arguments)
    while let row = try rows.next() { if let record = try? Self(row: row) { records.append(record) } }
    return records
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
