// RoomWatchTests.swift: check --watch: one room, few requests, and nothing left behind
import ChatCore
import Foundation
import FlexisipCheck
import Lab
import Logging
import MessageFormats
import ServerConnection
import TestSupport
import Testing

@Suite(.serialized) struct RoomWatches {
  private static func account(_ user: String, _ addresses: LabAddresses, withKeys: Bool) throws -> AccountConfiguration
  {
    AccountConfiguration(
      name: user, address: SIPURI(user: user, host: addresses.domain), password: Password(user),
      outboundProxy: SIPURI(addresses.sip), conferenceFactory: SIPURI(addresses.factory),
      keyServer: withKeys ? addresses.keyServer : nil)
  }

  private static func watch(
    _ lab: Lab, trace: WireTrace? = nil, withKeys: Bool = true, setUpPause: Duration = .seconds(300)
  ) async throws -> RoomWatch {
    let addresses = try await lab.start()
    var timeouts = LiveCheck.Timeouts()
    (timeouts.answer, timeouts.arrival) = (2, 4)
    return RoomWatch(
      account: try account("alice", addresses, withKeys: withKeys),
      other: try account("bob", addresses, withKeys: withKeys), timeouts: timeouts, setUpPause: setUpPause,
      trace: trace,
      logger: Logger(label: "watch") { _ in SwiftLogNoOpLogHandler() })
  }

  /// Requests that were sent, by method.
  private static func sent(_ path: String) throws -> [String: Int] {
    let lines = try String(contentsOfFile: path, encoding: .utf8).components(separatedBy: "\n")
    var counts: [String: Int] = [:]
    for (title, first) in zip(lines, lines.dropFirst()) where title.hasPrefix("===== ") && title.contains(" -> ") {
      if !first.hasPrefix("SIP/2.0 ") { counts[String(first.prefix { $0 != " " }), default: 0] += 1 }
    }
    return counts
  }

  @Test(arguments: [true, false])
  func roundsKeepOneRoomAndTheBudget(withKeys: Bool) async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("trace").path
    let lab = Lab(.example)
    let watch = try await Self.watch(lab, trace: try WireTrace(path: path), withKeys: withKeys)
    let first = await watch.round()
    #expect(first.verdict == .good, "\(first.results)")
    let setUp = try Self.sent(path)
    #expect(setUp.values.reduce(0, +) - (setUp["ACK"] ?? 0) <= RoomWatch.requestsToSetUp + RoomWatch.requestsPerRound)
    let rounds = 5
    for _ in 0..<rounds {
      let summary = await watch.round()
      #expect(summary.verdict == .good, "\(summary.results)")
      #expect(summary.results.map(\.step) == first.results.map(\.step), "each round has the same series")
      #expect(summary.results[1].seen.hasPrefix("kept: sip:"))
    }
    let after = try Self.sent(path)
    let grown = after.merging(setUp) { $0 - $1 }.filter { $0.value != 0 }
    #expect(grown["INVITE"] == nil && grown["SUBSCRIBE"] == nil, "\(grown)")
    #expect(grown.values.reduce(0, +) <= rounds * RoomWatch.requestsPerRound, "\(grown)")
    #expect(await watch.end() == [])
    let end = try Self.sent(path)
    #expect((end["BYE"] ?? 0) >= 2, "both have left: \(end)")
    await lab.stop()
  }

  @Test func aServerThatGoesAndComesBackGetsANewRoom() async throws {
    var configuration = LabConfiguration.example
    configuration.port = UInt16(try LoopbackSocket.freePort())
    var lab = Lab(configuration)
    let watch = try await Self.watch(lab, withKeys: false, setUpPause: .seconds(1))
    let first = await watch.round()
    #expect(first.verdict == .good, "\(first.results)")
    await lab.stop()
    for _ in 0..<2 {
      let broken = await watch.round()
      #expect(broken.verdict == .bad && broken.results.map(\.step) == first.results.map(\.step))
      let failed = try #require(broken.results.first { $0.outcome != .passed }, "\(broken.results)")
      #expect(failed.outcome == .failed && !failed.causes.isEmpty)
      #expect(broken.results.filter { $0.outcome != .passed }.dropFirst().allSatisfy { $0.outcome == .notTried })
    }
    // The lab forgets its rooms, so that the kept one gets no text.
    lab = Lab(configuration)
    _ = try await lab.start()
    var verdicts: [CheckSummary.Verdict] = []
    while verdicts.count < 10, verdicts.last != .good { verdicts.append(await watch.round().verdict) }
    #expect(verdicts.last == .good, "\(verdicts)")
    #expect(await watch.end() == [])
    await lab.stop()
    // What cannot be taken away is said.
    let other = Lab(.example)
    let left = try await Self.watch(other)
    #expect(await left.round().verdict == .good)
    await other.stop()
    #expect(await left.end() != [])
  }

  @Test func aSignalEndsItAndTakesEverythingAway() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let trace = lab.folder.file("watch.trace").path
    let metrics = lab.folder.file("limeade.prom")
    let temporary = lab.folder.file("tmp")
    try FileManager.default.createDirectory(at: temporary, withIntermediateDirectories: true)
    for (format, signal) in [("json", SIGTERM), ("prometheus", SIGINT)] {
      let watch = try PeerProcess(
        TestPaths.limeade,
        lab.arguments("alice", ["check", "--with", "bob", "--watch", "16", "--format", format, "--trace", trace])
          + (format == "prometheus" ? ["--output", metrics.path] : []),
        environment: lab.environment.merging(["TMPDIR": temporary.path]) { $1 }, name: "limeade check --watch",
        keepsErrors: true)
      try await watch.line("its budget") { $0.contains("at most 60 requests a minute") }
      if format == "json" {
        try await watch.event("round", ["result": "passed"])
      } else {
        let deadline = ContinuousClock.now + .seconds(20)
        while !FileManager.default.fileExists(atPath: metrics.path), ContinuousClock.now < deadline {
          try await Task.sleep(for: .milliseconds(20))
        }
        let text = try String(contentsOf: metrics, encoding: .utf8)
        #expect(text.contains(#"step="encrypted-message",result="passed"} 1"#))
      }
      watch.signal(signal)
      #expect(try await watch.exitCode() == 0, "\(watch.output)")
      let lines = try String(contentsOfFile: trace, encoding: .utf8).components(separatedBy: "\n")
      #expect(lines.count { $0.hasPrefix("BYE sip:chatroom-") } >= 2)
      #expect(lines.count { $0 == "Expires: 0" || $0.hasSuffix(";expires=0") } >= 2, "both are unregistered")
      #expect(try FileManager.default.contentsOfDirectory(atPath: temporary.path) == [])
    }
  }
}
