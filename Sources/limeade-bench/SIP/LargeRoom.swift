// LargeRoom.swift: a room with many devices, most of them in this process, into which both implementations write
import ChatCore
import Foundation
import MessageFormats
import TestSupport

/// A room whose members are `ChatClient`s of this process, as a process for each would mostly measure the machine.
/// Two more members are programs of their own and write: limeade as `owner`, and Linphone as `guest`, which joins
/// later: with the first text that it acknowledges it makes the sessions that its own first message has to make.
final class LargeRoom {
  enum Writer: CaseIterable { case limeade, linphone }

  private static let owner = "owner", guest = "guest", name = "All"
  /// Accounts that start at a time.
  private static let startsAtOnce = 8
  private static let patience = 300.0

  private let server: BenchmarkServer
  private let devices: Int
  private let progress: (String) -> Void
  private let members: [ChatClient]
  private let arrivals: BenchmarkArrivals
  /// Kept while it runs.
  private var linphone: LinphoneClient?
  private var senders: [Writer: BenchmarkSender] = [:]

  static func users(devices: Int) -> [String] { names(devices) + [owner, guest] }

  private static func names(_ devices: Int) -> [String] { (0..<devices - 2).map { "member\($0)" } }

  /// - Parameter server: one with `users(devices:)`.
  init(devices: Int, on server: BenchmarkServer, progress: @escaping (String) -> Void) async throws {
    (self.server, self.devices, self.progress) = (server, devices, progress)
    let arrivals = BenchmarkArrivals()
    self.arrivals = arrivals
    let names = Self.names(devices)
    let members = try names.map { try server.client($0) }
    self.members = members
    for member in members { arrivals.listen(to: member) }
    for start in stride(from: 0, to: members.count, by: Self.startsAtOnce) {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for member in members[start..<min(start + Self.startsAtOnce, members.count)] {
          group.addTask { try await member.start() }
        }
        try await group.waitForAll()
      }
    }
    progress("\(members.count) devices are registered")
    try await server.run(Self.owner, ["room", "create", Self.name] + names.map(BenchmarkServer.address))
    let sender = try server.limeade(Self.owner, ["chat", "--plain", "--json", Self.name])
    try await sender.event("registered", within: Self.patience)
    senders[.limeade] = .limeade(sender)
    progress("the room is made")
    try await waitUntilComplete(devices - 1)
  }

  func bringLinphone() async throws {
    let client = try await server.linphone(Self.guest)
    linphone = client
    try await server.run(Self.owner, "room", "invite", Self.name, BenchmarkServer.address(Self.guest))
    let room = try await client.process.event("joined", within: Self.patience)
    senders[.linphone] = .linphone(client, room: room["room"] ?? "r1")
    try await waitUntilComplete(devices)
  }

  /// Resident memory of this process and of the lab, in megabytes.
  var memory: (members: Double, lab: Double) {
    (ProcessFigures.residentMegabytes(of: getpid()), server.residentMegabytes)
  }

  /// A text to all; returns when everyone has acknowledged it, and no one is busy any more. `received` is by the
  /// devices of this process, which are the same for both writers.
  func exchange(_ text: String, from writer: Writer) async throws -> BenchmarkExchange {
    guard let sender = senders[writer] else { throw TestFailure("\(writer) is not in the room") }
    let start = ContinuousClock.now
    try sender.process.send(sender.command + text)
    async let answers = Self.answers(to: text, at: sender)
    let last = try await arrivals.wait(for: text, count: members.count, within: Self.patience)
    let told = try await answers
    await settle()
    return BenchmarkExchange(
      accepted: told.accepted.milliseconds(since: start), received: last.milliseconds(since: start),
      delivered: told.delivered.milliseconds(since: start))
  }

  private static func answers(
    to text: String, at sender: BenchmarkSender
  ) async throws -> (accepted: ContinuousClock.Instant, delivered: ContinuousClock.Instant) {
    try await sender.process.nextLine(within: patience, "'\(text)' sent") { sender.isAccepted($0) }
    let accepted = ContinuousClock.now
    try await sender.process.nextLine(within: patience, "'\(text)' delivered") { sender.isDelivered($0) }
    return (accepted, ContinuousClock.now)
  }

  func stop() async {
    for sender in senders.values { sender.process.stop() }
    await withTaskGroup(of: Void.self) { group in
      for member in members {
        group.addTask {
          await member.stop()
          try? member.store.close()
        }
      }
    }
  }

  /// Each device tells all others that it is here.
  private func waitUntilComplete(_ devices: Int) async throws {
    let deadline = ContinuousClock.now + .seconds(Self.patience)
    for member in members {
      while try await member.rooms().first?.deviceCount != devices {
        guard ContinuousClock.now < deadline else { throw TestFailure("not all \(devices) devices are in the room") }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
    await settle()
    progress("all \(devices) devices are in the room")
  }

  /// Until lab and members do next to nothing: everyone's notifications to everyone are through.
  private func settle() async {
    let deadline = ContinuousClock.now + .seconds(Self.patience)
    var before = processorSeconds
    while ContinuousClock.now < deadline {
      try? await Task.sleep(for: .milliseconds(500))
      let now = processorSeconds
      if now - before < 0.05 { return }
      before = now
    }
  }

  private var processorSeconds: Double {
    ProcessFigures.processorSeconds(of: getpid()) + server.processorSeconds
      + senders.values.reduce(0) { $0 + $1.process.processorSeconds }
  }
}

/// When which text came to how many of the clients.
///
/// `@unchecked Sendable`: `texts` is only touched under `lock`.
final class BenchmarkArrivals: @unchecked Sendable {
  private let lock = NSLock()
  private var texts: [String: (count: Int, last: ContinuousClock.Instant)] = [:]

  /// Until the client stops.
  func listen(to client: ChatClient) {
    let events = client.events()
    Task {
      for await event in events { if case .message(let message) = event { take(message.text) } }
    }
  }

  private func take(_ text: String) {
    let now = ContinuousClock.now
    lock.withLock { texts[text] = ((texts[text]?.count ?? 0) + 1, now) }
  }

  /// - Returns: when the text had come so often.
  func wait(for text: String, count: Int, within seconds: Double) async throws -> ContinuousClock.Instant {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      let seen = lock.withLock { texts[text] }
      if let seen, seen.count >= count { return seen.last }
      guard ContinuousClock.now < deadline else {
        throw TestFailure("'\(text)' came to \(seen?.count ?? 0) of \(count) devices in \(seconds) s")
      }
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

extension SIPBenchmark {
  func largeRoom() async throws {
    progress("a room with \(devices) devices")
    let server = try await BenchmarkServer(users: LargeRoom.users(devices: devices))
    defer { server.stop() }
    let before = ProcessFigures.residentMegabytes(of: getpid())
    let start = ContinuousClock.now
    let room = try await LargeRoom(devices: devices, on: server, progress: progress)
    Figure.print(
      "room with \(devices) devices, all started and joined", ContinuousClock.now.milliseconds(since: start), "ms")
    var times: [LargeRoom.Writer: [BenchmarkExchange]] = [:]
    func exchange(_ number: Int, _ writer: LargeRoom.Writer) async throws {
      let exchange = try await room.exchange("to-all-\(writer)-\(number)", from: writer)
      times[writer, default: []].append(exchange)
      progress("message \(number) of \(writer): received by all after \(Int(exchange.received)) ms")
    }
    try await exchange(1, .limeade)
    try await room.bringLinphone()
    try await exchange(1, .linphone)
    for number in 2...3 {
      for writer in LargeRoom.Writer.allCases { try await exchange(number, writer) }
    }
    for (name, pick) in [
      ("first message to \(devices) devices", { (times: [Double]) in times[0] }),
      ("later message to \(devices) devices", { Comparison.median(Array($0.dropFirst())) }),
    ] {
      for (goal, value) in [
        ("sent", \BenchmarkExchange.accepted), ("received by all", \.received), ("acknowledged by all", \.delivered),
      ] {
        Figure.print(
          "\(name), \(goal)", pick((times[.limeade] ?? []).map { $0[keyPath: value] }), "ms",
          reference: pick((times[.linphone] ?? []).map { $0[keyPath: value] }))
      }
    }
    let memory = room.memory
    Figure.print("memory of a device in the room", (memory.members - before) / Double(devices - 2), "MB")
    Figure.print("memory of the lab with the room", memory.lab, "MB")
    await room.stop()
  }
}
