// ChatPair.swift: two limeade accounts on a lab, with what a restart of one of them needs.
import ChatCore
import DigestAuth
import Foundation
import Lab
import MessageFormats
import TestSupport
import Testing

/// A clock that a test moves.
final class MovableClock: Sendable {
  private let lock = NSLock()
  // Only touched under the lock.
  nonisolated(unsafe) private var offset: TimeInterval = 0

  var clock: ChatClock {
    ChatClock(now: { Date().addingTimeInterval(self.lock.withLock { self.offset }) }, interval: .milliseconds(20))
  }

  func advance(days: Double = 0, seconds: TimeInterval = 0) { lock.withLock { offset += days * 86_400 + seconds } }
}

/// alice and bob, registered.
struct ChatPair {
  let lab: Lab
  let addresses: LabAddresses
  let alice: ChatAccount
  let bob: ChatAccount
  let clock = MovableClock()
  /// Where alice's record of use is.
  let state: TemporaryFolder

  init(lab configuration: LabConfiguration = .example, keyServer: URL? = nil) async throws {
    lab = Lab(configuration)
    addresses = try await lab.start()
    state = try TemporaryFolder()
    alice = try Self.account("alice", addresses, keyServer: keyServer, state: state, clock: clock)
    bob = try Self.account("bob", addresses, keyServer: keyServer)
    try await alice.start()
    try await bob.start()
  }

  static func account(
    _ user: String, _ addresses: LabAddresses, keyServer: URL? = nil, folder: TemporaryFolder? = nil,
    state: TemporaryFolder? = nil, clock: MovableClock? = nil
  ) throws -> ChatAccount {
    try ChatAccount(
      user: user, domain: addresses.domain, proxy: #require(SIPURI(addresses.sip)),
      factory: #require(SIPURI(addresses.factory)), keyServer: keyServer ?? addresses.keyServer, folder: folder,
      stateDirectory: state?.url, clock: clock?.clock ?? ChatClock())
  }

  /// An encrypted room of alice's with bob in it.
  func room() async throws -> String {
    let room = try await alice.client.createRoom(named: "Pair", members: [bob.configuration.address])
    _ = try await bob.room(named: "Pair")
    return room.room.address
  }

  /// A text each way.
  func talk(in room: String, _ suffix: String = "") async throws {
    _ = try await alice.client.send("from alice\(suffix)", to: room)
    #expect(try await bob.message("from alice\(suffix)").isEncrypted)
    _ = try await bob.client.send("from bob\(suffix)", to: room)
    #expect(try await alice.message("from bob\(suffix)").isEncrypted)
  }

  /// Runs `body` with both, and ends everything after it.
  static func play(_ body: (ChatPair) async throws -> Void) async throws {
    let pair = try await ChatPair()
    do { try await body(pair) } catch {
      await pair.end()
      throw error
    }
    await pair.end()
  }

  func end() async {
    await alice.stop()
    await bob.stop()
    await lab.stop()
  }
}

extension ChatAccount {
  /// What the end of one of our messages was.
  @discardableResult
  func outcome(of message: Message) async throws -> Message {
    try await event("end of \(message.text)") { event in
      if case .messageState(let changed) = event, changed.messageID == message.messageID { return changed }
      return nil
    }
  }

  func securityEvent(about device: String?) async throws -> String {
    try await event("security event about \(device ?? "this account")") { event in
      if case .security(_, device, let text) = event { return text }
      return nil
    }
  }
}
