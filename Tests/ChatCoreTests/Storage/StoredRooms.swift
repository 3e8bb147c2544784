// StoredRooms.swift: rooms as a test puts them into a database
import Foundation
import GRDB
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

extension RoomQueries {
  static func join(
    _ db: Database, address: String, subject: String, encrypted: Bool, oneToOne: Bool, now: Date
  ) throws -> Room {
    try join(
      db, uri: #require(SIPURI(address)), subject: subject, encrypted: encrypted, oneToOne: oneToOne, now: now)
  }
}

/// An account with a database of its own.
struct StoredAccount {
  let folder: TemporaryFolder
  let store: AccountStore
  let account: AccountConfiguration

  /// - Parameter rooms: address and subject of each, encrypted and for several members.
  init(rooms: [(address: String, subject: String)] = [], now: Date = Date()) throws {
    folder = try TemporaryFolder()
    store = try AccountStore(directory: folder.url)
    try store.database.write { db in
      for (address, subject) in rooms {
        _ = try RoomQueries.join(db, address: address, subject: subject, encrypted: true, oneToOne: false, now: now)
      }
    }
    account = AccountConfiguration(
      name: "alice", address: try #require(SIPURI("sip:alice@sip.example.org")), password: Password(""))
  }
}
