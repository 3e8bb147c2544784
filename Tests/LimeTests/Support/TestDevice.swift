// TestDevice.swift: devices with databases of their own, and a clock
import Foundation
import GRDB
import TestSupport

@testable import Lime

/// A clock that tests move.
final class TestClock: Sendable {
  private let lock = NSLock()
  // Only touched under the lock.
  nonisolated(unsafe) private var date = Date(timeIntervalSince1970: 1_700_000_000)

  var now: Date { lock.withLock { date } }

  func advance(days: Double) { lock.withLock { date += days * 86_400 } }
}

/// A device with its own database.
struct TestDevice {
  let queue: DatabaseQueue
  var account: LimeAccount

  var id: DeviceID { account.device }

  init(_ device: String, curve: Curve = .c25519, clock: TestClock = TestClock()) throws {
    queue = try DatabaseQueue()
    account = LimeAccount(device: DeviceID(device), curve: curve, now: { clock.now })
    var migrator = DatabaseMigrator()
    LimeAccount.registerMigrations(&migrator)
    try migrator.migrate(queue)
  }

  // Not `queue.write` itself, which in an asynchronous test is another function.
  func write<Value>(_ body: (Database) throws -> Value) throws -> Value { try queue.write(body) }

  func read<Value>(_ body: (Database) throws -> Value) throws -> Value { try queue.read(body) }

  func register(at server: TestKeyServer, oneTimeKeys: Int = 5) throws {
    try queue.write { db in
      let request = try account.makeRegistration(db, oneTimeKeys: oneTimeKeys)
      let answer = try KeyServerAnswer(parsing: server.answer(request.body, from: id))
      guard answer.content == .acknowledged(.registered) else { throw UnexpectedAnswer(answer: answer) }
      try account.registrationAccepted(db)
    }
  }

  @discardableResult
  func startSessions(with devices: [DeviceID], at server: TestKeyServer) throws -> [DeviceID: Result<Void, LimeError>] {
    try queue.write { db in
      let missing = try account.devicesWithoutSession(db, among: devices)
      guard !missing.isEmpty else { return [:] }
      let answer = try KeyServerAnswer(parsing: server.answer(account.bundleRequest(for: missing).body, from: id))
      return try account.startSessions(db, with: answer, for: missing)
    }
  }

  func encrypt(
    _ text: String, to devices: [DeviceID], user: String = room, policy: EncryptionPolicy = .cipherMessage
  ) throws -> EncryptedMessage {
    try queue.write { db in
      try account.encrypt(db, plaintext: Data(text.utf8), recipientUser: user, devices: devices, policy: policy)
    }
  }

  func encrypt(_ text: String, to device: DeviceID, policy: EncryptionPolicy = .cipherMessage) throws -> Envelope {
    let message = try encrypt(text, to: [device], policy: policy)
    guard let part = message.ratchetMessages.first else { throw LimeError.noSession(device) }
    return Envelope(sender: id, ratchet: part.data, cipher: message.cipherMessage, status: part.status, text: text)
  }

  @discardableResult
  func decrypt(_ envelope: Envelope) throws -> DecryptedMessage {
    try queue.write { db in
      try account.decrypt(
        db, ratchetMessage: envelope.ratchet, cipherMessage: envelope.cipher, sender: envelope.sender,
        recipientUser: envelope.user)
    }
  }

  /// Every row of every table, to show that nothing changed.
  func dump() throws -> [String] {
    try queue.read { db in
      let tables = try String.fetchAll(
        db, sql: "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'lime%' ORDER BY name")
      return try tables.flatMap { table in
        try Row.fetchAll(db, sql: "SELECT * FROM \(table)").map { row in
          // SQL literals: blobs are written out in full.
          "\(table) " + row.databaseValues.map { SQLLiteral($0).text }.joined(separator: "|")
        }
      }
    }
  }

  func count(_ table: String, where condition: String = "1") throws -> Int {
    try queue.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM \(table) WHERE \(condition)") ?? 0 }
  }
}

private struct SQLLiteral {
  let text: String

  init(_ value: DatabaseValue) {
    text =
      switch value.storage {
      case .blob(let data): data.hex
      default: "\(value)"
      }
  }
}

/// Addressee of messages that do not say otherwise.
let room = "sip:room@sip.example.org"
let aliceID = "sip:alice@sip.example.org;gr=urn:uuid:a"
let bobID = "sip:bob@sip.example.org;gr=urn:uuid:b"

struct UnexpectedAnswer: Error {
  let answer: KeyServerAnswer
}

/// One message for one device, on its way.
struct Envelope {
  var sender: DeviceID
  var ratchet: Data
  var cipher: Data?
  var user = room
  var status = PeerStatus.unknown
  var text = ""
}

/// Two registered devices and their server.
struct Pair {
  let server: TestKeyServer
  var alice: TestDevice
  var bob: TestDevice
  let clock: TestClock

  init(_ curve: Curve = .c25519, oneTimeKeys: Int = 5) throws {
    clock = TestClock()
    server = TestKeyServer(curve: curve)
    alice = try TestDevice(aliceID, curve: curve, clock: clock)
    bob = try TestDevice(bobID, curve: curve, clock: clock)
    try alice.register(at: server, oneTimeKeys: oneTimeKeys)
    try bob.register(at: server, oneTimeKeys: oneTimeKeys)
    if oneTimeKeys == 1 { try drainOneTimeKeys() }
  }

  /// A registration has at least one key: ask for it, so that the next bundle has none.
  private func drainOneTimeKeys() throws {
    let request = KeyServerRequest(curve: alice.account.curve, content: .getBundles([alice.id, bob.id]))
    _ = try server.answer(request.body, from: DeviceID("sip:other@sip.example.org;gr=1"))
  }

  func startSession() throws { try alice.startSessions(with: [bob.id], at: server) }
}
