// RatchetTests.swift: messages in any order, their limits, and what they are bound to

import Foundation
import GRDB
import TestSupport
import Testing

@testable import Lime

@Suite struct RatchetTests {
  // MARK: Random conversations

  /// A message under way, and whether it was read.
  private struct Sent {
    var envelope: Envelope
    var toBob: Bool
    var isRead = false
  }

  @Test(arguments: Curve.allCases, 0..<12)
  func `Each message of a random conversation is read once, in whatever order it comes`(
    curve: Curve, seed: UInt64
  ) throws {
    var generator = SeededGenerator(seed: seed)
    let pair = try Pair(curve, oneTimeKeys: seed.isMultiple(of: 3) ? 1 : 5)
    var sent: [Sent] = []
    for step in 0..<120 {
      let (sender, receiver) = Bool.random(using: &generator) ? (pair.alice, pair.bob) : (pair.bob, pair.alice)
      switch Int.random(in: 0..<10, using: &generator) {
      case 0..<5:
        try sender.startSessions(with: [receiver.id], at: pair.server)
        let policy: EncryptionPolicy = Bool.random(using: &generator) ? .direct : .cipherMessage
        let envelope = try sender.encrypt("message \(step)", to: receiver.id, policy: policy)
        sent.append(Sent(envelope: envelope, toBob: receiver.id == pair.bob.id))
      case 5..<9:
        // Any message may come next, come twice, or never.
        guard let index = sent.indices.randomElement(using: &generator) else { continue }
        try deliver(&sent[index], pair)
      default:
        if Int.random(in: 0..<4, using: &generator) == 0 {
          try sender.queue.write { try sender.account.markSessionsStale($0, with: receiver.id) }
        }
      }
    }
    for index in sent.indices where Int.random(in: 0..<4, using: &generator) > 0 { try deliver(&sent[index], pair) }
    #expect(sent.contains { $0.isRead })
  }

  private func deliver(_ message: inout Sent, _ pair: Pair) throws {
    let receiver = message.toBob ? pair.bob : pair.alice
    if message.isRead {
      #expect(throws: LimeError.self) { try receiver.decrypt(message.envelope) }
    } else {
      let opened = try receiver.decrypt(message.envelope)
      #expect(String(decoding: opened.plaintext, as: UTF8.self) == message.envelope.text)
      message.isRead = true
    }
  }

  @Test(arguments: Curve.allCases)
  func `Both sides starting at once converge on one session`(curve: Curve) throws {
    let pair = try Pair(curve)
    try pair.startSession()
    try pair.bob.startSessions(with: [pair.alice.id], at: pair.server)
    let toBob = try pair.alice.encrypt("mine", to: pair.bob.id)
    let toAlice = try pair.bob.encrypt("yours", to: pair.alice.id)
    try pair.bob.decrypt(toBob)
    try pair.alice.decrypt(toAlice)
    for _ in 0..<2 {
      try pair.bob.decrypt(try pair.alice.encrypt("x", to: pair.bob.id))
      try pair.alice.decrypt(try pair.bob.encrypt("y", to: pair.alice.id))
    }
    let used = try pair.alice.count("lime_session", where: "active = 1 AND received >= 2")
    #expect(used == 1)
    #expect(try pair.bob.count("lime_session", where: "active = 1 AND received >= 2") == 1)
  }

  @Test(arguments: EncryptionPolicy.allCases)
  func `One message is read by several devices of several users`(policy: EncryptionPolicy) throws {
    let pair = try Pair()
    let others = try (0..<4).map { try TestDevice("sip:user\($0)@sip.example.org;gr=urn:uuid:\($0)") }
    for device in others { try device.register(at: pair.server) }
    let devices = [pair.bob] + others
    try pair.alice.startSessions(with: devices.map(\.id), at: pair.server)
    for round in 0..<2 {
      let message = try pair.alice.encrypt("round \(round)", to: devices.map(\.id), policy: policy)
      #expect(message.failures.isEmpty)
      for (device, part) in zip(devices, message.ratchetMessages) {
        #expect(part.device == device.id)
        let envelope = Envelope(sender: pair.alice.id, ratchet: part.data, cipher: message.cipherMessage)
        #expect(try device.decrypt(envelope).plaintext == Data("round \(round)".utf8))
      }
    }
  }

