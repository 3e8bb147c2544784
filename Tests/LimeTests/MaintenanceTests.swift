// MaintenanceTests.swift: keys are renewed and forgotten in time

import Foundation
import GRDB
import Testing

@testable import Lime

@Suite struct MaintenanceTests {
  private func isUpdateDue(_ device: TestDevice) throws -> Bool {
    try device.queue.read { try device.account.isUpdateDue($0) }
  }

  @Test func `A registration is repeated unchanged until the server acknowledges it`() throws {
    let device = try TestDevice(aliceID)
    #expect(try device.queue.read { try device.account.exists($0) } == false)
    let first = try device.queue.write { try device.account.makeRegistration($0, oneTimeKeys: 3) }
    let second = try device.queue.write { try device.account.makeRegistration($0, oneTimeKeys: 3) }
    #expect(first == second)
    guard case .register(let identity, let signedPrekey, let oneTimeKeys) = first.content else {
      Issue.record("no registration")
      return
    }
    #expect(oneTimeKeys.count == 3)
    #expect(identity.isValidSignature(signedPrekey.signature, of: signedPrekey.publicKey))
    #expect((oneTimeKeys.map(\.id) + [signedPrekey.id]).allSatisfy { $0 > 0 && $0 < 1 << 31 })
    #expect(try device.queue.read { try device.account.isRegistered($0) } == false)
    try device.queue.write { try device.account.registrationAccepted($0) }
    #expect(try device.queue.read { try device.account.isRegistered($0) })
  }

  @Test func `One-time keys are topped up to a hundred, by twenty-five at least`() throws {
    let clock = TestClock()
    let server = TestKeyServer()
    let device = try TestDevice(aliceID, clock: clock)
    try device.register(at: server, oneTimeKeys: 60)
    #expect(try isUpdateDue(device) == false)
    clock.advance(days: 1)
    #expect(try isUpdateDue(device))
    try update(device, at: server)
    #expect(server.oneTimeKeyCount(of: device.id) == 100)
    #expect(try isUpdateDue(device) == false)
    _ = try server.answer(device.account.bundleRequest(for: [device.id]).body, from: DeviceID(bobID))
    try update(device, at: server)
    #expect(server.oneTimeKeyCount(of: device.id) == 99 + 25)
    try update(device, at: server)
    #expect(server.oneTimeKeyCount(of: device.id) == 99 + 25)
  }

  @Test func `A key the server handed out waits 37 days for its message`() throws {
    let pair = try Pair()
    try pair.startSession()
    let message = try pair.alice.encrypt("hello", to: pair.bob.id)
    try update(pair.bob, at: pair.server)
    #expect(try pair.bob.count("lime_one_time_key", where: "dispatched_at IS NOT NULL") == 1)
    pair.clock.advance(days: 36)
    try update(pair.bob, at: pair.server)
    #expect(try pair.bob.count("lime_one_time_key", where: "dispatched_at IS NOT NULL") == 1)
    pair.clock.advance(days: 2)
    try update(pair.bob, at: pair.server)
    #expect(try pair.bob.count("lime_one_time_key", where: "dispatched_at IS NOT NULL") == 0)
    #expect(throws: LimeError.self) { try pair.bob.decrypt(message) }
  }

  @Test func `The signed prekey is renewed after 7 days and the old one serves 30 days more`() throws {
    let pair = try Pair(oneTimeKeys: 1)
    let old = try #require(pair.server.signedPrekeyID(of: pair.bob.id))
    try pair.startSession()
    let message = try pair.alice.encrypt("first", to: pair.bob.id)
    let late = try pair.alice.encrypt("late", to: pair.bob.id)
    let carol = try TestDevice("sip:carol@sip.example.org;gr=urn:uuid:c")
    try carol.register(at: pair.server)
    try carol.startSessions(with: [pair.bob.id], at: pair.server)
    let neverRead = try carol.encrypt("too late", to: pair.bob.id)

    pair.clock.advance(days: 6.9)
    try update(pair.bob, at: pair.server)
    #expect(pair.server.signedPrekeyID(of: pair.bob.id) == old)
    pair.clock.advance(days: 0.2)
    try update(pair.bob, at: pair.server)
    #expect(pair.server.signedPrekeyID(of: pair.bob.id) != old)
    pair.clock.advance(days: 29)
    try update(pair.bob, at: pair.server)
    #expect(try pair.bob.decrypt(message).plaintext == Data("first".utf8))
    pair.clock.advance(days: 2)
    try update(pair.bob, at: pair.server)
    #expect(throws: LimeError.signedPrekeyUnknown(id: old)) { try pair.bob.decrypt(neverRead) }
    // A session that exists outlives the key it was made with.
    #expect(try pair.bob.decrypt(late).plaintext == Data("late".utf8))
  }

