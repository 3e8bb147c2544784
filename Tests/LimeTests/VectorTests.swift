// VectorTests.swift: what liblime sent and received, byte for byte

import Foundation
import GRDB
import TestSupport
import Testing

@testable import Lime

@Suite struct VectorTests {
  @Test func `Messages of liblime are opened, direct and with a cipher message`() throws {
    let vectors = try Vectors.load("lime-receive", as: [ReceiveVector].self)
    #expect(vectors.count == 4)
    try open(vectors)
  }

  private func open(_ vectors: [ReceiveVector]) throws {
    for vector in vectors {
      let device = try TestDevice(vector.recipientDevice, curve: curve(vector.curve))
      try vector.keys.insert(into: device)
      for message in vector.messages {
        let opened = try device.decrypt(
          Envelope(
            sender: DeviceID(vector.sender), ratchet: Data(hex: message.ratchet),
            cipher: message.cipher.isEmpty ? nil : Data(hex: message.cipher), user: vector.recipientUser))
        #expect(String(decoding: opened.plaintext, as: UTF8.self) == message.plaintext, "\(vector.name)")
      }
    }
  }

  @Test(arguments: [
    "c25519-sender-opk", "c25519-sender-noopk", "c448-sender-opk", "c448-sender-noopk",
  ])
  func `First messages are those that liblime accepted, byte for byte`(name: String) throws {
    let vector = try Vectors.load(name, as: SenderVector.self)
    let curve = try curve(vector.curve)
    var alice = try TestDevice(vector.alice, curve: curve)
    try VectorKeys(identity: vector.aliceIdentity, signedPrekeys: [], oneTimePrekeys: []).insert(into: alice)
    let ephemeral = try AgreementKeyPair(curve, hex: vector.ephemeralPrivate)
    let ratchet = try AgreementKeyPair(curve, hex: vector.firstRatchetPrivate)
    alice.account.random.ephemeralKey = { _ in ephemeral }
    alice.account.random.ratchetKey = { _ in ratchet }

    let bundle = try bundle(vector.bobBundle, device: DeviceID(vector.bob), curve: curve)
    let results = try alice.queue.write { try alice.account.startSessions($0, with: [bundle]) }
    try results[bundle.device]?.get()
    for message in vector.messages {
      let seed = try SecretBytes(hex: message.seed)
      alice.account.random.seed = { seed }
      let encrypted = try alice.encrypt(
        message.plaintext, to: [bundle.device], user: vector.recipientUser,
        policy: message.policy == "direct" ? .direct : .cipherMessage)
      #expect(encrypted.ratchetMessages.map(\.data.hex) == [message.ratchet])
      #expect(encrypted.cipherMessage?.hex ?? "" == message.cipherMessage)
    }
  }

  private func bundle(_ bundle: SenderVector.Bundle, device: DeviceID, curve: Curve) throws -> KeyBundle {
    let identity = try #require(IdentityKey(curve: curve, bytes: Data(hex: bundle.identity)))
    let signedPrekey = try SignedPrekey(
      id: bundle.signedPrekeyId, publicKey: Data(hex: bundle.signedPrekey), signature: Data(hex: bundle.signature))
    let oneTimeKey = try bundle.oneTimePrekeyId.map {
      try OneTimeKey(id: $0, publicKey: Data(hex: bundle.oneTimePrekey))
    }
    return KeyBundle(
      device: device,
      keys: KeyBundle.Keys(identity: identity, signedPrekey: signedPrekey, oneTimeKey: oneTimeKey))
  }

  @Test(arguments: Curve.allCases, Vectors.conversations)
  func `A conversation of two liblime devices is reproduced from either side`(curve: Curve, name: String) throws {
    try play(Vectors.load("\(curve.name)-\(name)", as: ConversationVector.self))
  }

  private func play(_ vector: ConversationVector) throws {
    for side in ["alice", "bob"] {
      var player = try ConversationPlayer(vector, side: side)
      for step in vector.steps { try player.play(step) }
      // Alice's first message cannot be reproduced, as its ephemeral key is not recorded.
      #expect(player.played == vector.steps.count { $0.by == side } - (side == "alice" ? 1 : 0))
    }
  }

