// AccountStoreTests.swift: permissions, lock and schema of an account's folder.
import ChatCore
import GRDB
import Foundation
import TestSupport
import Testing

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
