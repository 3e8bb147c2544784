// UseRecordTests.swift: what the record of use finds when an account is opened.
import Foundation
import GRDB
import Lime
import TestSupport
import Testing

@testable import ChatCore

/// An account's folder, and the folder of its record of use.
private struct Fixture {
  let folder: TemporaryFolder
  let account: URL
  let state: URL

  init() throws {
    folder = try TemporaryFolder()
    account = folder.url.appendingPathComponent("account")
    state = folder.url.appendingPathComponent("state")
  }

  func open() throws -> AccountStore { try AccountStore(directory: account, stateDirectory: state) }

  /// Gives the account a session with another device, in use.
  func startSession(_ store: AccountStore) throws {
    let alice = LimeAccount(device: DeviceID("sip:alice@sip.example.org;gr=urn:uuid:a"), curve: .c25519)
    let bob = LimeAccount(device: DeviceID("sip:bob@sip.example.org;gr=urn:uuid:b"), curve: .c25519)
    let other = try AccountStore(directory: folder.url.appendingPathComponent("bob"))
    let registration = try other.database.write { try bob.makeRegistration($0) }
    guard case .register(let identity, let signedPrekey, let oneTimeKeys) = registration.content else { return }
    let bundle = KeyBundle(
      device: bob.device,
      keys: KeyBundle.Keys(identity: identity, signedPrekey: signedPrekey, oneTimeKey: oneTimeKeys.first))
    try store.database.write { db in
      _ = try alice.makeRegistration(db)
      _ = try alice.startSessions(db, with: [bundle])
    }
  }

  func activeSessions(_ store: AccountStore) throws -> Int {
    try store.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM lime_session WHERE active = 1") ?? 0 }
  }

  func copy(to name: String) throws { try FileManager.default.copyItem(at: account, to: path(name)) }

  func restore(_ name: String) throws {
    try FileManager.default.removeItem(at: account)
    try FileManager.default.copyItem(at: path(name), to: account)
  }

  private func path(_ name: String) -> URL { folder.url.appendingPathComponent(name) }
}

@Suite struct UseRecordTests {
  @Test func useAfterUseIsInOrder() async throws {
    let fixture = try Fixture()
    for _ in 0..<3 {
      let store = try fixture.open()
      #expect(store.recoveryNotice == nil)
      if try fixture.activeSessions(store) == 0 { try fixture.startSession(store) }
      try await store.writeRatchets { _ in }
    }
    #expect(try fixture.activeSessions(try fixture.open()) == 1)
  }

  @Test func theRecordIsTheOwnersAlone() throws {
    let fixture = try Fixture()
    let store = try fixture.open()
    func mode(_ url: URL) throws -> Int? {
      try FileManager.default.attributesOfItem(atPath: url.path)[.posixPermissions] as? Int
    }
    #expect(try mode(fixture.state) == 0o700)
    let names = try FileManager.default.contentsOfDirectory(atPath: fixture.state.path)
    #expect(names.count == 1)
    for name in names { #expect(try mode(fixture.state.appendingPathComponent(name)) == 0o600) }
    withExtendedLifetime(store) {}
  }

  @Test func aBackupFromTheMiddleOfASessionOfUseIsNoticedWhenItIsRestored() async throws {
    let fixture = try Fixture()
    var store: AccountStore? = try fixture.open()
    try fixture.startSession(#require(store))
    try await store?.writeRatchets { _ in }
    try await store?.database.writeWithoutTransaction { _ = try $0.checkpoint(.truncate) }
    try fixture.copy(to: "backup")
    // One more message, in the same session of use.
    try await store?.writeRatchets { _ in }
    store = nil
    try fixture.restore("backup")
    let restored = try fixture.open()
    #expect(restored.recoveryNotice?.contains("a backup was restored") == true)
    #expect(try fixture.activeSessions(restored) == 0)
    #expect(try await restored.database.read { try Setting.recovery.read($0) } == "due")
  }

  @Test func itIsSaidOnce() async throws {
    let fixture = try Fixture()
    try fixture.startSession(fixture.open())
    try fixture.copy(to: "backup")
    try await fixture.open().writeRatchets { _ in }
    try fixture.restore("backup")
    #expect(try fixture.open().recoveryNotice != nil)
    #expect(try fixture.open().recoveryNotice == nil)
  }

  @Test func theSecondOfTwoCopiesIsNoticed() throws {
    let fixture = try Fixture()
    try fixture.startSession(fixture.open())
    try fixture.copy(to: "copy")
    #expect(try fixture.open().recoveryNotice == nil)
    let copy = try AccountStore(
      directory: fixture.folder.url.appendingPathComponent("copy"), stateDirectory: fixture.state)
    #expect(copy.recoveryNotice != nil)
    #expect(try fixture.activeSessions(copy) == 0)
  }

  @Test func dataThatWasUsedElsewhereIsNoticed() throws {
    let fixture = try Fixture()
    try fixture.startSession(fixture.open())
    try FileManager.default.removeItem(at: fixture.state)
    #expect(try fixture.open().recoveryNotice?.contains("copied or moved") == true)
  }

  @Test func aRecordBehindTheDatabaseAsAfterACrashIsInOrder() async throws {
    let fixture = try Fixture()
    var store: AccountStore? = try fixture.open()
    try fixture.startSession(#require(store))
    // Committed, and killed before the file was written.
    try await store?.database.write { db in _ = try UseRecord.advance(db) }
    store = nil
    #expect(try fixture.open().recoveryNotice == nil)
  }

  @Test func onlyReadingNeitherCountsNorComplains() throws {
    let fixture = try Fixture()
    try fixture.startSession(fixture.open())
    try FileManager.default.removeItem(at: fixture.state)
    let reader = try AccountStore(directory: fixture.account, stateDirectory: fixture.state, exclusive: false)
    #expect(reader.recoveryNotice == nil)
    #expect(!FileManager.default.fileExists(atPath: fixture.state.path))
  }
}
