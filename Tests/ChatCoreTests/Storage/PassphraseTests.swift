// PassphraseTests.swift: an account with a passphrase: what its files hold, whenever the process ends
import Foundation
import GRDB
import Lime
import TestSupport
import Testing

@testable import ChatCore

@Suite struct PassphraseTests {
  private let folder: TemporaryFolder
  private var account: URL { folder.url.appendingPathComponent("account") }

  init() throws { folder = try TemporaryFolder() }

  private func passphrase(_ text: String) throws -> Passphrase { try Passphrase(Array(text.utf8)) }

  private static let device = DeviceID("sip:alice@sip.example.org;gr=urn:uuid:a")

  /// A store with keys, and all its private keys.
  private func store() throws -> (store: AccountStore, secrets: [Data]) {
    let store = try AccountStore(directory: account)
    let secrets = try store.database.write { db in
      _ = try LimeAccount(device: Self.device, curve: .c25519).makeRegistration(db, oneTimeKeys: 100)
      return try Data.fetchAll(
        db,
        sql: """
          SELECT identity_seed FROM lime_account UNION ALL SELECT private_key FROM lime_one_time_key
          UNION ALL SELECT private_key FROM lime_signed_prekey
          """)
    }
    #expect(secrets.count == 102)
    return (store, secrets)
  }

  /// How many of the secrets are in any file of a folder.
  private func found(_ secrets: [Data], in folder: URL) throws -> Int {
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .map { try Data(contentsOf: $0) }
    return secrets.filter { secret in files.contains { $0.range(of: secret) != nil } }.count
  }

  private func copy(_ name: String) throws -> URL {
    let target = folder.url.appendingPathComponent(name)
    try FileManager.default.copyItem(at: account, to: target)
    return target
  }

  @Test func noPrivateKeyIsInTheFilesAfterAPassphraseWasSet() throws {
    let (store, secrets) = try store()
    #expect(try found(secrets, in: account) == secrets.count)
    #expect(try store.setPassphrase(passphrase("open")))
    #expect(try found(secrets, in: account) == 0)
    try store.close()
    #expect(try found(secrets, in: account) == 0)
  }

  @Test func itIsAskedOnceForEachStart() throws {
    var (store, _): (AccountStore?, [Data]) = try store()
    _ = try store?.setPassphrase(passphrase("open"))
    #expect(try store?.isLocked == false)
    try store?.close()
    store = nil
    let again = try AccountStore(directory: account)
    #expect(try again.isLocked)
    #expect(throws: LimeError.wrongPassphrase) { try again.unlock(with: passphrase("shut")) }
    #expect(throws: LimeError.locked) { try again.setPassphrase(passphrase("new")) }
    #expect(throws: LimeError.locked) { try again.removePassphrase() }
    try again.unlock(with: passphrase("open"))
    #expect(try !again.isLocked)
    #expect(try again.setPassphrase(passphrase("new")))
    #expect(throws: LimeError.wrongPassphrase) { try again.unlock(with: passphrase("open")) }
    try again.unlock(with: passphrase("new"))
    try again.removePassphrase()
    #expect(try !again.hasPassphrase)
    let lime = LimeAccount(device: Self.device, curve: .c25519)
    _ = try again.database.write { try lime.makeRegistration($0) }
  }

  /// The files as a crash leaves them: copied in the middle of the change, and between it and cleaning up.
  @Test func aCrashLeavesAUsableAccount() throws {
    let (store, secrets) = try store()
    let passphrase = try passphrase("open")
    struct Interrupted: Error {}
    #expect(throws: Interrupted.self) {
      try store.database.write { db in
        _ = try StorageProtection.turnOn(db, with: passphrase)
        // All of it into the log, as a large transaction would be.
        try db.execute(sql: "PRAGMA cache_spill = 1; PRAGMA cache_size = 1")
        _ = try copy("during")
        throw Interrupted()
      }
    }
    let during = try AccountStore(directory: folder.url.appendingPathComponent("during"))
    #expect(try !during.hasPassphrase)
    let lime = LimeAccount(device: Self.device, curve: .c25519)
    _ = try during.database.write { try lime.makeRegistration($0) }

    _ = try store.database.write { try StorageProtection.turnOn($0, with: passphrase) }
    let after = try copy("after")
    #expect(try found(secrets, in: after) > 0)
    let unlocked = try AccountStore(directory: after)
    try unlocked.unlock(with: passphrase)
    #expect(try found(secrets, in: after) == 0)
    withExtendedLifetime(store) {}
  }
}
