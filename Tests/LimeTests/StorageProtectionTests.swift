// StorageProtectionTests.swift: secrets in a database with a passphrase: encrypted, bound to their rows, usable
import Foundation
import GRDB
import Testing

@testable import Lime

@Suite struct StorageProtectionTests {
  private static let cheap = StorageProtection.Cost(passes: 1, memory: 8192)

  private func passphrase(_ text: String) throws -> Passphrase { try Passphrase(Array(text.utf8)) }

  /// Both sides in the middle of a conversation, Bob with a missing message; then he sets a passphrase.
  private func conversation(_ curve: Curve = .c25519) throws -> (pair: Pair, missing: Envelope, key: StorageKey) {
    var pair = try Pair(curve, oneTimeKeys: 20)
    try pair.startSession()
    try pair.bob.decrypt(pair.alice.encrypt("one", to: pair.bob.id))
    try pair.alice.decrypt(pair.bob.encrypt("two", to: pair.alice.id))
    let missing = try pair.alice.encrypt("three", to: pair.bob.id)
    try pair.bob.decrypt(pair.alice.encrypt("four", to: pair.bob.id))
    // Running sending chain, running receiving chain and a skipped key: every secret column has something in it.
    _ = try pair.bob.encrypt("five", to: pair.alice.id)
    let key = try pair.bob.write { try StorageProtection.turnOn($0, with: passphrase("open"), cost: Self.cheap) }
    pair.bob.unlock(with: key)
    return (pair, missing, key)
  }

  private static let columns = [
    ("lime_account", "identity_seed"), ("lime_signed_prekey", "private_key"), ("lime_one_time_key", "private_key"),
    ("lime_session", "secrets"), ("lime_sending", "chain_key"), ("lime_skipped_key", "message_key"),
  ]

  private func secrets(_ device: TestDevice) throws -> [Data] {
    try device.read { db in
      try Self.columns.flatMap { table, column in
        try Data.fetchAll(db, sql: "SELECT \(column) FROM \(table) WHERE \(column) IS NOT NULL")
      }
    }
  }

