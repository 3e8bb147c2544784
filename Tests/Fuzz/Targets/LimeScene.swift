// LimeScene.swift: a device with sessions in a database in memory, and genuine messages for it
import Foundation
import GRDB
import Lime

/// Bob, with keys, and messages that Alice sent him; each can be decrypted in the state that bob is in.
final class LimeScene: Sendable {
  struct Letter: Sendable {
    var sender: DeviceID
    var recipientUser = LimeScene.room
    var ratchet: Data
    var cipher: Data?

    /// Whether what can be read in it is the other's. With the direct policy a common part has no meaning.
    func says(_ other: Letter) -> Bool {
      sender == other.sender && recipientUser == other.recipientUser && ratchet == other.ratchet
        && (other.cipher == nil || cipher == other.cipher)
    }
  }

  /// One device and its database.
  struct Device: Sendable {
    let account: LimeAccount
    let queue: DatabaseQueue

    init(_ name: String, _ curve: Curve) throws {
      account = LimeAccount(device: DeviceID("sip:\(name)@sip.example.org;gr=urn:uuid:\(name)"), curve: curve)
      queue = try DatabaseQueue()
      var migrator = DatabaseMigrator()
      LimeAccount.registerMigrations(&migrator)
      try migrator.migrate(queue)
    }

    /// Makes keys.
    /// - Returns: what a key server would say of them.
    func publish() throws -> KeyBundle {
      try queue.write { db in
        let request = try account.makeRegistration(db, oneTimeKeys: 2)
        try account.registrationAccepted(db)
        guard case .register(let identity, let signedPrekey, let oneTimeKeys) = request.content else {
          throw FuzzTarget.Refused()
        }
        return KeyBundle(
          device: account.device,
          keys: .init(identity: identity, signedPrekey: signedPrekey, oneTimeKey: oneTimeKeys.first))
      }
    }

    func startSession(_ bundle: KeyBundle) throws {
      let answer = KeyServerAnswer(curve: account.curve, content: .bundles([bundle]))
      try queue.write { db in
        for result in try account.startSessions(db, with: answer, for: [bundle.device]).values { try result.get() }
      }
    }

    func encrypt(_ text: String, to device: DeviceID, _ policy: EncryptionPolicy) throws -> Letter {
      let message = try queue.write { db in
        try account.encrypt(
          db, plaintext: Data(text.utf8), recipientUser: LimeScene.room, devices: [device], policy: policy)
      }
      guard let part = message.ratchetMessages.first else { throw FuzzTarget.Refused() }
      return Letter(sender: account.device, ratchet: part.data, cipher: message.cipherMessage)
    }

    func decrypt(_ db: Database, _ letter: Letter) throws -> Data {
      try account.decrypt(
        db, ratchetMessage: letter.ratchet, cipherMessage: letter.cipher, sender: letter.sender,
        recipientUser: letter.recipientUser
      ).plaintext
    }

    /// Every row of every table.
    static func rows(_ db: Database) throws -> [[DatabaseValue]] {
      let tables = try String.fetchAll(
        db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
      return try tables.flatMap { table in
        try Row.fetchAll(db, sql: "SELECT * FROM \"\(table)\"").map { Array($0.databaseValues) }
      }
    }
  }

  static let room = "sip:room@sip.example.org"
  static let text = "hello"

  let bob: Device
  let bundle: KeyBundle
  /// First ones with and without a one-time key, one that goes on with a session, and one with messages missing
  /// before it; each in both policies.
  let letters: [Letter]
  let rows: [[DatabaseValue]]

  init(_ curve: Curve) throws {
    bob = try Device("bob", curve)
    bundle = try bob.publish()
    var withoutOneTimeKey = bundle
    withoutOneTimeKey.keys?.oneTimeKey = nil
    var letters: [Letter] = []
    let policies: [EncryptionPolicy] = [.direct, .cipherMessage]
    for (name, bundle) in [("alice", bundle), ("anna", withoutOneTimeKey)] {
      let sender = try Device(name, curve)
      _ = try sender.publish()
      try sender.startSession(bundle)
      for policy in policies { letters.append(try sender.encrypt(Self.text, to: bob.account.device, policy)) }
    }
    // Adam and bob have talked before, in both directions.
    let adam = try Device("adam", curve)
    _ = try adam.publish()
    try adam.startSession(withoutOneTimeKey)
    let first = try adam.encrypt(Self.text, to: bob.account.device, .direct)
    _ = try bob.queue.write { [bob] db in try bob.decrypt(db, first) }
    let answer = try bob.encrypt(Self.text, to: adam.account.device, .direct)
    _ = try adam.queue.write { db in try adam.decrypt(db, answer) }
    for policy in policies {
      letters.append(try adam.encrypt(Self.text, to: bob.account.device, policy))
      for _ in 0..<3 { _ = try adam.encrypt("missing", to: bob.account.device, policy) }
      letters.append(try adam.encrypt(Self.text, to: bob.account.device, policy))
    }
    self.letters = letters
    rows = try bob.queue.read { try Device.rows($0) }
  }
}
