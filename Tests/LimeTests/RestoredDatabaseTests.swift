// RestoredDatabaseTests.swift: a database older than what was sent gives no message key a second time

import Foundation
import GRDB
import Testing

@testable import Lime

@Suite struct RestoredDatabaseTests {
  /// Alice and Bob in the middle of a conversation, and Alice as she was before her last message.
  private func restored() throws -> (pair: Pair, restored: TestDevice, sentSince: Envelope) {
    let pair = try Pair()
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("one", to: pair.bob.id))
    try pair.alice.decrypt(try pair.bob.encrypt("two", to: pair.alice.id))
    try pair.bob.decrypt(try pair.alice.encrypt("three", to: pair.bob.id))
    let backup = try TestDevice(aliceID, clock: pair.clock)
    try pair.alice.queue.backup(to: backup.queue)
    return (pair, backup, try pair.alice.encrypt("four", to: pair.bob.id))
  }

  private func endSendingChains(_ device: TestDevice, _ pair: Pair) throws -> Int {
    try device.queue.write { try LimeAccount.endAllSendingChains($0, now: pair.clock.now) }
  }

  @Test func `Without it the restored database would use a message key again`() throws {
    let (pair, restored, sentSince) = try restored()
    let again = try restored.encrypt("FOUR", to: pair.bob.id)
    // The header names the same chain and number.
    #expect(try RatchetMessage(parsing: again.ratchet).header == RatchetMessage(parsing: sentSince.ratchet).header)
  }

  @Test func `No session is used on, and a new one reaches the peer`() throws {
    let (pair, restored, sentSince) = try restored()
    #expect(try endSendingChains(restored, pair) == 1)
    #expect(throws: LimeError.noSession(pair.bob.id)) { try restored.encrypt("FOUR", to: pair.bob.id) }
    try restored.startSessions(with: [pair.bob.id], at: pair.server)
    try pair.bob.decrypt(sentSince)
    #expect(try pair.bob.decrypt(restored.encrypt("FOUR", to: pair.bob.id)).plaintext == Data("FOUR".utf8))
    #expect(try restored.decrypt(pair.bob.encrypt("five", to: restored.id)).plaintext == Data("five".utf8))
  }

  @Test func `A message under way is read, and does not bring the old sending chain back`() throws {
    let (pair, restored, _) = try restored()
    let underWay = try pair.bob.encrypt("under way", to: restored.id)
    _ = try endSendingChains(restored, pair)
    #expect(try restored.decrypt(underWay).plaintext == Data("under way".utf8))
    // Its session is the active one again. Bob's message began a chain, so Alice's next one is a new chain of hers; had
    // it not, the session would still be at its end.
    let used = try pair.alice.queue.read { try Data.fetchAll($0, sql: "SELECT ratchet_public FROM lime_session") }
    let answer = try RatchetMessage(parsing: restored.encrypt("answer", to: pair.bob.id).ratchet)
    #expect(!used.contains(answer.header.ratchetKey))
  }

  @Test func `A message of the chain the backup knew leaves its session at its end`() throws {
    let pair = try Pair()
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("one", to: pair.bob.id))
    try pair.alice.decrypt(try pair.bob.encrypt("two", to: pair.alice.id))
    let late = try pair.bob.encrypt("late", to: pair.alice.id)
    _ = try pair.alice.encrypt("three", to: pair.bob.id)
    let restored = try TestDevice(aliceID, clock: pair.clock)
    try pair.alice.queue.backup(to: restored.queue)
    _ = try endSendingChains(restored, pair)
    #expect(try restored.decrypt(late).plaintext == Data("late".utf8))
    #expect(throws: LimeError.noSession(pair.bob.id)) { try restored.encrypt("four", to: pair.bob.id) }
    #expect(
      try restored.queue.read { try restored.account.devicesWithoutSession($0, among: [pair.bob.id]) }
        == [pair.bob.id])
  }
}
