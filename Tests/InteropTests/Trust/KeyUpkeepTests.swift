// KeyUpkeepTests.swift: the published keys are looked after daily, and a key server's wish to be left alone is
// honoured.
import Foundation
import KeyServer
import Lime
import TestSupport
import Testing

@testable import ChatCore

extension ChatAccount {
  /// One-time keys that the key server still has of this device.
  fileprivate func oneTimeKeysAtServer() async throws -> Int {
    let (server, lime) = try await keyServerClient()
    guard case .oneTimeKeyIDs(let ids) = try await server.exchange(lime.oneTimeKeyIDsRequest()).content else {
      return -1
    }
    return ids.count
  }

  fileprivate func wait(_ what: String, until isSo: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while ContinuousClock.now < deadline {
      if try await isSo() { return }
      try await Task.sleep(for: .milliseconds(20))
    }
    throw TestFailure("\(address): \(what) did not come about")
  }
}

@Suite(.serialized) struct KeyUpkeep {
  @Test func aRunningClientReplacesUsedOneTimeKeysTheNextDayAndThePrekeyAfterAWeek() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    let room = try await pair.room()
    // Bob's first message takes one of alice's keys.
    _ = try await bob.client.send("hello", to: room)
    try await alice.message("hello")
    #expect(try await alice.oneTimeKeysAtServer() == 99)
    pair.clock.advance(days: 1.1)
    try await alice.wait("the top-up") { try await alice.oneTimeKeysAtServer() == 99 + 25 }
    #expect(try await bob.oneTimeKeysAtServer() == 100)

    let before = try #require(try await alice.client.store.keys(curve: .c25519)?.signedPrekeyCreatedAt)
    pair.clock.advance(days: 7)
    try await alice.wait("a new signed prekey") {
      try await alice.client.store.keys(curve: .c25519)?.signedPrekeyCreatedAt ?? before > before
    }
    try await alice.wait("its publication") { try await alice.client.updateKeys().isEmpty }
    try await pair.talk(in: room)
    await pair.end()
  }

  @Test func aDeviceThatTheKeyServerLostRegistersAgainWithTheSameIdentity() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    #expect(try await alice.client.updateKeys().isEmpty)
    let before = try await alice.client.store.keys(curve: .c25519)?.fingerprint
    let (server, lime) = try await alice.keyServerClient()
    _ = try await server.exchange(lime.removalRequest())
    let update = try await alice.client.updateKeys()
    #expect(update.registeredAgain)
    #expect(update.oneTimeKeysAdded == 100)
    #expect(try await alice.client.store.keys(curve: .c25519)?.fingerprint == before)
    #expect(try await alice.oneTimeKeysAtServer() == 100)
    let room = try await pair.room()
    _ = try await bob.client.send("found again", to: room)
    try await alice.message("found again")
    await pair.end()
  }

  @Test func whoCannotBeWrittenToAsTheKeyServerLostTheKeysIsToldWhatHelps() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    let (server, lime) = try await bob.keyServerClient()
    _ = try await server.exchange(lime.removalRequest())
    let room = try await pair.room()
    _ = try await alice.client.send("lost", to: room)
    let failure = try await alice.event("failure") { event in
      if case .messageState(let message) = event, message.state == .failed { return message.failure }
      return nil
    }
    #expect(
      failure.contains("has no keys for c25519 on the key server") && failure.contains("limeade keys publish"),
      "\(failure)")
    #expect(try await bob.client.updateKeys().registeredAgain)
    try await alice.wait("another attempt") {
      _ = try await alice.client.send("again", to: room)
      return (try? await bob.message("again", within: 2)) != nil
    }
    await pair.end()
  }

  @Test func aResourceLimitIsHonouredWithABackOff() async throws {
    var strict = KeyServerConfiguration()
    // Every request for bundles is more than it allows.
    strict.limits.devicesPerRequest = 0
    let keyServer = try KeyServer(configuration: strict)
    let url = try #require(URL(string: "http://127.0.0.1:\(try await keyServer.start())/"))
    let pair = try await ChatPair(keyServer: url)
    let alice = pair.alice
    let room = try await pair.room()
    _ = try await alice.client.send("waits", to: room)
    try await alice.event("explanation") { event in
      if case .error(_, let text, _) = event, text.contains("asks to wait") { return true }
      return nil
    }
    // The server is gone: only a request that is really made can notice.
    await keyServer.stop()
    func refusal() async -> String {
      do { return "\(try await alice.client.updateKeys())" } catch { return "\(error)" }
    }
    #expect(await refusal().contains("asked to wait"))
    #expect(try await alice.client.store.history(room: room).map(\.message.state) == [.queued])
    pair.clock.advance(seconds: 3600)
    #expect(await refusal().contains("cannot be used"))
    await pair.end()
  }
}