  @Test func `Device ids may have any characters`() throws {
    let pair = try Pair()
    let devices = try ["\"quoted\"", "back\\slash", "日本語👍"].map { try TestDevice($0) }
    for device in devices { try device.register(at: pair.server) }
    let ids = devices.map(\.id)
    try pair.alice.startSessions(with: ids, at: pair.server)
    #expect(try pair.alice.encrypt("to all", to: ids).ratchetMessages.map(\.device) == ids)
    // No key server carries these, so there are no sessions with them.
    let others = [DeviceID("control\u{1}\u{1F}"), DeviceID("")]
    let missing = try pair.alice.queue.read { try pair.alice.account.devicesWithoutSession($0, among: ids + others) }
    #expect(missing == others)
  }

  @Test(arguments: [EncryptionPolicy.direct, .cipherMessage])
  func `Empty and long plaintexts`(policy: EncryptionPolicy) throws {
    let pair = try Pair()
    try pair.startSession()
    for text in ["", String(repeating: "long ", count: 50_000)] {
      let opened = try pair.bob.decrypt(try pair.alice.encrypt(text, to: pair.bob.id, policy: policy))
      #expect(opened.plaintext == Data(text.utf8))
    }
    let tooLong = Data(count: LimeAccount.maximumPlaintextLength + 1)
    #expect(throws: LimeError.messageTooLong(bytes: tooLong.count)) {
      try pair.alice.queue.write {
        try pair.alice.account.encrypt($0, plaintext: tooLong, recipientUser: room, devices: [pair.bob.id])
      }
    }
  }

  // MARK: Associated data

  @Test(arguments: Curve.allCases, [EncryptionPolicy.direct, .cipherMessage])
  func `A message opens only from its sender's device and for its recipient`(
    curve: Curve, policy: EncryptionPolicy
  ) throws {
    let pair = try Pair(curve)
    try pair.startSession()
    let message = try pair.alice.encrypt("hello", to: pair.bob.id, policy: policy)
    let before = try pair.bob.dump()

    var otherSender = message
    otherSender.sender = DeviceID("sip:alice@sip.example.org;gr=urn:uuid:other")
    #expect(throws: LimeError.self) { try pair.bob.decrypt(otherSender) }
    var otherRoom = message
    otherRoom.user = "sip:other-room@sip.example.org"
    #expect(throws: LimeError.cannotDecrypt(pair.alice.id)) { try pair.bob.decrypt(otherRoom) }
    // The same keys under another device id: as a server would relay a message to another device.
    var bobAsOther = pair.bob
    bobAsOther.account = LimeAccount(device: DeviceID(bobID + "2"), curve: curve)
    try pair.bob.queue.write { try $0.execute(sql: "UPDATE lime_account SET device = ?", arguments: [bobID + "2"]) }
    #expect(throws: LimeError.cannotDecrypt(pair.alice.id)) { try bobAsOther.decrypt(message) }
    try pair.bob.queue.write { try $0.execute(sql: "UPDATE lime_account SET device = ?", arguments: [bobID]) }

    #expect(try pair.bob.dump() == before)
    #expect(try pair.bob.decrypt(message).plaintext == Data("hello".utf8))
  }

  @Test func `A member cannot pass a seed on with another body`() throws {
    var pair = try Pair()
    try pair.startSession()
    let seed = SecretBytes.random(count: CipherMessage.seedLength)
    pair.alice.account.random.seed = { seed }
    let message = try pair.alice.encrypt("what alice wrote", to: pair.bob.id)
    // Whoever else received the message knows the seed.
    let forged = try CipherMessage.seal(
      Data("what she did not".utf8), seed: seed, sender: pair.alice.id, recipientUser: room)
    var swapped = message
    swapped.cipher = forged.message
    #expect(throws: LimeError.cannotDecrypt(pair.alice.id)) { try pair.bob.decrypt(swapped) }
    // Another body under the old tag passes the ratchet message, not the cipher message.
    let old = try #require(message.cipher)
    swapped.cipher = Data(forged.message.dropLast(AESGCM.tagLength)) + old.suffix(AESGCM.tagLength)
    #expect(throws: LimeError.cannotDecrypt(pair.alice.id)) { try pair.bob.decrypt(swapped) }
    swapped.cipher = nil
    #expect(throws: LimeError.self) { try pair.bob.decrypt(swapped) }
    #expect(try pair.bob.decrypt(message).plaintext == Data("what alice wrote".utf8))
  }

  // MARK: Limits

  @Test(arguments: Curve.allCases)
  func `As many messages may be missing as the limit says, also across a ratchet step`(curve: Curve) throws {
    let limit = UInt16(RatchetLimits.skippedPerMessage)
    let (alice, start) = try ratchets(curve)
    let first = try #require(alice.sending).keyPair.publicKey
    func header(number: UInt16, previous: UInt16 = 0, key: Data) -> RatchetHeader {
      RatchetHeader(
        curve: curve, payload: .seed, x3dhInit: nil, messageNumber: number, previousChainLength: previous,
        ratchetKey: key)
    }
    #expect(try start.receipt(for: header(number: limit, key: first))?.skipped.count == Int(limit))
    for number in [limit + 1, .max] {
      #expect(throws: LimeError.tooManySkippedMessages) {
        try start.receipt(for: header(number: number, key: first))
      }
    }
    var bob = try #require(try start.receipt(for: header(number: 0, key: first))).ratchet
    try bob.stepForSending(with: .generate(curve))
    let second = try AgreementKeyPair.generate(curve).publicKey
    let allowed = try bob.receipt(for: header(number: 24, previous: limit - 24 + 1, key: second))
    #expect(allowed?.skipped.count == Int(limit))
    let tooFar: [(UInt16, UInt16)] = [(25, limit - 24 + 1), (24, limit - 24 + 2), (0, .max), (.max, .max)]
    for (number, previous) in tooFar {
      #expect(throws: LimeError.tooManySkippedMessages) {
        try bob.receipt(for: header(number: number, previous: previous, key: second))
      }
    }
  }

  /// Both ends of a session; bob's has met alice's first key.
  private func ratchets(_ curve: Curve) throws -> (alice: DoubleRatchet, bob: DoubleRatchet) {
    let agreement = X3DHAgreement(sharedKey: .random(count: 32), associatedData: Data(count: 32))
    let prekey = try AgreementKeyPair.generate(curve)
    let alice = try DoubleRatchet(
      initiating: agreement, curve: curve, peerPrekey: prekey.publicKey, ratchetKey: .generate(curve))
    let key = try #require(alice.sending?.keyPair.publicKey)
    let bob = try DoubleRatchet(
      responding: agreement, curve: curve, signedPrekey: prekey.privateKey, peerKey: key)
    return (alice, bob)
  }

  @Test(arguments: Curve.allCases)
  func `A ratchet key of small order is refused`(curve: Curve) throws {
    var (_, bob) = try ratchets(curve)
    try bob.stepForSending(with: .generate(curve))
    var one = Data(count: curve.publicKeyLength)
    one[0] = 1
    for key in [Data(count: curve.publicKeyLength), one] {
      let header = RatchetHeader(
        curve: curve, payload: .seed, x3dhInit: nil, messageNumber: 0, previousChainLength: 0, ratchetKey: key)
      #expect(throws: LimeError.weakKey) { try bob.receipt(for: header) }
      #expect(throws: LimeError.weakKey) {
        try DoubleRatchet(
          responding: X3DHAgreement(sharedKey: .random(count: 32), associatedData: Data(count: 32)), curve: curve,
          signedPrekey: .init(curve: curve, bytes: .random(count: curve.privateKeyLength)), peerKey: key)
      }
    }
  }

  @Test func `A header far ahead costs nothing and the session goes on`() throws {
    let pair = try Pair()
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("0", to: pair.bob.id))
    let genuine = try pair.alice.encrypt("1", to: pair.bob.id)
    let message = try RatchetMessage(parsing: genuine.ratchet)
    var header = message.header
    header.messageNumber = .max
    let far = Envelope(
      sender: pair.alice.id, ratchet: header.serialized + message.ciphertext + message.tag, cipher: genuine.cipher)
    let before = try pair.bob.dump()
    #expect(throws: LimeError.tooManySkippedMessages) { try pair.bob.decrypt(far) }
    #expect(try pair.bob.dump() == before)
    try pair.bob.decrypt(genuine)
    #expect(throws: LimeError.alreadyDecrypted) { try pair.bob.decrypt(genuine) }
  }

  @Test func `Keys of missing messages are bounded for a session`() throws {
    let pair = try Pair()
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("0", to: pair.bob.id))
    let limit = RatchetLimits.skippedPerSession
    try pair.bob.queue.write { db in
      let keys = try pair.bob.account.keys(db)
      let store = pair.bob.account.sessionStore(keys)
      let session = try #require(try store.active(among: [pair.alice.id])[pair.alice.id]?.session?.id)
      for chain in 0..<5 {
        let skipped = (0..<UInt16(RatchetLimits.skippedPerMessage)).map {
          SkippedKey(ratchetKey: Data([UInt8(chain)]), number: $0, key: .random(count: 48))
        }
        try store.insert(skipped, session: session)
      }
    }
    #expect(try pair.bob.count("lime_skipped_key") == limit)
    #expect(try pair.bob.count("lime_skipped_key", where: "ratchet_key = x'00'") == 0)
  }

  @Test func `A sending chain without an answer ends and a new session takes over`() throws {
    let pair = try Pair()
    try pair.startSession()
    let limit = RatchetLimits.sendingChainLength
    let last = try pair.alice.queue.write { db in
      var last: EncryptedMessage?
      for _ in 0..<limit {
        last = try pair.alice.account.encrypt(
          db, plaintext: Data("x".utf8), recipientUser: room, devices: [pair.bob.id])
        #expect(last?.failures.isEmpty == true)
      }
      return last
    }
    let refused = try pair.alice.encrypt("x", to: [pair.bob.id])
    #expect(refused.failures == [pair.bob.id: .noSession(pair.bob.id)])
    #expect(refused.ratchetMessages.isEmpty)
    let missing = try pair.alice.queue.read {
      try pair.alice.account.devicesWithoutSession($0, among: [pair.bob.id, pair.alice.id, pair.bob.id])
    }
    #expect(missing == [pair.bob.id])
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("new session", to: pair.bob.id))
    let part = try #require(last?.ratchetMessages.first)
    try pair.bob.decrypt(Envelope(sender: pair.alice.id, ratchet: part.data, cipher: last?.cipherMessage))
  }

  @Test func `Sessions with one device are bounded`() throws {
    let pair = try Pair(oneTimeKeys: 1)
    for number in 0..<(RatchetLimits.sessionsPerPeer + 5) {
      try pair.alice.queue.write { try pair.alice.account.markSessionsStale($0, with: pair.bob.id) }
      pair.clock.advance(days: 0.01)
      try pair.startSession()
      let envelope = try pair.alice.encrypt("session \(number)", to: pair.bob.id)
      #expect(try pair.bob.decrypt(envelope).plaintext == Data("session \(number)".utf8))
    }
    #expect(try pair.bob.count("lime_session") == RatchetLimits.sessionsPerPeer)
    #expect(try pair.alice.count("lime_session") == RatchetLimits.sessionsPerPeer)
  }
}
