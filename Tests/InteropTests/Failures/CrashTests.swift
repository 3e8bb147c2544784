// CrashTests.swift: limeade killed at random instants in the middle of a conversation with a Linphone client.
import ChatCore
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct Crashes {
  /// The variable sets another number for a longer run: LIMEADE_KILLS=300.
  private static let kills = ProcessInfo.processInfo.environment["LIMEADE_KILLS"].flatMap { Int($0) } ?? 30
  /// Longest time before a kill, in milliseconds: for each second one after carol's message, so that it may fall into
  /// the start, for the others after alice is registered, however long that takes.
  private static let longestLife = 300

  /// Alice answers each message with an echo, so each kill falls into receiving, storing, acknowledging or sending.
  @Test func noMessageIsLostShownTwiceOrUnreadableAndTheConversationGoesOn() async throws {
    let program = try await Program(isRecorded: true)
    let addresses = program.addresses
    let carol = try LinphoneClient(
      user: "carol", domain: addresses.domain, proxy: addresses.sip, factory: addresses.factory,
      keyServer: addresses.keyServer?.absoluteString)
    try await carol.waitUntilReady()
    var alice = try program.start("alice", "listen", "--echo", "--answer-limit", "100000", "--json")
    try await alice.event("registered")
    try carol.process.send("create Crash sip:alice@\(addresses.domain)")
    let room = try #require(try await carol.process.event("joined")["room"])
    try carol.process.send("send \(room) first")
    try await carol.process.event("message", ["text": Self.echo("first")])

    let seed = UInt64.random(in: .min ... .max)
    var random = SeededGenerator(seed: seed)
    var ended: [PeerProcess] = []
    for number in 1...Self.kills {
      try carol.process.send("send \(room) text \(number)")
      if number.isMultiple(of: 2) { try await alice.event("registered", within: 60) }
      try await Task.sleep(for: .milliseconds(Int.random(in: 0...Self.longestLife, using: &random)))
      alice.kill()
      ended.append(alice)
      alice = try program.start("alice", "listen", "--echo", "--answer-limit", "100000", "--json")
    }
    try carol.process.send("send \(room) last")
    // What came in lives that were too short waits for this one.
    let patience = 60 + 2 * Double(Self.kills)
    do { try await carol.process.event("message", within: patience, ["text": Self.echo("last")]) } catch {
      let lines = alice.output.suffix(30).joined(separator: "\n")
      throw TestFailure("seed \(seed): \(error)\nand the last lines of alice:\n\(lines)")
    }
    ended.append(alice)

    let sent = ["first"] + (1...Self.kills).map { "text \($0)" } + ["last"]
    let store = try AccountStore(directory: program.data("alice"), exclusive: false)
    // Carol's name for the room is without its parameters.
    let address = try #require(try await store.rooms().first?.room.address)
    func history() async throws -> [MessageWithDeliveries] { try await store.history(room: address, limit: 10_000) }
    let deadline = ContinuousClock.now + .seconds(patience)
    // Until all has come, and all that alice wrote down as hers has been acknowledged by carol.
    while ContinuousClock.now < deadline {
      let all = try await history()
      if all.count(where: { !$0.message.isOutgoing }) >= sent.count,
        all.allSatisfy({ entry in entry.deliveries.allSatisfy { $0.state >= .delivered } })
      {
        break
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    let all = try await history()
    let comment = Comment(rawValue: "seed \(seed)")
    #expect(all.filter { !$0.message.isOutgoing }.map(\.message.text).sorted() == sent.sorted(), comment)
    #expect(all.allSatisfy { $0.message.isEncrypted && $0.message.state != .undecryptable }, comment)

    // What alice's database says she sent has reached carol, once, and nothing else has.
    let echoes = all.filter(\.message.isOutgoing).map(\.message.text).sorted()
    let arrived = carol.process.output.compactMap { JSONEvent($0) }.filter { $0["event"] == "message" }
      .compactMap { $0["text"] }.sorted()
    #expect(arrived == echoes, comment)
    #expect(Set(echoes).count == echoes.count, comment)
    // liblime opens no second message with one message key, so one used twice would show here.
    #expect(!carol.process.output.contains { JSONEvent($0)?["event"] == "undecryptable" }, comment)
    // Nor did a kill make alice believe that her data was restored, or start with a damaged database.
    #expect(!ended.flatMap(\.output).contains { JSONEvent($0)?["event"] == "security" }, comment)
    alice.stop()

    // Of all that alice sent, across all her lives, no two ciphertexts have the same message key.
    let recorder = try #require(program.recorder)
    var use = MessageKeyUse()
    for connection in recorder.sent { try use.read(connection) }
    #expect(use.usedTwice.isEmpty, comment)
    // Each echo and each notice of delivery was one; what was sent before a kill and again after it counts twice.
    #expect(use.messages >= echoes.count, comment)
    print(
      "\(Self.kills) kills, seed \(seed): \(sent.count) messages came in, each once; \(echoes.count) echoes; "
        + "\(use.messages) encrypted MESSAGEs recorded with \(use.ciphertexts.count) message keys, none used twice")
    recorder.stop()
    carol.process.stop()
    await program.lab.stop()
  }

  private static func echo(_ text: String) -> String { "echo of \"\(text)\", which came encrypted" }
}