  @Test func `A signed prekey whose upload failed is posted again`() throws {
    let clock = TestClock()
    let server = TestKeyServer()
    let device = try TestDevice(aliceID, clock: clock)
    try device.register(at: server, oneTimeKeys: 100)
    clock.advance(days: 8)
    func requests() throws -> [KeyServerRequest] {
      try device.queue.write { db in
        let answer = try KeyServerAnswer(
          parsing: server.answer(device.account.oneTimeKeyIDsRequest().body, from: device.id))
        return try device.account.updateRequests(db, after: answer)
      }
    }
    let lost = try requests()
    #expect(lost.count == 1)
    #expect(try requests() == lost)
    let refusal = KeyServerAnswer(curve: .c25519, content: .error(.databaseFailure, text: ""))
    #expect(throws: LimeError.keyServer(.databaseFailure, text: "")) {
      try device.queue.write { try device.account.updateAccepted($0, request: lost[0], answer: refusal) }
    }
    try update(device, at: server)
    #expect(try requests().isEmpty)
  }

  @Test func `A device the server forgot registers again with the same identity`() throws {
    let pair = try Pair()
    try pair.startSession()
    let before = try pair.bob.queue.read { try pair.bob.account.identity($0) }
    let signedPrekey = pair.server.signedPrekeyID(of: pair.bob.id)
    let underWay = try pair.alice.encrypt("under way", to: pair.bob.id)
    pair.server.remove(pair.bob.id)
    try update(pair.bob, at: pair.server)
    #expect(pair.server.oneTimeKeyCount(of: pair.bob.id) == 100)
    #expect(pair.server.signedPrekeyID(of: pair.bob.id) == signedPrekey)
    #expect(try pair.bob.queue.read { try pair.bob.account.identity($0) } == before)
    #expect(try pair.bob.queue.read { try pair.bob.account.isRegistered($0) })
    try pair.bob.decrypt(underWay)
  }

  @Test func `A stale session still opens messages for 30 days`() throws {
    let pair = try Pair()
    let signedPrekey = try #require(pair.server.signedPrekeyID(of: pair.bob.id))
    try pair.startSession()
    let onTime = try pair.alice.encrypt("on time", to: pair.bob.id)
    let late = try pair.alice.encrypt("late", to: pair.bob.id)
    try pair.bob.decrypt(try pair.alice.encrypt("first", to: pair.bob.id))
    try pair.alice.queue.write { try pair.alice.account.markSessionsStale($0, with: pair.bob.id) }
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("new session", to: pair.bob.id))
    pair.clock.advance(days: 29)
    try update(pair.bob, at: pair.server)
    #expect(try pair.bob.decrypt(onTime).plaintext == Data("on time".utf8))
    try pair.bob.decrypt(try pair.alice.encrypt("new session again", to: pair.bob.id))
    pair.clock.advance(days: 31)
    try update(pair.bob, at: pair.server)
    #expect(try pair.bob.count("lime_session") == 1)
    // Its init block makes no new session either: the signed prekey is gone by then.
    #expect(throws: LimeError.signedPrekeyUnknown(id: signedPrekey)) { try pair.bob.decrypt(late) }
  }

  @Test func `Keys of missing messages are given up after 128 later ones`() throws {
    let pair = try Pair()
    try pair.startSession()
    let missing = try pair.alice.encrypt("missing", to: pair.bob.id)
    for number in 0..<128 { try pair.bob.decrypt(try pair.alice.encrypt("\(number)", to: pair.bob.id)) }
    try update(pair.bob, at: pair.server)
    #expect(try pair.bob.count("lime_skipped_key") == 1)
    try pair.bob.decrypt(try pair.alice.encrypt("one more", to: pair.bob.id))
    try update(pair.bob, at: pair.server)
    #expect(try pair.bob.count("lime_skipped_key") == 0)
    #expect(throws: LimeError.alreadyDecrypted) { try pair.bob.decrypt(missing) }
  }

  @Test func `Erasing a device leaves no row of it`() throws {
    let pair = try Pair()
    try pair.startSession()
    try pair.bob.decrypt(try pair.alice.encrypt("hello", to: pair.bob.id))
    try pair.bob.queue.write { try pair.bob.account.erase($0) }
    #expect(try pair.bob.dump().isEmpty)
    #expect(pair.bob.account.removalRequest().body == Data([1, 2, 1]))
  }
}
