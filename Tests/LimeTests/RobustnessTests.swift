// RobustnessTests.swift: altered messages change nothing; secrets do not show; transactions hold

import Foundation
import GRDB
import TestSupport
import Testing

@testable import Lime

@Suite struct RobustnessTests {
  @Test(arguments: Curve.allCases, [EncryptionPolicy.direct, .cipherMessage])
  func `A first message with any byte changed is refused and changes nothing`(
    curve: Curve, policy: EncryptionPolicy
  ) throws {
    let pair = try Pair(curve)
    try pair.startSession()
    try expectEveryChangeRefused(try pair.alice.encrypt("hello", to: pair.bob.id, policy: policy), by: pair.bob)
  }

  @Test(arguments: Curve.allCases, [EncryptionPolicy.direct, .cipherMessage])
  func `A later message with any byte changed is refused and changes nothing`(
    curve: Curve, policy: EncryptionPolicy
  ) throws {
    let pair = try Pair(curve)
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("hello", to: pair.bob.id, policy: policy))
    try pair.alice.decrypt(try pair.bob.encrypt("answer", to: pair.alice.id, policy: policy))
    _ = try pair.alice.encrypt("missing", to: pair.bob.id, policy: policy)
    try expectEveryChangeRefused(try pair.alice.encrypt("again", to: pair.bob.id, policy: policy), by: pair.bob)
  }

  private func expectEveryChangeRefused(_ message: Envelope, by device: TestDevice) throws {
    let before = try device.dump()
    func expectRefused(_ changed: Envelope, _ what: String) {
      #expect(throws: LimeError.self, "\(what)") { try device.decrypt(changed) }
    }
    var generator = SeededGenerator(seed: UInt64(message.ratchet.count))
    for index in message.ratchet.indices {
      var changed = message
      changed.ratchet[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      expectRefused(changed, "byte \(index)")
      expectRefused(
        Envelope(sender: message.sender, ratchet: message.ratchet.prefix(index), cipher: message.cipher),
        "cut at \(index)")
    }
    expectRefused(
      Envelope(sender: message.sender, ratchet: message.ratchet + [0], cipher: message.cipher), "a byte more")
    if let cipher = message.cipher {
      for index in cipher.indices {
        var changed = message
        changed.cipher?[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        expectRefused(changed, "byte \(index) of the cipher message")
        changed.cipher = cipher.prefix(index)
        expectRefused(changed, "cipher message cut at \(index)")
      }
    }
    #expect(try device.dump() == before)
    #expect(try device.decrypt(message).plaintext == Data(message.text.utf8))
  }

  @Test func `Random bytes never trap`() throws {
    let pair = try Pair()
    try pair.startSession()
    let genuine = try pair.alice.encrypt("hello", to: pair.bob.id)
    let before = try pair.bob.dump()
    var generator = SeededGenerator(seed: 99)
    for round in 0..<2000 {
      let length = Int.random(in: 0..<300, using: &generator)
      var ratchet = Data((0..<length).map { _ in .random(in: 0...255, using: &generator) })
      // Half of them with a beginning that gets further.
      if round.isMultiple(of: 2) { ratchet.replaceSubrange(0..<min(3, ratchet.count), with: genuine.ratchet.prefix(3)) }
      #expect(throws: LimeError.self) {
        try pair.bob.decrypt(Envelope(sender: pair.alice.id, ratchet: ratchet, cipher: genuine.cipher))
      }
    }
    #expect(try pair.bob.dump() == before)
  }

  @Test func `A message for another curve or of another version says so`() throws {
    let pair = try Pair(.c448)
    try pair.startSession()
    var message = try pair.alice.encrypt("hello", to: pair.bob.id)
    let bob = try TestDevice(bobID)
    try bob.register(at: TestKeyServer())
    #expect(throws: LimeError.otherCurve(2)) { try bob.decrypt(message) }
    message.ratchet[2] = 4
    #expect(throws: LimeError.otherCurve(4)) { try bob.decrypt(message) }
    message.ratchet[0] = 2
    #expect(throws: LimeError.unsupportedVersion(2)) { try bob.decrypt(message) }
    #expect(throws: LimeError.noKeys) {
      let nobody = try TestDevice(bobID, curve: .c448)
      try nobody.decrypt(try pair.alice.encrypt("hello", to: pair.bob.id))
    }
  }

  // MARK: Transactions

  private struct Crash: Error {}

  @Test func `A transaction that fails takes its ratchet step back`() throws {
    let pair = try Pair()
    try pair.startSession()
    let before = try pair.alice.dump()
    #expect(throws: Crash.self) {
      try pair.alice.queue.write { db in
        _ = try pair.alice.account.encrypt(db, plaintext: Data(), recipientUser: room, devices: [pair.bob.id])
        throw Crash()
      }
    }
    #expect(try pair.alice.dump() == before)

    let message = try pair.alice.encrypt("hello", to: pair.bob.id)
    let unread = try pair.bob.dump()
    #expect(throws: Crash.self) {
      try pair.bob.queue.write { db in
        _ = try pair.bob.account.decrypt(
          db, ratchetMessage: message.ratchet, cipherMessage: message.cipher, sender: message.sender,
          recipientUser: message.user)
        throw Crash()
      }
    }
    #expect(try pair.bob.dump() == unread)
    // The message was not stored, so it can be read when it comes again.
    #expect(try pair.bob.decrypt(message).plaintext == Data("hello".utf8))
  }

  @Test func `A refused message leaves what else the transaction did`() throws {
    let pair = try Pair()
    try pair.startSession()
    var message = try pair.alice.encrypt("hello", to: pair.bob.id)
    message.ratchet[message.ratchet.count - 1] ^= 1
    try pair.bob.queue.write { db in
      try db.execute(sql: "CREATE TABLE note (text TEXT)")
      try db.execute(sql: "INSERT INTO note VALUES ('undecipherable')")
      #expect(throws: LimeError.cannotDecrypt(pair.alice.id)) {
        try pair.bob.account.decrypt(
          db, ratchetMessage: message.ratchet, cipherMessage: message.cipher, sender: message.sender,
          recipientUser: message.user)
      }
    }
    #expect(try pair.bob.queue.read { try String.fetchAll($0, sql: "SELECT text FROM note") } == ["undecipherable"])
  }

  @Test func `No message number and key are used twice`() throws {
    let pair = try Pair()
    try pair.startSession()
    var seen: Set<Data> = []
    for round in 0..<40 {
      let policy: EncryptionPolicy = round.isMultiple(of: 2) ? .direct : .cipherMessage
      let header = try RatchetMessage(parsing: pair.alice.encrypt("x", to: pair.bob.id, policy: policy).ratchet).header
      var identity = header.ratchetKey
      identity.append(bigEndian: header.messageNumber)
      #expect(seen.insert(identity).inserted)
    }
  }

  // MARK: Secrets

  @Test func `Secrets appear in no description, reflection or error`() throws {
    let secret = SecretBytes.random(count: 32)
    let pair = try IdentityKeyPair(curve: .c25519, seed: secret)
    let agreement = AgreementKeyPair(privateKey: try AgreementPrivateKey(curve: .c25519, bytes: secret))
    let ratchet = DoubleRatchet(
      curve: .c25519, associatedData: Data(), rootKey: secret, peerKey: Data(),
      sending: DoubleRatchet.Sending(keyPair: agreement, chain: SendingChain(key: secret)),
      receiving: ReceivingChain(key: secret), previousChainLength: 0)
    var texts: [String] = []
    for value in [secret, pair, agreement, ratchet] as [Any] {
      var dumped = ""
      dump(value, to: &dumped)
      texts += ["\(value)", String(reflecting: value), dumped]
    }
    for text in texts {
      #expect(text.contains("32 secret bytes"))
      #expect(!text.contains(secret.hex))
    }
    let numbers = secret.withUnsafeBytes { $0.prefix(4).map { "\($0)" }.joined(separator: ", ") }
    #expect(!texts.contains { $0.contains(numbers) })
  }

  @Test func `Secrets compare by content`() {
    let secret = SecretBytes.random(count: 48)
    #expect(secret == SecretBytes(copying: secret))
    #expect(secret != SecretBytes.random(count: 48))
    #expect(secret != SecretBytes(copying: secret, range: 0..<47))
  }

  @Test func `A fingerprint shows the whole key in groups of four digits`() throws {
    let key = try #require(IdentityKey(curve: .c25519, bytes: Data(0..<32)))
    #expect(key.fingerprint.hasPrefix("0001 0203 0405 "))
    #expect(key.fingerprint.split(separator: " ").count == 16)
    #expect(IdentityKey(curve: .c448, bytes: Data(0..<57))?.fingerprint.hasSuffix(" 3637 38") == true)
    #expect(IdentityKey(curve: .c448, bytes: Data(count: 32)) == nil)
  }
}
