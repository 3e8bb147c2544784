// RawStatement.swift: statements run by SQLite's own functions, for what is done for each device of a message

import Foundation
import GRDB
import GRDBSQLite

/// One of GRDB's cached statements, run row by row without GRDB's rows and arguments, which cost more than the work
/// itself when there are a thousand of them. Tables that something observes are not for this.
///
/// Secrets are bound where they are: SQLite makes no copy that nobody wipes.
struct RawStatement {
  private let statement: OpaquePointer
  private let connection: OpaquePointer?

  /// For use while `db` is accessible, and not within another use of the same statement.
  init(_ db: Database, _ sql: String) throws {
    statement = try db.cachedStatement(sql: sql).sqliteStatement
    connection = db.sqliteConnection
  }

  /// Binds, steps as often as `body` does, and resets.
  func run<Result>(_ body: () throws -> Result) throws -> Result {
    defer {
      sqlite3_reset(statement)
      sqlite3_clear_bindings(statement)
    }
    return try body()
  }

  /// - Returns: whether there is a row.
  @discardableResult
  func step() throws -> Bool {
    switch sqlite3_step(statement) {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    case let code:
      throw DatabaseError(
        resultCode: ResultCode(rawValue: code), message: connection.map { String(cString: sqlite3_errmsg($0)) })
    }
  }

  // MARK: Parameters, from 1 on

  func bind(_ index: Int32, _ value: Int64) { sqlite3_bind_int64(statement, index, value) }

  func bind(_ index: Int32, _ value: Int) { bind(index, Int64(value)) }

  /// nil is NULL, as is a parameter that nothing was bound to.
  func bind(_ index: Int32, _ bytes: Data?) {
    bytes?.withBytePointer { bytes, count in bindCopying(index, bytes, count) }
  }

  func bind(_ index: Int32, _ text: String) {
    var text = text
    text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        _ = sqlite3_bind_text(statement, index, characters.baseAddress, Int32(characters.count), Self.transient)
      }
    }
  }

  /// The bytes must stay where they are until the statement was reset.
  func bind(_ index: Int32, at bytes: UnsafePointer<UInt8>, count: Int) {
    sqlite3_bind_blob(statement, index, bytes, Int32(count), nil)
  }

  private func bindCopying(_ index: Int32, _ bytes: UnsafePointer<UInt8>, _ count: Int) {
    sqlite3_bind_blob(statement, index, bytes, Int32(count), Self.transient)
  }

  /// SQLITE_TRANSIENT, a macro: SQLite makes a copy.
  private static let transient = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  // MARK: Columns of the present row, from 0 on

  func isNull(_ index: Int32) -> Bool { sqlite3_column_type(statement, index) == SQLITE_NULL }

  func int64(_ index: Int32) -> Int64 { sqlite3_column_int64(statement, index) }

  /// - Throws: `LimeError.internalFailure` when the number is not of the type.
  func integer<Number: FixedWidthInteger>(_ index: Int32, as type: Number.Type = Number.self) throws -> Number {
    guard let number = Number(exactly: int64(index)) else {
      throw LimeError.internalFailure("a number in the store is damaged")
    }
    return number
  }

  func text(_ index: Int32) -> String {
    guard let characters = sqlite3_column_text(statement, index) else { return "" }
    return String(decoding: UnsafeBufferPointer(start: characters, count: byteCount(index)), as: UTF8.self)
  }

  /// The bytes of a blob until the next step; empty for NULL.
  func blob(_ index: Int32) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: sqlite3_column_blob(statement, index), count: byteCount(index))
  }

  private func byteCount(_ index: Int32) -> Int { Int(sqlite3_column_bytes(statement, index)) }
}