  /// The program that made the files makes them anew, with other keys.
  @Test func `What liblime does now is reproduced like what was recorded`() async throws {
    let folder = try TemporaryFolder()
    try await PeerProcess.run(
      TestPaths.package.appendingPathComponent("Tests/Peers/limevectors"),
      [folder.url.path, "--peer", TestPaths.peer("limepeer").path], within: 120)
    for curve in Curve.allCases {
      for name in Vectors.conversations {
        let fresh = try Vectors.load("\(curve.name)-\(name)", as: ConversationVector.self, from: folder.url)
        let kept = try Vectors.load("\(curve.name)-\(name)", as: ConversationVector.self)
        #expect(fresh.bobKeys.identity.public != kept.bobKeys.identity.public)
        try play(fresh)
      }
    }
    let received = try Vectors.load("lime-receive", as: [ReceiveVector].self, from: folder.url)
    #expect(received.count == Curve.allCases.count * Vectors.conversations.count)
    try open(received)
    let signatures = try Vectors.load("spk-signatures", as: [SignatureVector].self, from: folder.url)
    #expect(signatures.map(\.acceptedByLiblime) == [false, true, false, true])
    try check(signatures)
  }

  @Test func `Signed prekeys are accepted as liblime accepts them, and with plain Ed25519`() throws {
    try check(Vectors.load("spk-signatures"))
  }

  private func check(_ vectors: [SignatureVector]) throws {
    for vector in vectors {
      let curve = try curve(vector.curve)
      let identity = try #require(IdentityKey(curve: curve, bytes: Data(hex: vector.identity)))
      let prekey = try Data(hex: vector.signedPrekey)
      let isPlain = vector.scheme.contains("no dom2")
      #expect(
        identity.isValidSignature(try Data(hex: vector.signature), of: prekey) == (vector.acceptedByLiblime || isPlain),
        "\(vector.scheme)")
      let pair = try IdentityKeyPair(curve: curve, seed: SecretBytes(hex: vector.seed))
      #expect(pair.publicKey == identity)
      if vector.acceptedByLiblime { #expect(pair.sign(prekey).hex == vector.signature) }
    }
  }

  @Test func `Identity keys are converted for Diffie-Hellman`() throws {
    for vector in try Vectors.load("identity-conversion", as: [ConversionVector].self) {
      let curve = try curve(vector.curve)
      let pair = try IdentityKeyPair(curve: curve, seed: SecretBytes(hex: vector.seed))
      #expect(pair.publicKey.bytes.hex == vector.edPublic)
      #expect(try pair.publicKey.agreementKey().hex == vector.xPublic)
      let converted = try pair.agreementKey()
      #expect(converted.bytes.hex == vector.xPrivateUnclamped)
      #expect(converted.publicKey().hex == vector.xPublic)
    }
  }
}

/// Plays one side of a recorded conversation and compares.
private struct ConversationPlayer {
  let vector: ConversationVector
  let side: String
  var device: TestDevice
  let peer: DeviceID
  private(set) var played = 0

  init(_ vector: ConversationVector, side: String) throws {
    self.vector = vector
    self.side = side
    device = try TestDevice(side == "alice" ? vector.alice : vector.bob, curve: curve(vector.curve))
    peer = DeviceID(side == "alice" ? vector.bob : vector.alice)
    try (side == "alice" ? vector.aliceKeys : vector.bobKeys).insert(into: device)
  }

  mutating func play(_ step: ConversationVector.Step) throws {
    guard step.by == side else { return }
    if step.op == "decrypt" {
      try decrypt(step)
    } else if side == "alice" && step.message == 0 {
      return try startFromRecordedState(step)
    } else {
      try encrypt(step)
    }
    played += 1
  }

  private func decrypt(_ step: ConversationVector.Step) throws {
    let sent = try #require(vector.steps.first { $0.op == "encrypt" && $0.message == step.message })
    let opened = try device.decrypt(
      Envelope(
        sender: peer, ratchet: Data(hex: sent.ratchet ?? ""), cipher: cipherMessage(sent), user: vector.recipientUser))
    #expect(String(decoding: opened.plaintext, as: UTF8.self) == step.plaintext)
    #expect(opened.status.rawValue == step.status)
  }

