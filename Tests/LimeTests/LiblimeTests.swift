// LiblimeTests.swift: messages to and from liblime, the reference implementation

import Foundation
import GRDB
import Testing

@testable import Lime

/// Our Alice and the Bob of liblime, registered at one key server.
private struct MixedPair {
  let server: TestKeyServer
  let alice: TestDevice
  let bob: LimePeer
  let bobDevice = DeviceID(bobID)

  init(_ curve: Curve, oneTimeKeys: Int = 5) async throws {
    server = TestKeyServer(curve: curve)
    alice = try TestDevice(aliceID, curve: curve)
    bob = try await LimePeer(server: server, curve: curve)
    try alice.register(at: server, oneTimeKeys: max(1, oneTimeKeys))
    try await bob.run("create \(bobDevice) \(max(1, oneTimeKeys))")
    guard oneTimeKeys == 0 else { return }
    let drain = KeyServerRequest(curve: curve, content: .getBundles([alice.id, bobDevice]))
    _ = try server.answer(drain.body, from: DeviceID("sip:other@sip.example.org;gr=1"))
  }

  func toBob(_ text: String, _ policy: EncryptionPolicy) throws -> Envelope {
    try alice.startSessions(with: [bobDevice], at: server)
    return try alice.encrypt(text, to: bobDevice, policy: policy)
  }

  func fromBob(_ text: String, _ policy: EncryptionPolicy) async throws -> Envelope {
    try await bob.encrypt(text, from: bobDevice, to: alice.id, policy: policy == .direct ? "direct" : "cipher")
  }

  func bobReads(_ envelope: Envelope) async throws {
    #expect(try await bob.decrypt(envelope, as: bobDevice) == envelope.text)
  }

  func aliceReads(_ envelope: Envelope) throws {
    #expect(try String(decoding: alice.decrypt(envelope).plaintext, as: UTF8.self) == envelope.text)
  }
}

@Suite struct LiblimeTests {
  private static let policies: [EncryptionPolicy] = [.direct, .cipherMessage]

  @Test(arguments: Curve.allCases, [0, 5])
  func `A conversation that we start`(curve: Curve, oneTimeKeys: Int) async throws {
    let pair = try await MixedPair(curve, oneTimeKeys: oneTimeKeys)
    for policy in Self.policies {
      try await pair.bobReads(try pair.toBob("first, grüße", policy))
      try await pair.bobReads(try pair.toBob("second before any answer", policy))
      try await pair.aliceReads(pair.fromBob("answer", policy))
      try await pair.bobReads(try pair.toBob("and back", policy))
      try await pair.aliceReads(pair.fromBob("and forth", policy))
    }
    #expect(try pair.alice.count("lime_session") == 1)
  }

  @Test(arguments: Curve.allCases, [0, 5])
  func `A conversation that liblime starts`(curve: Curve, oneTimeKeys: Int) async throws {
    let pair = try await MixedPair(curve, oneTimeKeys: oneTimeKeys)
    for policy in Self.policies {
      try await pair.aliceReads(pair.fromBob("first, grüße", policy))
      try await pair.aliceReads(pair.fromBob("second before any answer", policy))
      try await pair.bobReads(try pair.toBob("answer", policy))
      try await pair.aliceReads(pair.fromBob("and back", policy))
      try await pair.bobReads(try pair.toBob("and forth", policy))
    }
    #expect(try pair.alice.count("lime_session") == 1)
  }

  @Test(arguments: Curve.allCases)
  func `Messages out of order, some late over two ratchet steps`(curve: Curve) async throws {
    let pair = try await MixedPair(curve)
    let toBob = try (0..<6).map { try pair.toBob("to bob \($0)", Self.policies[$0 % 2]) }
    for index in [3, 0, 5] { try await pair.bobReads(toBob[index]) }
    var toAlice: [Envelope] = []
    for index in 0..<6 { toAlice.append(try await pair.fromBob("to alice \(index)", Self.policies[index % 2])) }
    for index in [2, 5, 1] { try pair.aliceReads(toAlice[index]) }
    let second = try pair.toBob("after a step", .direct)
    try await pair.bobReads(second)
    for index in [4, 1, 2] { try await pair.bobReads(toBob[index]) }
    let answer = try await pair.fromBob("after another step", .cipherMessage)
    try pair.aliceReads(answer)
    for index in [4, 0, 3] { try pair.aliceReads(toAlice[index]) }
  }

  @Test(arguments: Curve.allCases)
  func `Both sides start at once and both sessions come together`(curve: Curve) async throws {
    let pair = try await MixedPair(curve)
    let toBob = try pair.toBob("mine", .cipherMessage)
    let toAlice = try await pair.fromBob("yours", .cipherMessage)
    try await pair.bobReads(toBob)
    try pair.aliceReads(toAlice)
    #expect(try pair.alice.count("lime_session") == 2)
    for round in 0..<3 {
      try await pair.bobReads(try pair.toBob("round \(round)", .cipherMessage))
      try await pair.aliceReads(pair.fromBob("round \(round)", .cipherMessage))
    }
    #expect(try pair.alice.count("lime_session") == 2)
    #expect(try pair.alice.count("lime_session", where: "active = 1") == 1)
  }

