// ProtocolTests.swift: what the key server stores and answers, asked with the curl program
import Foundation
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
      let ids = try await withThrowingTaskGroup(of: UInt32?.self) { group in
        for _ in 0..<10 { group.addTask { try await peer.bundle(of: bob).keys?.oneTimeKey?.id } }
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
      _ = try await peer.bundle(of: bob)
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

  @Test func `one asker cannot use up a device's one-time keys, others still get theirs`() async throws {
    var configuration = KeyServerConfiguration()
    configuration.limits.oneTimeKeysPerPeerAndHour = 2
    try await Peer.run(configuration) { peer async throws in
      _ = try await peer.post(try Keys.registration(oneTimeKeys: 5), from: bob)
      var got: [Bool] = []
      for _ in 0..<3 { got.append(try await peer.bundle(of: bob).keys?.oneTimeKey != nil) }
      #expect(got == [true, true, false])
      let other = try await peer.bundle(of: bob, for: "sip:carol@sip.example.org;gr=urn:uuid:c")
      #expect(other.keys?.oneTimeKey != nil)
      #expect(try await peer.oneTimeKeyIDs(of: bob).count == 2)
    }
  }

  @Test func `after an hour an asker gets one-time keys again`() async throws {
    let clock = Clock()
    var limits = KeyServerConfiguration.Limits()
    limits.oneTimeKeysPerPeerAndHour = 1
    let store = try KeyServerStore(.inMemory, limits: limits, now: clock.now)
    _ = try await store.answer(try Keys.registration(oneTimeKeys: 2), from: DeviceID(bob))
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
    try await Peer.run(configuration) { _ = try await $0.post(try Keys.registration(oneTimeKeys: 2), from: bob) }
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
