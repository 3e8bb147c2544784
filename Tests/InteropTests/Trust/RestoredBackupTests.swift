// RestoredBackupTests.swift: an account whose data is an old backup goes on with new sessions.
import Foundation
import Lime
import TestSupport
import Testing

@testable import ChatCore

@Suite(.serialized) struct RestoredBackup {
  @Test func theConversationGoesOnWithNewSessionsAndNewPublishedKeys() async throws {
    let pair = try await ChatPair()
    let (alice, bob) = (pair.alice, pair.bob)
    let room = try await pair.room()
    try await pair.talk(in: room, " 1")
    try await alice.restart {
      try FileManager.default.copyItem(at: alice.folder.url, to: pair.state.url.appendingPathComponent("backup"))
    }
    #expect(alice.client.store.recoveryNotice == nil)
    try await pair.talk(in: room, " 2")
    let fingerprint = try await alice.client.store.keys(curve: .c25519)?.fingerprint
    try await alice.restart {
      try FileManager.default.removeItem(at: alice.folder.url)
      try FileManager.default.copyItem(at: pair.state.url.appendingPathComponent("backup"), to: alice.folder.url)
    }
    #expect(try await alice.securityEvent(about: nil).contains("a backup was restored"))

    // The server has the same identity and one-time keys that are all in the database.
    let keys = try await alice.client.store.keys(curve: .c25519)
    #expect(keys?.fingerprint == fingerprint)
    let (server, lime) = try await alice.keyServerClient()
    guard case .oneTimeKeyIDs(let ids) = try await server.exchange(lime.oneTimeKeyIDsRequest()).content else {
      Issue.record("no answer about one-time keys")
      return
    }
    let stored = try await alice.client.store.database.read { db in
      try Int64.fetchSet(db, sql: "SELECT key_id FROM lime_one_time_key")
    }
    #expect(ids.count == 100)
    #expect(ids.allSatisfy { stored.contains(Int64($0)) })
    #expect(try await alice.client.store.database.read { try Setting.recovery.read($0) } == nil)

    try await pair.talk(in: room, " 3")
    #expect(try await alice.client.store.trust(room: room, curve: .c25519).level == .encrypted)
    #expect(try await bob.client.store.history(room: room).allSatisfy { $0.message.state != .undecryptable })
    await pair.end()
  }
}
