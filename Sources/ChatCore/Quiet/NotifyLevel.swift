// NotifyLevel.swift: what of a room is announced by bell and notification, and rooms that are muted for a while.
import Foundation
import GRDB

/// Which messages of a room are announced.
public enum NotifyLevel: String, Sendable, Codable, CaseIterable, DatabaseValueConvertible {
  case all
  /// Those that call the account by its name, and those of one-to-one rooms.
  case mentions
  case none

  /// Whether one is announced that is, or is not, for the user in person.
  public func allows(isPersonal: Bool) -> Bool {
    switch self {
    case .all: true
    case .mentions: isPersonal
    case .none: false
    }
  }
}

/// How long a room is to be quiet, as a user writes it.
public enum MuteTime {
  /// Until it is ended.
  public static let unlimited = Date(timeIntervalSince1970: 253_370_764_800)

  private static let units: [Character: Double] = ["m": 60, "h": 3600, "d": 86_400, "w": 604_800]
  private static let longest: Double = 366 * 86_400

  /// `30m`, `2h`, `1d`, `1w`; "on" until it is ended.
  /// - Throws: `ChatError.badInput` for anything else.
  public static func end(_ text: String, from now: Date = Date()) throws -> Date {
    if text.lowercased() == "on" { return unlimited }
    guard let unit = text.last, let seconds = units[Character(unit.lowercased())],
      let count = Double(text.dropLast()), count > 0, count * seconds <= longest
    else { throw ChatError.badInput("'\(text)' is no time to be quiet: write 30m, 2h, 1d or 1w") }
    return now.addingTimeInterval(count * seconds)
  }
}

extension Room {
  /// Whether nothing of it is announced at that time, whatever its level.
  public func isMuted(at now: Date = Date()) -> Bool { mutedUntil.map { $0 > now } ?? false }

  /// - Parameter standard: of rooms that have no level of their own.
  public func notifyLevel(_ standard: NotifyLevel, at now: Date = Date()) -> NotifyLevel {
    isMuted(at: now) ? .none : notify ?? standard
  }
}

extension RoomNotices {
  static func addQuietColumns(_ db: Database) throws {
    try db.alter(table: "room") { table in
      table.add(column: "notify", .text)
      table.add(column: "mutedUntil", .datetime)
    }
  }
}