  @Test(arguments: Curve.allCases)
  func `The conversation goes on when a passphrase is set, changed and removed`(on curve: Curve) throws {
    var (pair, missing, key) = try conversation(curve)
    #expect(try pair.bob.decrypt(missing).plaintext == Data("three".utf8))
    for round in 0..<3 {
      #expect(
        try pair.alice.decrypt(pair.bob.encrypt("\(round)", to: pair.alice.id)).plaintext == Data("\(round)".utf8))
      #expect(try pair.bob.decrypt(pair.alice.encrypt("\(round)", to: pair.bob.id)).plaintext == Data("\(round)".utf8))
    }
    let before = try secrets(pair.bob)
    try pair.bob.write { try StorageProtection.change($0, key, to: passphrase("sesame"), cost: Self.cheap) }
    #expect(try secrets(pair.bob) == before)
    #expect(throws: LimeError.wrongPassphrase) {
      try pair.bob.read { try StorageProtection.unlock($0, with: passphrase("open")) }
    }
    pair.bob.unlock(with: try pair.bob.read { try StorageProtection.unlock($0, with: passphrase("sesame")) })
    #expect(try pair.bob.decrypt(pair.alice.encrypt("changed", to: pair.bob.id)).plaintext == Data("changed".utf8))
    try pair.bob.write { try StorageProtection.turnOff($0, key) }
    pair.bob.unlock(with: nil)
    #expect(try pair.bob.decrypt(pair.alice.encrypt("removed", to: pair.bob.id)).plaintext == Data("removed".utf8))
    #expect(try pair.alice.decrypt(pair.bob.encrypt("done", to: pair.alice.id)).plaintext == Data("done".utf8))
  }

  @Test(arguments: Curve.allCases)
  func `No secret is in any row of a database with a passphrase`(on curve: Curve) throws {
    var pair = try Pair(curve)
    try pair.startSession()
    try pair.bob.decrypt(pair.alice.encrypt("one", to: pair.bob.id))
    _ = try pair.alice.encrypt("missing", to: pair.bob.id)
    try pair.bob.decrypt(pair.alice.encrypt("two", to: pair.bob.id))
    _ = try pair.bob.encrypt("three", to: pair.alice.id)
    for (table, column) in Self.columns {
      #expect(try pair.bob.count(table, where: "\(column) IS NOT NULL") > 0, "\(table) has no secret to test with")
    }
    let known = try secrets(pair.bob)
    let plain = try pair.bob.dump().joined()
    #expect(known.allSatisfy { plain.contains($0.prefix(32).hex) && plain.contains($0.suffix(32).hex) })
    pair.bob.unlock(
      with: try pair.bob.write { try StorageProtection.turnOn($0, with: passphrase("open"), cost: Self.cheap) })
    let encrypted = try pair.bob.dump().joined()
    #expect(!known.contains { encrypted.contains($0.prefix(32).hex) || encrypted.contains($0.suffix(32).hex) })
    // What is made from then on is encrypted too.
    let chain = try pair.bob.read { db in
      try pair.bob.account.sessionStore(pair.bob.account.keys(db)).active(among: [pair.alice.id])[pair.alice.id]?
        .session?.ratchet.sending?.chain.keyBytes
    }
    #expect(try !pair.bob.dump().joined().contains(#require(chain).hex))
  }

  @Test func `Without the key nothing that needs a secret works, and nothing changes`() throws {
    let (pair, missing, _) = try conversation()
    var bob = pair.bob
    bob.unlock(with: nil)
    let next = try pair.alice.encrypt("next", to: bob.id)
    let before = try bob.dump()
    #expect(throws: LimeError.locked) { try bob.decrypt(missing) }
    #expect(throws: LimeError.locked) { try bob.decrypt(next) }
    #expect(throws: LimeError.locked) { try bob.encrypt("x", to: pair.alice.id) }
    #expect(throws: LimeError.locked) {
      let answer = KeyServerAnswer(curve: .c25519, content: .oneTimeKeyIDs([]))
      return try bob.write { try bob.account.updateRequests($0, after: answer) }
    }
    #expect(throws: LimeError.locked) {
      var other = try TestDevice("sip:new@sip.example.org;gr=1")
      try other.write { _ = try StorageProtection.turnOn($0, with: passphrase("x"), cost: Self.cheap) }
      other.unlock(with: nil)
      try other.register(at: pair.server)
    }
    #expect(try bob.dump() == before)
    #expect(try bob.read { try bob.account.identity($0) } == pair.bob.read { try pair.bob.account.identity($0) })
  }

  @Test func `A wrong passphrase is refused, and so are damaged parameters`() throws {
    let (pair, _, _) = try conversation()
    #expect(throws: LimeError.wrongPassphrase) {
      try pair.bob.read { try StorageProtection.unlock($0, with: passphrase("opeN")) }
    }
    for change in ["passes = 1000000", "memory = 1 << 60", "passes = 0", "salt = x'00'", "memory = 16384"] {
      #expect(throws: LimeError.self, "\(change)") {
        try pair.bob.write { db in
          try db.execute(sql: "UPDATE lime_protection SET \(change)")
          _ = try StorageProtection.unlock(db, with: passphrase("open"))
        }
      }
    }
    #expect(throws: LimeError.unusablePassphrase) { try passphrase("") }
    #expect(throws: LimeError.unusablePassphrase) { try passphrase(String(repeating: "x", count: 1025)) }
  }

  @Test func `A secret that was altered or put into another row is refused`() throws {
    let (pair, missing, _) = try conversation()
    let carol = try TestDevice("sip:carol@sip.example.org;gr=urn:uuid:c", clock: pair.clock)
    try carol.register(at: pair.server)
    try carol.startSessions(with: [pair.bob.id], at: pair.server)
    try pair.bob.decrypt(carol.encrypt("hello", to: pair.bob.id))
    _ = try pair.bob.encrypt("hello", to: carol.id)
    let next = try pair.alice.encrypt("next", to: pair.bob.id)

    func isRefused(_ change: String, _ body: (TestDevice) throws -> Void) throws {
      var copy = try TestDevice(bobID, clock: pair.clock)
      try pair.bob.queue.backup(to: copy.queue)
      copy.unlock(with: pair.bob.account.storageKey)
      try copy.write { try $0.execute(sql: change) }
      let before = try copy.dump()
      #expect(throws: LimeError.damagedSecret, "\(change)") { try body(copy) }
      #expect(try copy.dump() == before)
    }
    let others = "(SELECT o.%@ FROM %@ o WHERE o.rowid <> %@.rowid LIMIT 1)"
    for (table, column) in Self.columns where table != "lime_account" && table != "lime_skipped_key" {
      let other = others.replacing("%@ FROM", with: "\(column) FROM").replacing("%@", with: table)
      let swapped = "UPDATE \(table) SET \(column) = \(other)"
      let altered = "UPDATE \(table) SET \(column) = x'00' || substr(\(column), 2)"
      for change in [table == "lime_signed_prekey" ? altered : swapped, altered] {
        switch table {
        case "lime_session": try isRefused(change) { try $0.decrypt(next) }
        case "lime_sending": try isRefused(change) { _ = try $0.encrypt("x", to: pair.alice.id) }
        default:
          let first = try TestDevice("sip:dave@sip.example.org;gr=urn:uuid:d\(change.count)", clock: pair.clock)
          try first.register(at: pair.server)
          try first.startSessions(with: [pair.bob.id], at: pair.server)
          let message = try first.encrypt("first", to: pair.bob.id)
          try isRefused(change) { try $0.decrypt(message) }
        }
      }
    }
    try isRefused("UPDATE lime_skipped_key SET message_key = zeroblob(88)") { try $0.decrypt(missing) }
    try isRefused("UPDATE lime_account SET identity_seed = zeroblob(72)") { bob in
      let eve = DeviceID("sip:eve@sip.example.org;gr=urn:uuid:e")
      try TestDevice(eve.string).register(at: pair.server)
      try bob.startSessions(with: [eve], at: pair.server)
    }
  }

  @Test func `A change that does not come to its end leaves the database as it was`() throws {
    struct Interrupted: Error {}
    let pair = try Pair()
    let before = try pair.bob.dump()
    #expect(throws: Interrupted.self) {
      try pair.bob.write { db in
        _ = try StorageProtection.turnOn(db, with: passphrase("open"), cost: Self.cheap)
        throw Interrupted()
      }
    }
    #expect(try pair.bob.dump() == before)
    try pair.startSession()
    try pair.bob.decrypt(pair.alice.encrypt("one", to: pair.bob.id))
  }
}

extension TestDevice {
  mutating func unlock(with key: StorageKey?) {
    account = LimeAccount(device: account.device, curve: account.curve, storageKey: key, now: account.now)
  }
}