  @Test(arguments: Curve.allCases)
  func `One message to several devices of liblime`(curve: Curve) async throws {
    let pair = try await MixedPair(curve)
    let devices = [pair.bobDevice] + (1...3).map { DeviceID("sip:bob@sip.example.org;gr=urn:uuid:b\($0)") }
    for device in devices.dropFirst() { try await pair.bob.run("create \(device) 5") }
    try pair.alice.startSessions(with: devices, at: pair.server)
    for policy in EncryptionPolicy.allCases {
      let message = try pair.alice.encrypt("to all", to: devices, policy: policy)
      #expect(message.ratchetMessages.map(\.device) == devices)
      for part in message.ratchetMessages {
        let envelope = Envelope(sender: pair.alice.id, ratchet: part.data, cipher: message.cipherMessage)
        #expect(try await pair.bob.decrypt(envelope, as: part.device) == "to all")
      }
    }
    let answer = try await pair.bob.encrypt(
      "from the last", from: devices[3], to: [pair.alice.id, devices[0]], policy: "cipher")
    try pair.aliceReads(try #require(answer[pair.alice.id]))
  }

  @Test func `The optimising policies choose as liblime chooses`() async throws {
    let pair = try await MixedPair(.c25519)
    let devices = [pair.bobDevice] + (1...2).map { DeviceID("sip:bob@sip.example.org;gr=urn:uuid:b\($0)") }
    for device in devices.dropFirst() { try await pair.bob.run("create \(device) 5") }
    try pair.alice.startSessions(with: devices, at: pair.server)
    let peer = DeviceID("sip:carol@sip.example.org;gr=urn:uuid:c")
    try await pair.bob.run("create \(peer) 5")
    for (policy, name) in [(EncryptionPolicy.optimizeUploadSize, "upload"), (.optimizeGlobalBandwidth, "global")] {
      for recipients in [Array(devices.prefix(1)), Array(devices.prefix(2)), devices] {
        // Around the lengths where either policy changes its choice for one to three devices.
        for length in [1, 48, 49, 55, 56, 57, 63, 64, 65, 79, 80, 81, 127, 128, 129, 175, 176, 177, 500] {
          let text = String(repeating: "x", count: length)
          let ours = try pair.alice.encrypt(text, to: recipients, policy: policy)
          let theirs = try await pair.bob.encrypt(text, from: peer, to: recipients, policy: name)
          #expect(
            (ours.cipherMessage == nil) == (theirs[recipients[0]]?.cipher == nil),
            "\(name), \(length) bytes to \(recipients.count)")
        }
      }
    }
  }

  @Test(arguments: Curve.allCases)
  func `A new session after the old one was given up`(curve: Curve) async throws {
    let pair = try await MixedPair(curve)
    try await pair.bobReads(try pair.toBob("old session", .cipherMessage))
    try pair.alice.write { try pair.alice.account.markSessionsStale($0, with: pair.bobDevice) }
    try await pair.bobReads(try pair.toBob("new session", .cipherMessage))
    try await pair.aliceReads(pair.fromBob("answered", .cipherMessage))
    try await pair.bob.run("stale \(pair.bobDevice) \(pair.alice.id)")
    try await pair.aliceReads(pair.fromBob("their new session", .cipherMessage))
    try await pair.bobReads(try pair.toBob("answered", .cipherMessage))
  }

  @Test func `liblime takes our renewed keys`() async throws {
    let clock = TestClock()
    let server = TestKeyServer()
    let alice = try TestDevice(aliceID, clock: clock)
    try alice.register(at: server)
    clock.advance(days: 8)
    try update(alice, at: server)
    let bob = try await LimePeer(server: server, curve: .c25519)
    try await bob.run("create \(bobID) 5")
    let envelope = try await bob.encrypt("hello", from: DeviceID(bobID), to: alice.id, policy: "cipher")
    #expect(try String(decoding: alice.decrypt(envelope).plaintext, as: UTF8.self) == "hello")
  }

  @Test func `liblime verifies our identity key`() async throws {
    let pair = try await MixedPair(.c25519)
    let identity = try pair.alice.read { try pair.alice.account.identity($0) }
    try await pair.bob.run("trust \(pair.alice.id) trusted \(identity.bytes.base64EncodedString())")
    try await pair.bobReads(try pair.toBob("hello", .cipherMessage))
    #expect(try await pair.bob.run("status \(pair.alice.id)").status == "trusted")
    let theirs = try #require(Data(base64Encoded: try await pair.bob.run("identity \(pair.bobDevice)").identity ?? ""))
    let known = try pair.alice.read { try pair.alice.account.peer($0, pair.bobDevice) }
    #expect(known?.identity?.bytes == theirs)
  }
}

/// A whole update of a device at a server.
func update(_ device: TestDevice, at server: TestKeyServer) throws {
  try device.queue.write { db in
    let request = device.account.oneTimeKeyIDsRequest()
    let answer = try KeyServerAnswer(parsing: server.answer(request.body, from: device.id))
    for request in try device.account.updateRequests(db, after: answer) {
      let answer = try KeyServerAnswer(parsing: server.answer(request.body, from: device.id))
      try device.account.updateAccepted(db, request: request, answer: answer)
    }
  }
}
