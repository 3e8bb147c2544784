// AccountStoreTests.swift: permissions, lock and schema of an account's folder.
import Foundation
import GRDB
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite struct AccountStoreTests {
  @Test func folderAndFilesAreTheOwnersAlone() throws {
    let folder = try TemporaryFolder()
    let account = folder.url.appendingPathComponent("account")
    let store = try AccountStore(directory: account)
    func mode(_ path: String) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }
    #expect(try mode(account.path) == 0o700)
    for file in try FileManager.default.contentsOfDirectory(atPath: account.path) {
      #expect(try mode(account.appendingPathComponent(file).path) == 0o600, "\(file)")
    }
    withExtendedLifetime(store) {}
  }

  @Test func aSecondExclusiveOpenIsRefusedWhileTheFirstLives() throws {
    let folder = try TemporaryFolder()
    var first: AccountStore? = try AccountStore(directory: folder.url)
    let error = #expect(throws: StoreError.self) { try AccountStore(directory: folder.url) }
    #expect(error?.description.contains("\(ProcessInfo.processInfo.processIdentifier)") == true)
    withExtendedLifetime(first) {}
    first = nil
    _ = try AccountStore(directory: folder.url)
  }

  @Test func readingIsPossibleBesideTheHolder() async throws {
    let folder = try TemporaryFolder()
    let holder = try AccountStore(directory: folder.url)
    let reader = try AccountStore(directory: folder.url, exclusive: false)
    #expect(try await reader.rooms().isEmpty)
    withExtendedLifetime(holder) {}
  }

  @Test func everyCommitIsDurable() throws {
    let folder = try TemporaryFolder()
    let store = try AccountStore(directory: folder.url)
    let (journal, synchronous) = try store.database.write { db in
      (
        try String.fetchOne(db, sql: "PRAGMA journal_mode"), try Int.fetchOne(db, sql: "PRAGMA synchronous")
      )
    }
    #expect(journal == "wal")
    #expect(synchronous == 2)
  }
}

@Suite struct DamagedAccounts {
  private static let (room, bob) = ("sip:chatroom-1@sip.example.org;gr=1", "sip:bob@sip.example.org")

  @Test func filesThatOthersCouldReadAreClosedAtOpening() throws {
    let folder = try TemporaryFolder()
    let (account, state) = (folder.file("account"), folder.file("state"))
    var store: AccountStore? = try AccountStore(directory: account, stateDirectory: state)
    withExtendedLifetime(store) {}
    store = nil
    let transfers = account.appendingPathComponent("transfers")
    try FileManager.default.createDirectory(at: transfers, withIntermediateDirectories: true)
    for name in ["limeade.sqlite-wal", "limeade.sqlite-shm", "lock", "stderr.log", "transfers/a.copy"] {
      let path = account.appendingPathComponent(name).path
      if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(fileURLWithPath: path)) }
    }
    // What a link leads to is none of ours.
    let other = folder.file("other")
    try Data().write(to: other)
    try FileManager.default.createSymbolicLink(
      at: account.appendingPathComponent("link"), withDestinationURL: other)
    func files() throws -> [String] {
      try [account, state].flatMap { folder in
        try FileManager.default.subpathsOfDirectory(atPath: folder.path).map { "\(folder.path)/\($0)" } + [folder.path]
      }.filter { !$0.hasSuffix("/link") }
    }
    func mode(_ path: String) throws -> Int {
      try #require(FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }
    for path in try files() + [other.path] { chmod(path, URL(fileURLWithPath: path).hasDirectoryPath ? 0o755 : 0o644) }
    for exclusive in [true, false] {
      let again = try AccountStore(directory: account, stateDirectory: state, exclusive: exclusive)
      for path in try files() where exclusive || !path.hasPrefix(state.path) {
        #expect(try mode(path) & 0o077 == 0, "\(path) \(exclusive)")
      }
      withExtendedLifetime(again) {}
    }
    #expect(try mode(other.path) == 0o644)
  }

  @Test(arguments: [
    "UPDATE message SET state = 'nonsense' WHERE messageID = 'm2'",
    "UPDATE message SET text = x'ff00' WHERE messageID = 'm2'",
    "UPDATE message SET time = 'zzz' WHERE messageID = 'm2'",
    "UPDATE message SET receivedAt = x'00', sender = x'fe' WHERE messageID = 'm2'",
    "UPDATE message SET attachments = '{' WHERE messageID = 'm2'",
    "UPDATE message SET isRead = 'x' WHERE messageID = 'm2'",
    "UPDATE message SET trust = x'ff', messageID = x'ff' WHERE messageID = 'm2'",
    "UPDATE delivery SET state = 'x', time = 'y'", "UPDATE reaction SET time = 'x', sender = x'ff'",
    "UPDATE participant SET address = x'ff'", "UPDATE room SET state = 'x' WHERE address LIKE '%-2@%'",
    "UPDATE room SET lastActivity = 'x', createdAt = x'ff', version = 'v' WHERE address LIKE '%-2@%'",
    "UPDATE message SET replyTo = 'm1', replySender = x'ff' WHERE messageID = 'm3'",
  ])
  func aDamagedRowHidesNoOther(damage: String) async throws {
    let folder = try TemporaryFolder()
    let store = try AccountStore(directory: folder.url)
    try await store.database.write { db in
      for number in 1...2 {
        _ = try RoomQueries.join(
          db, address: "sip:chatroom-\(number)@sip.example.org;gr=1", subject: "Ops \(number)", encrypted: true,
          oneToOne: false, now: Date())
      }
      try Participant(room: Self.room, address: Self.bob, isAdmin: false).insert(db)
      for number in 1...3 {
        var message = Message(
          room: Self.room, messageID: "m\(number)", sender: Self.bob, isOutgoing: number == 1, text: "text \(number)",
          time: Date(), receivedAt: Date(), isEncrypted: true, trust: "unknown", state: .received, isRead: false)
        _ = try MessageQueries.insertOnce(db, &message)
        if let row = message.id, number == 1 { try Delivery.expect(db, of: row, by: "sip:carol@sip.example.org") }
      }
      try Reaction(room: Self.room, messageID: "m3", sender: Self.bob, text: "+", time: Date()).insert(db)
      try db.execute(sql: damage)
    }
    for request in [HistoryRequest(room: Self.room), HistoryRequest(), HistoryRequest(search: "text")] {
      let found = try await store.history(request)
      #expect(found.count >= 2)
      #expect(found.filter { $0.message.state == .received }.map(\.message.text).contains("text 3"))
      for entry in found where entry.message.state == .undecryptable {
        #expect(entry.message.failure?.contains("damaged") == true)
      }
    }
    #expect(try await store.rooms().contains { $0.room.address == Self.room })
    let alice = SIPURI(user: "alice", host: "sip.example.org")
    #expect(try await store.room(named: "Ops 1", for: alice).room.address == Self.room)
    _ = try await store.mentions(of: Mention("alice"))
  }
}
