// ChangedIdentityTests.swift: a device that comes back with other keys is refused until the user decides.
import Foundation
import GRDB
import Lime
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

extension ChatAccount {
  /// A key-server connection with this account's password and the device id it has now.
  func keyServerClient() async throws -> (client: KeyServerClient, lime: LimeAccount) {
    let device = DeviceID(try #require(await client.device))
    let client = KeyServerClient(
      url: try #require(configuration.keyServer), device: device, username: configuration.name,
      realm: configuration.address.host, password: configuration.password, caFile: nil)
    return (client, LimeAccount(device: device, curve: .c25519))
  }
}

/// Bob's device installed anew: the same address, without the data it had.
private func reinstalled(_ bob: ChatAccount, _ pair: ChatPair) async throws -> ChatAccount {
  let instance = try await bob.client.store.database.read { try Setting.instanceID.read($0) }
  await bob.stop()
  let again = try ChatPair.account("bob", pair.addresses)
  try await again.client.store.database.write { try Setting.instanceID.write($0, instance) }
  return again
}

@Suite(.serialized) struct ChangedIdentity {
  @Test func theKeyServersRefusalOfOtherKeysIsExplainedWithTheRemedy() async throws {
    let pair = try await ChatPair()
    let again = try await reinstalled(pair.bob, pair)
    try await again.start()
    let text = try await again.event("explanation") { event in
      if case .error(_, let text, _) = event, text.contains("already has other keys") { return text }
      return nil
    }
    #expect(text.contains("remove the account's data folder"))
    await again.stop()
    await pair.end()
  }

  @Test func anotherIdentityKeyIsRefusedReportedAndOnlyForgettingAcceptsIt() async throws {
    let pair = try await ChatPair()
    let alice = pair.alice
    let room = try await pair.room()
    try await pair.talk(in: room)
    let device = try #require(await pair.bob.client.device)
    let known = try #require(try await pair.bob.client.store.keys(curve: .c25519)?.fingerprint)
    let (server, bobsLime) = try await pair.bob.keyServerClient()
    _ = try await server.exchange(bobsLime.removalRequest())
    let again = try await reinstalled(pair.bob, pair)
    try await again.start()
    #expect(await again.client.device == device)
    let offered = try #require(try await again.client.store.keys(curve: .c25519)?.fingerprint)
    #expect(offered != known)

    // A message of the new keys: a visible line that cannot be read, an event with the remedy, an unsafe room.
    _ = try await again.client.store.database.write { db in
      try RoomQueries.join(
        db, uri: #require(SIPURI(room)), subject: "Pair", encrypted: true, oneToOne: false, now: Date())
    }
    try await again.restart()
    // A message that waited may have made the room known before, so that no event tells of it now.
    let deadline = ContinuousClock.now + .seconds(20)
    while try await again.client.rooms().first?.room.state != .active, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(10))
    }
    _ = try await again.client.send("from the new keys", to: room)
    let text = try await alice.securityEvent(about: device)
    #expect(text.contains(known) && text.contains(offered) && text.contains("keys forget"))
    let line = try await alice.event("unreadable line") { event -> Message? in
      if case .message(let message) = event, message.state == .undecryptable { return message }
      return nil
    }
    #expect(line.senderDevice == device)
    let trust = try await alice.client.store.trust(room: room, curve: .c25519)
    #expect(trust.level == .unsafe)
    #expect(trust.devices.map(\.refusedFingerprint) == [offered])
    #expect(trust.devices.map(\.fingerprint) == [known])

    // Nor is a session started from the key server's new bundle.
    let lime = LimeAccount(device: DeviceID(try #require(await alice.client.device)), curve: .c25519)
    try await alice.client.store.database.write { try lime.markSessionsStale($0, with: DeviceID(device)) }
    let refused = try await alice.outcome(of: try await alice.client.send("to whom?", to: room))
    #expect(refused.state == .failed)
    #expect(refused.failure?.contains("identity key") == true)

    // Dismissing it keeps the known key; forgetting is what accepts the other one.
    #expect(try await alice.client.store.trust(device: device, curve: .c25519).fingerprint == known)
    #expect(try await alice.client.store.trust(room: room, curve: .c25519).level == .trusted)
    let forgotten = try await alice.client.store.forget(device: device, curve: .c25519)
    #expect(forgotten.fingerprint == nil && forgotten.status == .unknown)
    _ = try await alice.client.send("hello again", to: room)
    try await again.message("hello again")
    #expect(try await alice.client.store.trust(room: room, curve: .c25519).devices.map(\.fingerprint) == [offered])
    _ = try await again.client.send("and back", to: room)
    #expect(try await alice.message("and back").isEncrypted)
    await again.stop()
    await pair.end()
  }
}