  private mutating func encrypt(_ step: ConversationVector.Step) throws {
    let pair = try AgreementKeyPair(device.account.curve, hex: step.stateAfter.ratchetPrivate)
    device.account.random.ratchetKey = { _ in pair }
    if step.policy == "cipher" {
      let seed = try recoverSeed(step, nextRatchetKey: pair)
      device.account.random.seed = { seed }
    }
    let encrypted = try device.encrypt(
      step.plaintext, to: [peer], user: vector.recipientUser,
      policy: step.policy == "cipher" ? .cipherMessage : .direct)
    #expect(encrypted.ratchetMessages.map(\.data.hex) == [step.ratchet])
    #expect(encrypted.cipherMessage?.hex ?? "" == step.cipherMessage)
    #expect(encrypted.ratchetMessages.map(\.status.rawValue) == [step.status])

    let ratchet = try activeSession().ratchet
    #expect(ratchet.rootKey.hex == step.stateAfter.rootKey)
    #expect(ratchet.sending?.chain.keyBytes.hex == step.stateAfter.sendingChainKey)
    #expect(ratchet.sending?.chain.nextNumber == step.stateAfter.sendingNumber)
    #expect(ratchet.sending?.keyPair.publicKey.hex == step.stateAfter.ratchetPublic)
    #expect(ratchet.previousChainLength == step.stateAfter.previousChainLength)
  }

  /// Alice's state after her first message, as liblime left it.
  private func startFromRecordedState(_ step: ConversationVector.Step) throws {
    let state = step.stateAfter
    let header = try RatchetMessage(parsing: Data(hex: step.ratchet ?? "")).header
    let bobIdentity = try #require(
      IdentityKey(curve: device.account.curve, bytes: Data(hex: vector.bobKeys.identity.public)))
    let ratchet = try DoubleRatchet(
      curve: device.account.curve, associatedData: Data(hex: state.sessionAD), rootKey: SecretBytes(hex: state.rootKey),
      peerKey: Data(hex: state.peerKey),
      sending: DoubleRatchet.Sending(
        keyPair: try AgreementKeyPair(device.account.curve, hex: state.ratchetPrivate),
        chain: SendingChain(key: try SecretBytes(hex: state.sendingChainKey), nextNumber: state.sendingNumber)),
      receiving: nil, previousChainLength: state.previousChainLength)
    try device.queue.write { db in
      let keys = try device.account.keys(db)
      let peer = try device.account.peerStore(keys).insert(
        Peer(device: peer, identity: bobIdentity, status: .untrusted))
      let sessions = device.account.sessionStore(keys)
      let id = try sessions.save(
        StoredSession(id: nil, peerID: peer.id, ratchet: ratchet, x3dhInit: header.x3dhInit))
      try sessions.activate(id: id, peerID: peer.id, at: 0)
    }
  }

  /// The seed is random: take it out of the recorded ratchet message with the key we are about to use.
  private func recoverSeed(_ step: ConversationVector.Step, nextRatchetKey: AgreementKeyPair) throws -> SecretBytes {
    var ratchet = try activeSession().ratchet
    if ratchet.sending == nil { try ratchet.stepForSending(with: nextRatchetKey) }
    var chain = try #require(ratchet.sending).chain
    let next = chain.advance()
    let key = try #require(next).key
    let message = try RatchetMessage(parsing: Data(hex: step.ratchet ?? ""))
    let tag = try #require(CipherMessage.tag(of: cipherMessage(step) ?? Data()))
    let associatedData = MessageBinding.cipherMessage(tag: tag).associatedData(
      sender: device.id, recipient: peer, session: ratchet.associatedData, header: message.headerBytes)
    return try #require(try message.open(key: key, associatedData: associatedData))
  }

  private func cipherMessage(_ step: ConversationVector.Step) throws -> Data? {
    guard let cipher = step.cipherMessage, !cipher.isEmpty else { return nil }
    return try Data(hex: cipher)
  }

  private func activeSession() throws -> StoredSession {
    try device.queue.read { db in
      let keys = try device.account.keys(db)
      return try #require(try device.account.sessionStore(keys).active(among: [peer])[peer]?.session)
    }
  }
}
