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

/// An account with an empty database.
struct StoredAccount {
  let folder: TemporaryFolder
  let store: AccountStore
  let account: AccountConfiguration

  init() throws {
    folder = try TemporaryFolder()
    store = try AccountStore(directory: folder.url)
    account = AccountConfiguration(
      name: "alice", address: try #require(SIPURI("sip:alice@sip.example.org")), password: Password(""))
  }
}
