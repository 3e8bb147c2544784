// KeyAgreementTests.swift: what a hostile server or peer may try on keys and first messages

import Foundation
import GRDB
import TestSupport
import Testing

@testable import Lime

@Suite struct KeyAgreementTests {
  // MARK: Signatures and weak keys

  /// A bundle as the server would give it, changed by `change`.
  private func bundle(
    of device: DeviceID, at server: TestKeyServer, curve: Curve,
    _ change: (inout KeyBundle.Keys) throws -> Void = { _ in }
  ) throws -> KeyBundle {
    let request = KeyServerRequest(curve: curve, content: .getBundles([device]))
    let answer = try KeyServerAnswer(parsing: server.answer(request.body, from: DeviceID("sip:t@example.org;gr=t")))
    var bundle = try #require(try answer.bundles(for: [device], curve: curve).first)
    var keys = try #require(bundle.keys)
    try change(&keys)
    bundle.keys = keys
    return bundle
  }

  private func start(_ device: TestDevice, with bundles: [KeyBundle]) throws -> [DeviceID: LimeError?] {
    try device.queue.write { db in
      try device.account.startSessions(db, with: bundles).mapValues { result in
        if case .failure(let error) = result { error } else { nil }
      }
    }
  }

  @Test(arguments: Curve.allCases)
  func `One bad signature refuses that device only`(curve: Curve) throws {
    let pair = try Pair(curve)
    let carol = try TestDevice("sip:carol@sip.example.org;gr=urn:uuid:c", curve: curve)
    try carol.register(at: pair.server)
    let absent = DeviceID("sip:nobody@sip.example.org;gr=urn:uuid:n")
    let bad = try bundle(of: pair.bob.id, at: pair.server, curve: curve) { $0.signedPrekey.signature[10] ^= 1 }
    let good = try bundle(of: carol.id, at: pair.server, curve: curve)
    let results = try start(pair.alice, with: [bad, good, KeyBundle(device: absent, keys: nil)])
    #expect(
      results == [pair.bob.id: .badSignature(pair.bob.id), carol.id: nil, absent: .noKeysPublished(absent)])
    let message = try pair.alice.encrypt("x", to: [pair.bob.id, carol.id])
    #expect(message.failures == [pair.bob.id: .noSession(pair.bob.id)])
    #expect(message.ratchetMessages.map(\.device) == [carol.id])
    #expect(try pair.alice.queue.read { try pair.alice.account.peer($0, pair.bob.id) } == nil)
  }

  @Test func `A signed prekey of another device is refused`() throws {
    let pair = try Pair()
    let carol = try TestDevice("sip:carol@sip.example.org;gr=urn:uuid:c")
    try carol.register(at: pair.server)
    let other = try #require(try bundle(of: carol.id, at: pair.server, curve: .c25519).keys).signedPrekey
    let swapped = try bundle(of: pair.bob.id, at: pair.server, curve: .c25519) { $0.signedPrekey = other }
    #expect(try start(pair.alice, with: [swapped]) == [pair.bob.id: .badSignature(pair.bob.id)])
  }

  /// Points whose Diffie-Hellman result is zero, canonical and not (RFC 7748 §6.1, §6.2, §7).
  private static func smallOrderPoints(_ curve: Curve) throws -> [Data] {
    switch curve {
    case .c25519:
      return try [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
      ].map { try Data(hex: $0) }
    case .c448:
      let ones = String(repeating: "ff", count: 27)
      return try [
        String(repeating: "00", count: 56),
        "01" + String(repeating: "00", count: 55),
        "fe" + ones + "fe" + ones,
        "ff" + ones + "fe" + ones,
        "00" + String(repeating: "00", count: 27) + "ff" + ones,
      ].map { try Data(hex: $0) }
    }
  }

  @Test(arguments: Curve.allCases)
  func `An all-zero Diffie-Hellman result is refused`(curve: Curve) throws {
    let key = try AgreementKeyPair.generate(curve).privateKey
    for point in try Self.smallOrderPoints(curve) {
      #expect(throws: LimeError.weakKey, "\(point.hex)") { try key.sharedSecret(with: point) }
    }
    #expect(throws: LimeError.weakKey) { try key.sharedSecret(with: Data(count: 31)) }
  }

  @Test(arguments: Curve.allCases)
  func `A small-order prekey is refused although its signature is right`(curve: Curve) throws {
    let pair = try Pair(curve)
    let bobIdentity = try pair.bob.queue.read { try pair.bob.account.keys($0).identity }
    for point in try Self.smallOrderPoints(curve) {
      let signed = try bundle(of: pair.bob.id, at: pair.server, curve: curve) {
        $0.signedPrekey.publicKey = point
        $0.signedPrekey.signature = bobIdentity.sign(point)
      }
      #expect(try start(pair.alice, with: [signed]) == [pair.bob.id: .weakKey])
      let oneTime = try bundle(of: pair.bob.id, at: pair.server, curve: curve) {
        $0.oneTimeKey = OneTimeKey(id: 1, publicKey: point)
      }
      #expect(try start(pair.alice, with: [oneTime]) == [pair.bob.id: .weakKey])
    }
    #expect(try pair.alice.count("lime_session") == 0)
    #expect(try pair.alice.count("lime_peer") == 0)
  }

  @Test(arguments: Curve.allCases)
  func `Small-order and non-canonical identity keys are refused`(curve: Curve) throws {
    let ones27 = String(repeating: "ff", count: 27)
    let points = try {
      switch curve {
      case .c25519:
        try [
          "0000000000000000000000000000000000000000000000000000000000000000",
          "0000000000000000000000000000000000000000000000000000000000000080",
          "0100000000000000000000000000000000000000000000000000000000000000",
          "0100000000000000000000000000000000000000000000000000000000000080",
          "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
          "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
          "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        ].map { try Data(hex: $0) }
      case .c448:
        try [
          String(repeating: "00", count: 57),
          String(repeating: "00", count: 56) + "80",
          "01" + String(repeating: "00", count: 56),
          "01" + String(repeating: "00", count: 55) + "80",
          "fe" + ones27 + "fe" + ones27 + "00",
          "fe" + ones27 + "fe" + ones27 + "80",
          "ff" + ones27 + "fe" + ones27 + "00",
          "00" + String(repeating: "00", count: 27) + "ff" + ones27 + "00",
        ].map { try Data(hex: $0) }
      }
    }()
    let pair = try Pair(curve)
    for point in points {
      let identity = try #require(IdentityKey(curve: curve, bytes: point))
      #expect(throws: LimeError.weakKey, "\(point.hex)") { try identity.agreementKey() }
      let bundle = try bundle(of: pair.bob.id, at: pair.server, curve: curve) { $0.identity = identity }
      #expect(try start(pair.alice, with: [bundle]) == [pair.bob.id: .weakKey])
    }
    // Bits that an encoding leaves unused must be zero.
    if curve == .c448 {
      var key = try IdentityKeyPair.generate(.c448).publicKey.bytes
      key[56] |= 1
      #expect(IdentityKey(curve: .c448, bytes: key)?.isUsable == false)
    }
  }

  // MARK: Changed identities

  @Test func `A bundle with another identity key for a known device is refused and reported`() throws {
    let pair = try Pair()
    try pair.startSession()
    let known = try pair.bob.queue.read { try pair.bob.account.identity($0) }
    let impostor = try TestDevice(bobID)
    try impostor.register(at: pair.server)
    let offered = try impostor.queue.read { try impostor.account.identity($0) }
    try pair.alice.queue.write { try pair.alice.account.markSessionsStale($0, with: pair.bob.id) }

    let before = try pair.alice.dump()
    let forged = try bundle(of: pair.bob.id, at: pair.server, curve: .c25519)
    #expect(
      try start(pair.alice, with: [forged])
        == [pair.bob.id: .identityChanged(pair.bob.id, known: known, offered: offered)])
    #expect(try pair.alice.dump() == before)

    try pair.alice.queue.write { try pair.alice.account.forget($0, pair.bob.id) }
    #expect(try start(pair.alice, with: [forged]) == [pair.bob.id: nil])
  }

  @Test func `A first message with another identity key of a known device is refused`() throws {
    let pair = try Pair()
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("hello", to: pair.bob.id))
    let known = try pair.alice.queue.read { try pair.alice.account.identity($0) }
    let impostor = try TestDevice(aliceID)
    try impostor.register(at: pair.server)
    try impostor.startSessions(with: [pair.bob.id], at: pair.server)
    let offered = try impostor.queue.read { try impostor.account.identity($0) }
    let forged = try impostor.encrypt("it is me", to: pair.bob.id)
    let before = try pair.bob.dump()
    #expect(throws: LimeError.identityChanged(pair.alice.id, known: known, offered: offered)) {
      try pair.bob.decrypt(forged)
    }
    #expect(try pair.bob.dump() == before)
  }

  @Test func `A verified identity key is not replaced by the first one offered`() throws {
    let pair = try Pair()
    let verified = try IdentityKeyPair.generate(.c25519).publicKey
    try pair.alice.queue.write {
      try pair.alice.account.setStatus($0, of: pair.bob.id, to: .trusted, identity: verified)
    }
    let results = try pair.alice.startSessions(with: [pair.bob.id], at: pair.server)
    #expect(throws: LimeError.self) { try results[pair.bob.id]?.get() }
    #expect(try pair.alice.queue.read { try pair.alice.account.peer($0, pair.bob.id) }?.identity == verified)
  }

  @Test func `The status is unknown at first contact, then untrusted, and trusted once verified`() throws {
    let pair = try Pair()
    try pair.startSession()
    #expect(try pair.alice.encrypt("1", to: pair.bob.id).status == .unknown)
    let second = try pair.alice.encrypt("2", to: pair.bob.id)
    #expect(second.status == .untrusted)
    #expect(try pair.bob.decrypt(second).status == .unknown)
    let aliceKey = try pair.alice.queue.read { try pair.alice.account.identity($0) }
    try pair.bob.queue.write {
      try pair.bob.account.setStatus($0, of: pair.alice.id, to: .trusted, identity: aliceKey)
    }
    let opened = try pair.bob.decrypt(try pair.alice.encrypt("3", to: pair.bob.id))
    #expect(opened.status == .trusted)
    #expect(opened.identity == aliceKey)
    let stranger = DeviceID("sip:x@example.org;gr=1")
    #expect(throws: LimeError.unknownDevice(stranger)) {
      try pair.bob.queue.write { try pair.bob.account.setStatus($0, of: stranger, to: .trusted) }
    }
  }

  // MARK: One-time keys and first messages

  @Test(arguments: Curve.allCases)
  func `A one-time key goes with the first message that opens, not with one that does not`(curve: Curve) throws {
    let pair = try Pair(curve)
    try pair.startSession()
    let first = try pair.alice.encrypt("hello", to: pair.bob.id)
    var broken = first
    broken.ratchet[broken.ratchet.count - 1] ^= 1
    #expect(throws: LimeError.cannotDecrypt(pair.alice.id)) { try pair.bob.decrypt(broken) }
    #expect(try pair.bob.count("lime_one_time_key") == 5)
    try pair.bob.decrypt(first)
    #expect(try pair.bob.count("lime_one_time_key") == 4)
  }

  @Test func `A one-time key that the server hands out twice serves once`() throws {
    let pair = try Pair()
    let carol = try TestDevice("sip:carol@sip.example.org;gr=urn:uuid:c")
    try carol.register(at: pair.server)
    let handedOutTwice = try bundle(of: pair.bob.id, at: pair.server, curve: .c25519)
    let id = try #require(handedOutTwice.keys?.oneTimeKey?.id)
    _ = try start(pair.alice, with: [handedOutTwice])
    _ = try start(carol, with: [handedOutTwice])
    try pair.bob.decrypt(try pair.alice.encrypt("first", to: pair.bob.id))
    let second = try carol.encrypt("second", to: pair.bob.id)
    #expect(throws: LimeError.oneTimeKeyUnknown(id: id)) { try pair.bob.decrypt(second) }
  }

  @Test(arguments: Curve.allCases)
  func `A first message without a one-time key makes one session, however often it comes`(curve: Curve) throws {
    let pair = try Pair(curve, oneTimeKeys: 1)
    try pair.startSession()
    let first = try pair.alice.encrypt("hello", to: pair.bob.id)
    #expect(try RatchetMessage(parsing: first.ratchet).header.x3dhInit?.oneTimeKeyID == nil)
    try pair.bob.decrypt(first)
    #expect(throws: LimeError.alreadyDecrypted) { try pair.bob.decrypt(first) }
    #expect(try pair.bob.count("lime_session") == 1)

    // Not even when the session is gone.
    try pair.bob.queue.write { try pair.bob.account.forget($0, pair.alice.id) }
    #expect(throws: LimeError.replayedFirstMessage(pair.alice.id)) { try pair.bob.decrypt(first) }
    #expect(try pair.bob.count("lime_session") == 0)
    let report = try pair.bob.queue.read { try pair.bob.account.keyReport($0) }
    #expect(report.sessionsWithoutOneTimeKey == 1)
  }

  @Test(arguments: Curve.allCases)
  func `An init block repeated in later messages needs no key and makes no session again`(curve: Curve) throws {
    let pair = try Pair(curve)
    try pair.startSession()
    let messages = try (0..<4).map { try pair.alice.encrypt("\($0)", to: pair.bob.id) }
    // A later one may well arrive first.
    for index in [2, 0, 3, 1] {
      #expect(try RatchetMessage(parsing: messages[index].ratchet).header.x3dhInit != nil)
      #expect(try pair.bob.decrypt(messages[index]).plaintext == Data("\(index)".utf8))
    }
    #expect(try pair.bob.count("lime_session") == 1)
    try pair.alice.decrypt(try pair.bob.encrypt("answer", to: pair.alice.id))
    let after = try pair.alice.encrypt("no block any more", to: pair.bob.id)
    #expect(try RatchetMessage(parsing: after.ratchet).header.x3dhInit == nil)
    try pair.bob.decrypt(after)
  }

  @Test func `A first message for a signed prekey that is gone says so`() throws {
    let pair = try Pair()
    try pair.startSession()
    let first = try pair.alice.encrypt("hello", to: pair.bob.id)
    let id = try #require(pair.server.signedPrekeyID(of: pair.bob.id))
    try pair.bob.queue.write { try $0.execute(sql: "DELETE FROM lime_signed_prekey") }
    #expect(throws: LimeError.signedPrekeyUnknown(id: id)) { try pair.bob.decrypt(first) }
  }
}
