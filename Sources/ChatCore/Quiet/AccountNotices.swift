// AccountNotices.swift: receipts and typing of the whole account as the user switched them, over what is configured.
import Foundation
import GRDB

extension AccountConfiguration {
  /// With what the user switched since.
  func settled(_ db: Database) throws -> AccountConfiguration {
    let own = try RoomNotices.ofAccount(db)
    var account = self
    account.receipts = own.receipts ?? receipts
    account.typing = own.typing ?? typing
    return account
  }
}

extension RoomNotices {
  /// What the user switched for all rooms that have nothing of their own.
  static func ofAccount(_ db: Database) throws -> RoomNotices {
    RoomNotices(
      receipts: try Setting.receipts.read(db).flatMap { ReceiptPolicy(rawValue: $0) },
      typing: try Setting.typing.read(db).map { $0 == "on" })
  }
}

extension AccountStore {
  /// The account's settings with what the user switched since.
  public func settled(_ account: AccountConfiguration) async -> AccountConfiguration {
    (try? await database.read { try account.settled($0) }) ?? account
  }

  /// Switches receipts and typing for the account; nil goes back to what is configured.
  public func setAccountNotices(
    _ change: @escaping @Sendable (inout RoomNotices) -> Void
  ) async throws -> RoomNotices {
    try await database.write { db in
      var notices = try RoomNotices.ofAccount(db)
      change(&notices)
      try Setting.receipts.write(db, notices.receipts?.rawValue)
      try Setting.typing.write(db, notices.typing.map { $0 ? "on" : "off" })
      return notices
    }
  }
}
