// LongChainTests.swift: more messages to a device that is silent than one session may encrypt (LIME §3.3)
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct LongChains {
  /// 1000 are one chain's; no multiple of what goes out together.
  private static let count = 1030

  @Test func aSessionThatEndsInTheMiddleOfABurstLosesNoMessage() async throws {
    try await ChatPair.play(play)
  }

  private func play(_ pair: ChatPair) async throws {
    let room = try await pair.room()
    try await pair.talk(in: room)
    await pair.bob.stop()
    let texts = (1...Self.count).map { "number \($0)" }
    _ = try await pair.alice.client.send(texts.map { ($0, MessageOptions()) }, to: room)
    func ours() async throws -> [Message] {
      try await pair.alice.client.store.history(HistoryRequest(room: room, limit: 2 * Self.count)).map(\.message)
        .filter { $0.text.hasPrefix("number ") }
    }
    let deadline = ContinuousClock.now + .seconds(120)
    while try await ours().contains(where: { $0.state == .queued }) {
      guard ContinuousClock.now < deadline else { throw TestFailure("not all messages were sent within 120 s") }
      try await Task.sleep(for: .milliseconds(100))
    }
    let refused = try await ours().filter { $0.state == .failed }
    #expect(refused.isEmpty, "\(refused.count), the first: \(refused.first?.failure ?? "")")

    try await pair.bob.restart()
    try await pair.bob.message("number \(Self.count)", within: 120)
    func theirs() async throws -> [Message] {
      try await pair.bob.client.store.history(HistoryRequest(room: room, limit: 2 * Self.count)).map(\.message)
        .filter { $0.text.hasPrefix("number ") }
    }
    while try await theirs().count < Self.count {
      guard ContinuousClock.now < deadline + .seconds(120) else {
        throw TestFailure("bob has \(try await theirs().count) of \(Self.count) messages")
      }
      try await Task.sleep(for: .milliseconds(100))
    }
    #expect(try await theirs().map(\.text) == texts)
    #expect(try await theirs().allSatisfy { $0.state == .received && $0.isEncrypted })
  }
}
