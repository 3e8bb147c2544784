// SIPBenchmark.swift: messages between clients through the lab: latency, rate, large rooms, many rooms, memory
import ArgumentParser
import Foundation
import TestSupport

struct SIPBenchmark: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sip",
    abstract: "Encrypted messages through the lab, beside Debian's Linphone client on the same lab.",
    discussion: """
      One figure a line, tab separated: what, limeade's value, unit, Linphone's value, how many times better limeade is.
      """)

  @Option(help: "Where Linphone's half is built (scripts/build-peers).", completion: .directory)
  var peers: String
  @Option(help: "Messages whose latency is measured; 0 leaves out what is between two clients.") var samples = 200
  @Option(help: "Messages of a burst.") var burst = 300
  @Option(help: "Messages after which memory is measured; 0 leaves that out.") var messages = 10_000
  @Option(help: "Devices of the large room; 0 leaves it out.") var devices = 100
  @Option(help: "Rooms that are restored at start; 0 leaves that out.") var rooms = 1000

  func validate() throws {
    guard samples >= 0, burst > 0 else { throw ValidationError("--samples takes 0 or more, --burst 1 or more") }
    guard devices == 0 || devices > 2 else { throw ValidationError("--devices takes 0 or a number from 3 on") }
    guard rooms >= 0, messages >= 0 else { throw ValidationError("--rooms and --messages take no negative number") }
  }

  func run() async throws {
    setenv("LIMEADE_PEERS", peers, 1)
    if samples > 0 { try await pairs() }
    if devices > 0 { try await largeRoom() }
    if rooms > 0 { try await manyRooms() }
  }

  func progress(_ text: String) { FileHandle.standardError.write(Data("\(text)\n".utf8)) }

  // MARK: Two clients

  private func pairs() async throws {
    let server = try await BenchmarkServer(users: ["ours1", "ours2", "theirs1", "theirs2"])
    defer { server.stop() }
    let theirs = try await server.linphonePair("theirs1", "theirs2")
    let ours = try await server.limeadePair("ours1", "ours2")
    progress("\(samples) messages, one after the other")
    var times = (ours: [BenchmarkExchange](), theirs: [BenchmarkExchange]())
    // The first ones make the sessions.
    for pair in [ours, theirs] {
      for number in 0..<3 { _ = try await pair.exchange("first-\(number)-end") }
    }
    for number in 0..<samples {
      times.ours.append(try await ours.exchange("sample-\(number)-end"))
      times.theirs.append(try await theirs.exchange("sample-\(number)-end"))
    }
    for (name, part) in [("median", 0.5), ("99 %", 0.99)] {
      for (goal, value) in [("received", \BenchmarkExchange.received), ("delivered", \BenchmarkExchange.delivered)] {
        Figure.print(
          "send to \(goal), \(name)", Self.quantile(part, times.ours.map { $0[keyPath: value] }), "ms",
          reference: Self.quantile(part, times.theirs.map { $0[keyPath: value] }))
      }
    }
    progress("bursts of \(burst)")
    var bursts = (ours: [BenchmarkExchange](), theirs: [BenchmarkExchange]())
    for number in 0..<3 {
      bursts.ours.append(try await ours.burst(burst, "burst-\(number)"))
      bursts.theirs.append(try await theirs.burst(burst, "burst-\(number)"))
    }
    for (goal, value) in [
      ("sent", \BenchmarkExchange.accepted), ("received", \.received), ("delivered", \.delivered),
    ] {
      let rate = { (times: [BenchmarkExchange]) in
        Double(burst) / Comparison.median(times.map { $0[keyPath: value] }) * 1000
      }
      Figure.print("burst of \(burst), \(goal)", rate(bursts.ours), "/s", reference: rate(bursts.theirs))
    }
    memory(after: "the bursts", ours, theirs)
    theirs.stop()
    if messages > 0 { try await manyMessages(ours) }
    ours.stop()
  }

  private func manyMessages(_ pair: BenchmarkPair) async throws {
    progress("\(messages) messages")
    let block = 1000
    var time = 0.0
    for number in 0..<(messages + block - 1) / block {
      time += try await pair.burst(min(block, messages - number * block), "block-\(number)").delivered
    }
    Figure.print("\(messages) messages, delivered", Double(messages) / time * 1000, "/s")
    memory(after: "\(messages) messages", pair)
  }

  private func memory(after what: String, _ ours: BenchmarkPair, _ theirs: BenchmarkPair? = nil) {
    Figure.print(
      "memory of the sender after \(what)", ours.sender.process.residentMegabytes, "MB",
      reference: theirs?.sender.process.residentMegabytes)
    Figure.print(
      "memory of the receiver after \(what)", ours.receivers[0].residentMegabytes, "MB",
      reference: theirs?.receivers[0].residentMegabytes)
  }

  // MARK: Many rooms

  private func manyRooms() async throws {
    progress("making \(rooms) rooms")
    let server = try await BenchmarkServer(users: ["owner", "guest"], verbose: true)
    defer { server.stop() }
    // The rooms' other member, so that it has as many.
    let guest = try await server.linphone("guest")
    try await server.makeRooms(rooms, "owner", with: "guest") { count in
      if count.isMultiple(of: 100) { progress("\(count) rooms are made") }
    }
    progress("\(rooms) rooms are restored")
    let list = try await elapsed {
      let lines = try await server.run("owner", "room", "list", "--json")
      guard lines.count == rooms else { throw TestFailure("\(lines.count) rooms were listed in place of \(rooms)") }
    }
    Figure.print("list of \(rooms) rooms", list, "ms")
    let sending = try await elapsed { try await server.run("owner", "send", "Room \(rooms - 1)", "hello") }
    let theirs = try await restart(guest)
    Figure.print("start with \(rooms) rooms, first message sent", sending, "ms", reference: theirs.sent)
    let before = server.subscriptions(of: "owner")
    let start = ContinuousClock.now
    let owner = try server.limeade("owner", ["listen", "--json"])
    defer { owner.stop() }
    try await owner.event("registered", within: 120)
    Figure.print(
      "start with \(rooms) rooms, registered", ContinuousClock.now.milliseconds(since: start), "ms",
      reference: theirs.registered)
    try await Self.wait("limeade follows all rooms again", within: 300) {
      server.subscriptions(of: "owner") >= before + rooms
    }
    // Linphone asks the factory for all rooms at once (RFC 5367); that is not timed.
    Figure.print("start with \(rooms) rooms, all followed", ContinuousClock.now.milliseconds(since: start), "ms")
    Figure.print("memory with \(rooms) rooms", owner.residentMegabytes, "MB", reference: theirs.memory)
  }

  /// Linphone starts again with its rooms, and writes into one of them.
  private func restart(
    _ client: LinphoneClient
  ) async throws -> (registered: Double, sent: Double, memory: Double) {
    let start = ContinuousClock.now
    let client = try client.restarted()
    defer { client.process.stop() }
    try client.process.send("quick")
    try await client.process.event("registration", within: 300, ["state": LinphoneClient.registrationOk])
    let registered = ContinuousClock.now.milliseconds(since: start)
    // Gives the rooms their names.
    try client.process.send("rooms")
    try await client.process.event("rooms-end", within: 300)
    try client.process.send("send r1 hello")
    try await client.process.event("msg-state", within: 300, ["state": "2", "text": "hello"])
    return (registered, ContinuousClock.now.milliseconds(since: start), client.process.residentMegabytes)
  }

  private static func wait(
    _ what: String, within seconds: Double, until isReached: @escaping @Sendable () -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while !isReached() {
      guard ContinuousClock.now < deadline else { throw TestFailure("not within \(seconds) s: \(what)") }
      try await Task.sleep(for: .milliseconds(5))
    }
  }

  private static func quantile(_ part: Double, _ samples: [Double]) -> Double {
    let sorted = samples.sorted()
    return sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
  }
}
