// ProtocolTests.swift: what the key server stores and answers, asked with the curl program
import Foundation
import GRDB
import Lime
import TestSupport
import Testing

@testable import KeyServer

@Suite struct ProtocolTests {
  @Test(arguments: Curve.allCases)
  func `published keys come back in bundles`(curve: Curve) async throws {
    try await Peer.run { peer async throws in
      let registration = try Keys.registration(curve, oneTimeKeys: 1)
      #expect(try await peer.post(registration, from: bob).body == Data([1, 9, curve.rawValue]))
      _ = try await peer.post(try Keys.registration(curve, oneTimeKeys: 0), from: alice)
      guard case .register(let identity, let signedPrekey, let oneTimeKeys) = registration.content else { return }

      let first = try await peer.bundle(of: bob, curve: curve)
      #expect(
        first.keys
          == KeyBundle.Keys(identity: identity, signedPrekey: signedPrekey, oneTimeKey: oneTimeKeys.first))
      let second = try await peer.bundle(of: bob, curve: curve)
      #expect(second.keys == KeyBundle.Keys(identity: identity, signedPrekey: signedPrekey, oneTimeKey: nil))
    }
  }

  @Test func `each one-time key is handed out once to askers at the same time`() async throws {
    try await Peer.run { peer async throws in
      _ = try await peer.post(try Keys.registration(oneTimeKeys: 6), from: bob)
      let askers = (0..<10).map { "sip:user\($0)@sip.example.org;gr=urn:uuid:a" }
      for asker in askers { _ = try await peer.post(try Keys.registration(oneTimeKeys: 0), from: asker) }
      let ids = try await withThrowingTaskGroup(of: UInt32?.self) { group in
        for asker in askers { group.addTask { try await peer.bundle(of: bob, for: asker).keys?.oneTimeKey?.id } }
        var ids: [UInt32] = []
        for try await id in group { if let id { ids.append(id) } }
        return ids
      }
      #expect(ids.sorted() == [1, 2, 3, 4, 5, 6])
      #expect(try await peer.oneTimeKeyIDs(of: bob).isEmpty)
    }
  }

  @Test func `one answer covers known and unknown devices in the order asked`() async throws {
    try await Peer.run { peer async throws in
      _ = try await peer.post(try Keys.registration(), from: bob)
      let devices = ["sip:nobody@sip.example.org;gr=x", bob].map { DeviceID($0) }
      let request = KeyServerRequest(curve: .c25519, content: .getBundles(devices))
      let bundles = try await peer.post(request, from: alice).answer.bundles(for: devices, curve: .c25519)
      #expect(bundles.map(\.device) == devices)
      #expect(bundles.map { $0.keys != nil } == [false, true])
    }
  }

  @Test func `the curves of one device are separate`() async throws {
    try await Peer.run { peer async throws in
      _ = try await peer.post(try Keys.registration(.c25519, oneTimeKeys: 1), from: bob)
      #expect(try await peer.bundle(of: bob, curve: .c448).keys == nil)
      _ = try await peer.post(try Keys.registration(.c448, oneTimeKeys: 3), from: bob)
      #expect(try await peer.oneTimeKeyIDs(of: bob, curve: .c25519).count == 1)
      #expect(try await peer.oneTimeKeyIDs(of: bob, curve: .c448).count == 3)
      _ = try await peer.post(KeyServerRequest(curve: .c25519, content: .deleteDevice), from: bob)
      #expect(try await peer.bundle(of: bob, curve: .c25519).keys == nil)
      #expect(try await peer.bundle(of: bob, curve: .c448).keys != nil)
    }
  }

  @Test func `registering again with the same keys is accepted and brings no used key back`() async throws {
    try await Peer.run { peer async throws in
      let registration = try Keys.registration(oneTimeKeys: 2)
      _ = try await peer.post(registration, from: bob)
      _ = try await peer.post(try Keys.registration(oneTimeKeys: 0), from: alice)
      #expect(try await peer.bundle(of: bob).keys?.oneTimeKey != nil)
      #expect(try await peer.post(registration, from: bob).body == Data([1, 9, 1]))
      #expect(try await peer.oneTimeKeyIDs(of: bob).count == 1)
    }
  }

  @Test func `registering again with other keys is error 5 and changes nothing`() async throws {
    try await Peer.run { peer async throws in
      _ = try await peer.post(try Keys.registration(oneTimeKeys: 0), from: bob)
      let before = try await peer.bundle(of: bob)
      #expect(try await peer.post(try Keys.registration(), from: bob).errorCode == .deviceAlreadyRegistered)
      #expect(try await peer.bundle(of: bob) == before)
    }
  }

  @Test func `a new signed prekey replaces the old one`() async throws {
    try await Peer.run { peer async throws in
      _ = try await peer.post(try Keys.registration(), from: bob)
      let new = Keys.signedPrekey(.c25519, id: 0xFFFF_FFFF)
      let reply = try await peer.post(KeyServerRequest(curve: .c25519, content: .postSignedPrekey(new)), from: bob)
      #expect(reply.body == Data([1, 3, 1]))
      #expect(try await peer.bundle(of: bob).keys?.signedPrekey == new)
    }
  }

  @Test func `posting one-time keys twice stores them once, another key under a known id is refused`() async throws {
    try await Peer.run { peer async throws in
      _ = try await peer.post(try Keys.registration(oneTimeKeys: 0), from: bob)
      let keys = Keys.oneTimeKeys(.c25519, ids: [8, 9])
      let request = KeyServerRequest(curve: .c25519, content: .postOneTimeKeys(keys))
      for _ in 0..<2 { #expect(try await peer.post(request, from: bob).body == Data([1, 4, 1])) }
      #expect(try await peer.oneTimeKeyIDs(of: bob) == [8, 9])

      let others = Keys.oneTimeKeys(.c25519, ids: [10, 9])
      let clash = KeyServerRequest(curve: .c25519, content: .postOneTimeKeys(others))
      #expect(try await peer.post(clash, from: bob).errorCode == .badRequest)
      #expect(try await peer.oneTimeKeyIDs(of: bob) == [8, 9])
    }
  }

  @Test func `an unregistered device is told so with error 6`() async throws {
    try await Peer.run { peer async throws in
      let contents: [KeyServerRequest.Content] = [
        .getOneTimeKeyIDs, .postOneTimeKeys(Keys.oneTimeKeys(.c25519, ids: [1])),
        .postSignedPrekey(Keys.signedPrekey(.c25519)),
      ]
      for content in contents {
        let reply = try await peer.post(KeyServerRequest(curve: .c25519, content: content), from: bob)
        #expect(try reply.errorCode == .deviceNotFound)
      }
    }
  }

  @Test func `more than 200 one-time keys of a device are error 10 and none of them is stored`() async throws {
    try await Peer.run { peer async throws in
      #expect(try await peer.post(try Keys.registration(oneTimeKeys: 201), from: bob).errorCode == .resourceLimit)
      #expect(try await peer.bundle(of: bob).keys == nil)

      #expect(try await peer.post(try Keys.registration(oneTimeKeys: 200), from: bob).body == Data([1, 9, 1]))
      let more = KeyServerRequest(
        curve: .c25519, content: .postOneTimeKeys(Keys.oneTimeKeys(.c25519, ids: [1000])))
      #expect(try await peer.post(more, from: bob).errorCode == .resourceLimit)
      #expect(try await peer.oneTimeKeyIDs(of: bob).count == 200)
    }
  }

  @Test func `a request for too many devices is error 10`() async throws {
    try await Peer.run { peer async throws in
      func request(_ count: Int) -> KeyServerRequest {
        KeyServerRequest(curve: .c25519, content: .getBundles((0..<count).map { DeviceID("sip:u\($0)@x;gr=a") }))
      }
      #expect(try await peer.post(request(256), from: alice).errorCode == nil)
      #expect(try await peer.post(request(257), from: alice).errorCode == .resourceLimit)
    }
  }

  /// Devices of one account, told apart by what the server does not compare, too.
  private static func devices(_ count: Int) -> [String] {
    (0..<count).map { number in
      let user = number % 2 == 0 ? "alice" : "%61lice"
      let domain = number % 3 == 0 ? "sip.example.org" : "SIP.Example.org"
      return "sip:\(user)@\(domain);x=\(number);gr=urn:uuid:\(number)"
    }
  }

  @Test func `an account cannot use up a device's one-time keys with devices that it makes up`() async throws {
    let store = try KeyServerStore(.inMemory, limits: .init())
    _ = try await store.answer(try Keys.registration(oneTimeKeys: 100), from: DeviceID(bob))
    let request = KeyServerRequest(curve: .c25519, content: .getBundles([DeviceID(bob)]))
    func key(for asker: String) async throws -> OneTimeKey? {
      let answer = try await store.answer(request, from: DeviceID(asker))
      let bundle = try answer.bundles(for: [DeviceID(bob)], curve: .c25519).first
      #expect(bundle?.keys != nil)
      return bundle?.keys?.oneTimeKey
    }
    // Without keys of their own they get none; with them no more than the account gets.
    for asker in Self.devices(100) { #expect(try await key(for: asker) == nil) }
    var got = 0
    for asker in Self.devices(100) {
      _ = try await store.answer(try Keys.registration(oneTimeKeys: 0), from: DeviceID(asker))
      for _ in 0..<3 where try await key(for: asker) != nil { got += 1 }
    }
    #expect(got == 20)
    for user in ["carol", "dave"] {
      let asker = "sip:\(user)@sip.example.org;gr=urn:uuid:c"
      _ = try await store.answer(try Keys.registration(oneTimeKeys: 0), from: DeviceID(asker))
      #expect(try await key(for: asker) != nil)
    }
  }

  @Test func `the last ten one-time keys of a device are for accounts that never got one`() async throws {
    let clock = Clock()
    let store = try KeyServerStore(.inMemory, limits: .init(), now: clock.now)
    _ = try await store.answer(try Keys.registration(oneTimeKeys: 50), from: DeviceID(bob))
    let request = KeyServerRequest(curve: .c25519, content: .getBundles([DeviceID(bob)]))
    func key(for asker: String) async throws -> OneTimeKey? {
      _ = try? await store.answer(try Keys.registration(oneTimeKeys: 0), from: DeviceID(asker))
      let answer = try await store.answer(request, from: DeviceID(asker))
      return try answer.bundles(for: [DeviceID(bob)], curve: .c25519).first?.keys?.oneTimeKey
    }
    // Hour after hour, with device after device.
    var got = 0
    for hour in 0..<10 {
      for asker in Self.devices(25) where try await key(for: asker + "\(hour)") != nil { got += 1 }
      clock.advance(3600)
    }
    #expect(got == 40)
    for number in 0..<12 {
      let asker = "sip:user\(number)@sip.example.org;gr=urn:uuid:u"
      #expect((try await key(for: asker) != nil) == (number < 10))
      #expect(try await key(for: asker) == nil)
    }
  }

  /// Against what may be handed out: who asks, how often, and what is left.
  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `whoever asks in whatever order, no key goes out twice or beyond a limit`(seed: UInt64) async throws {
    var generator = SeededGenerator(seed: seed)
    let clock = Clock()
    var limits = KeyServerConfiguration.Limits()
    (limits.oneTimeKeysPerAccountAndHour, limits.oneTimeKeysForNewcomers) = (4, 3)
    let store = try KeyServerStore(.inMemory, limits: limits, now: clock.now)
    _ = try await store.answer(try Keys.registration(oneTimeKeys: 12), from: DeviceID(bob))
    var left = 12
    var posted: UInt32 = 12
    var seen: Set<UInt32> = []
    var registered: Set<String> = []
    var times: [Int: [TimeInterval]] = [:]
    var now: TimeInterval = 0
    for _ in 0..<400 {
      let user = Int.random(in: 0..<4, using: &generator)
      let device = "sip:user\(user)@sip.example.org;gr=\(Int.random(in: 0..<5, using: &generator))"
      switch Int.random(in: 0..<20, using: &generator) {
      case 0:
        now += 1200
        clock.advance(1200)
      case 1:
        posted += 2
        left += 2
        let keys = Keys.oneTimeKeys(.c25519, ids: [posted - 1, posted])
        let more = KeyServerRequest(curve: .c25519, content: .postOneTimeKeys(keys))
        _ = try await store.answer(more, from: DeviceID(bob))
      case 2...5:
        _ = try? await store.answer(try Keys.registration(oneTimeKeys: 0), from: DeviceID(device))
        registered.insert(device)
      case 6:
        _ = try await store.answer(
          KeyServerRequest(curve: .c25519, content: .deleteDevice), from: DeviceID(device))
        registered.remove(device)
      default:
        let request = KeyServerRequest(curve: .c25519, content: .getBundles([DeviceID(bob)]))
        let answer = try await store.answer(request, from: DeviceID(device))
        let key = try answer.bundles(for: [DeviceID(bob)], curve: .c25519).first?.keys?.oneTimeKey
        let recent = times[user, default: []].count { $0 > now - 3600 }
        let mayHave = registered.contains(device) && left > 0 && recent < 4 && (times[user] == nil || left > 3)
        #expect((key != nil) == mayHave)
        guard let key else { continue }
        #expect(seen.insert(key.id).inserted)
        times[user, default: []].append(now)
        left -= 1
      }
    }
    #expect(seen.count > 10)
  }

  @Test func `an account has no more than so many devices, and others are not in their way`() async throws {
    var limits = KeyServerConfiguration.Limits()
    limits.devicesPerAccount = 3
    let store = try KeyServerStore(.inMemory, limits: limits)
    func register(_ device: String) async throws {
      _ = try await store.answer(try Keys.registration(oneTimeKeys: 0), from: DeviceID(device))
    }
    for device in Self.devices(3) { try await register(device) }
    await #expect(throws: KeyServerRefusal.self) { try await register("sip:alice@sip.example.org;gr=urn:uuid:more") }
    try await register(bob)
    _ = try await store.answer(
      KeyServerRequest(curve: .c25519, content: .deleteDevice), from: DeviceID(Self.devices(1)[0]))
    try await register("sip:alice@sip.example.org;gr=urn:uuid:more")
  }

  @Test func `a database of before the limits for accounts keeps its devices`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("keys.sqlite").path
    let store = try KeyServerStore(.file(path: path), limits: .init())
    for device in Self.devices(2) {
      _ = try await store.answer(try Keys.registration(oneTimeKeys: 0), from: DeviceID(device))
    }
    let before = try DatabaseQueue(path: path)
    try await before.write { db in
      try db.execute(
        sql: """
          DROP TABLE served; DROP TABLE handed_out; DROP INDEX device_by_account;
          ALTER TABLE device DROP COLUMN account;
          CREATE TABLE handed_out (device INTEGER NOT NULL, asker TEXT NOT NULL, at INTEGER NOT NULL);
          CREATE INDEX handed_out_by_asker ON handed_out (device, asker);
          DELETE FROM grdb_migrations WHERE identifier LIKE 'key server 2%';
          """)
    }
    try before.close()
    var limits = KeyServerConfiguration.Limits()
    limits.devicesPerAccount = 2
    let later = try KeyServerStore(.file(path: path), limits: limits)
    await #expect(throws: KeyServerRefusal.self) {
      try await later.answer(
        try Keys.registration(oneTimeKeys: 0), from: DeviceID("sip:alice@sip.example.org;gr=urn:uuid:more"))
    }
  }

  @Test func `after an hour an asker gets one-time keys again`() async throws {
    let clock = Clock()
    var limits = KeyServerConfiguration.Limits()
    limits.oneTimeKeysPerAccountAndHour = 1
    let store = try KeyServerStore(.inMemory, limits: limits, now: clock.now)
    _ = try await store.answer(try Keys.registration(oneTimeKeys: 12), from: DeviceID(bob))
    _ = try await store.answer(try Keys.registration(oneTimeKeys: 0), from: DeviceID(alice))
    let request = KeyServerRequest(curve: .c25519, content: .getBundles([DeviceID(bob)]))
    var got: [Bool] = []
    for step: TimeInterval in [0, 3599, 1] {
      clock.advance(step)
      let answer = try await store.answer(request, from: DeviceID(alice))
      got.append(try answer.bundles(for: [DeviceID(bob)], curve: .c25519).first?.keys?.oneTimeKey != nil)
    }
    #expect(got == [true, false, true])
  }

  @Test func `keys in a file outlive the server, and only the owner can read them`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("keys.sqlite").path
    let configuration = KeyServerConfiguration(database: .file(path: path))
    try await Peer.run(configuration) { peer async throws in
      for device in [alice, bob] { _ = try await peer.post(try Keys.registration(oneTimeKeys: 2), from: device) }
    }
    try await Peer.run(configuration) { peer async throws in
      #expect(try await peer.oneTimeKeyIDs(of: bob) == [1, 2])
      #expect(try await peer.bundle(of: bob).keys?.oneTimeKey?.id == 1)
    }
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
  }

  @Test func `a database that cannot be opened is named`() throws {
    let error = #expect(throws: KeyServerError.self) {
      try KeyServer(configuration: KeyServerConfiguration(database: .file(path: "/nonexistent/keys.sqlite")))
    }
    guard case .cannotOpenDatabase("/nonexistent/keys.sqlite", _) = error else {
      Issue.record("unexpected error \(String(describing: error))")
      return
    }
  }
}

/// Sendable because the time is touched only under the lock.
private final class Clock: @unchecked Sendable {
  private let lock = NSLock()
  private var time = Date(timeIntervalSince1970: 1_700_000_000)

  @Sendable func now() -> Date { lock.withLock { time } }
  func advance(_ seconds: TimeInterval) { lock.withLock { time += seconds } }
}
