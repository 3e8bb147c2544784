// CleanupTests.swift: a check leaves nothing behind, whatever fails, whoever interrupts it, and even when it is killed
import ChatCore
import FlexisipCheck
import Foundation
import Lab
import Logging
import MessageFormats
import TestSupport
import Testing

@Suite(.serialized) struct CleanupOfChecks {
  /// What an interrupted check may take.
  private static let limit = Duration.seconds(5)

  private static func account(_ user: String, _ addresses: LabAddresses) -> AccountConfiguration {
    AccountConfiguration(
      name: user, address: SIPURI(user: user, host: addresses.domain), password: Password(user),
      outboundProxy: SIPURI(addresses.sip),
      conferenceFactory: SIPURI(addresses.factory) ?? SIPURI(user: nil, host: addresses.domain),
      keyServer: addresses.keyServer, fileServer: addresses.fileServer)
  }

  private static func check(
    _ addresses: LabAddresses, notes: URL, report: @escaping @Sendable (CheckResult) -> Void
  ) -> LiveCheck {
    var timeouts = LiveCheck.Timeouts()
    timeouts.answer = 4
    timeouts.arrival = 6
    return LiveCheck(
      account: account("alice", addresses), other: account("bob", addresses),
      conferenceServer: "sip:127.0.0.1:1;transport=tcp", timeouts: timeouts, notes: notes,
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }, report: report)
  }

  private static func withLab(
    fault: LabFault? = nil, _ body: (Lab, LabAddresses, URL) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    var configuration = LabConfiguration.example
    configuration.fault = fault
    let lab = Lab(configuration)
    let addresses = try await lab.start()
    do { try await body(lab, addresses, folder.url) } catch {
      await lab.stop()
      throw error
    }
    await lab.stop()
    withExtendedLifetime(folder) {}
  }

  private static func notes(in folder: URL) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
  }

  private static let faults: [LabFault?] = [
    nil, .focusChallenged, .invitationsLost, .oneMissing, .nobodyRegistered, .limeSpecMissing, .messagesLost,
    .offlineMessagesLost, .keyServerLimit, .factoryElsewhere,
  ]

  /// Each on a lab of its own, a few at a time: they wait for answers that do not come.
  @Test func nothingIsLeftBehind() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (number, fault) in Self.faults.enumerated() {
        if number >= 5 { try await group.next() }
        group.addTask {
          try await Self.withLab(fault: fault) { lab, addresses, folder in
            let results = Results()
            _ = await Self.check(addresses, notes: folder) { results.add($0) }.run()
            let left = await lab.contents()
            let name = fault?.rawValue ?? "no fault"
            #expect(left == (0, 0), "\(name): \(results.list.first { $0.step == .cleanup }?.seen ?? "")")
            #expect(Self.notes(in: folder) == [], "\(name)")
          }
        }
      }
      try await group.waitForAll()
    }
  }

  /// After each of these steps; the next one has begun by then.
  @Test(arguments: [
    CheckStep.reachability, .registration, .secondRegistration, .factory, .fileUpload, .devices, .keysFetched,
    .roomInvite, .invitation, .joined, .message, .reply, .encryptedRoom, .encryptedReply,
  ])
  func anInterruptionCleansUp(after step: CheckStep) async throws {
    try await Self.withLab { lab, addresses, folder in
      let results = Results()
      let (reached, sink) = AsyncStream.makeStream(of: Void.self)
      let check = Self.check(addresses, notes: folder) { result in
        results.add(result)
        if result.step == step { sink.finish() }
      }
      let run = Task { await check.run() }
      for await _ in reached {}
      let start = ContinuousClock.now
      await check.interrupt()
      #expect(await run.value == false)
      #expect(start.duration(to: .now) < Self.limit)
      #expect(await lab.contents() == (0, 0), "\(results.list.first { $0.step == .cleanup }?.seen ?? "")")
      #expect(Self.notes(in: folder) == [])
      #expect(Set(results.list.map(\.step)) == Set(CheckStep.allCases), "a result for every step")
    }
  }

  @Test func anInterruptionIsHeardWhileAServerSaysNothing() async throws {
    let silent = try LoopbackSocket.listening()
    let folder = try TemporaryFolder()
    let account = AccountConfiguration(
      name: "alice", address: SIPURI(user: "alice", host: "sip.example.org"), password: Password("alice"),
      outboundProxy: SIPURI("sip:127.0.0.1:\(silent.port);transport=tcp"))
    let (reached, sink) = AsyncStream.makeStream(of: Void.self)
    var timeouts = LiveCheck.Timeouts()
    timeouts.answer = 60
    let check = LiveCheck(
      account: account, timeouts: timeouts, notes: folder.url,
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
    ) { if $0.step == .reachability { sink.finish() } }
    let run = Task { await check.run() }
    for await _ in reached {}
    let start = ContinuousClock.now
    await check.interrupt()
    _ = await run.value
    #expect(start.duration(to: .now) < Self.limit)
    #expect(Self.notes(in: folder.url) == [])
  }

  // MARK: The program

  private static func program(_ configuration: URL, _ home: TemporaryFolder) throws -> PeerProcess {
    try PeerProcess(
      TestPaths.limeade, ["--config", configuration.path, "--account", "alice", "check", "--with", "bob", "--json"],
      environment: ["XDG_STATE_HOME": home.file("state").path, "XDG_DATA_HOME": home.file("data").path])
  }

  private static func configuration(_ addresses: LabAddresses, in home: TemporaryFolder) throws -> URL {
    let accounts = ["alice", "bob"].map { user in
      """
      [account.\(user)]
      address = "sip:\(user)@\(addresses.domain)"
      password = "\(user)"
      outbound-proxy = "\(addresses.sip)"
      conference-factory = "\(addresses.factory)"
      key-server = "\(addresses.keyServer?.absoluteString ?? "")"

      """
    }
    let file = home.file("config.toml")
    try accounts.joined().write(to: file, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    return file
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aSignalCleansUp(signal: Int32) async throws {
    try await Self.withLab { lab, addresses, _ in
      let home = try TemporaryFolder()
      let process = try Self.program(try Self.configuration(addresses, in: home), home)
      try await process.event("step", within: 60, ["step": "message"])
      process.signal(signal)
      try await process.event("step", within: 5, ["step": "cleanup"])
      try await Self.wait { !process.isRunning }
      #expect(await lab.contents() == (0, 0))
      #expect(Self.notes(in: home.file("state/limeade/check")) == [])
    }
  }

  @Test func theNextCheckRemovesWhatOneThatWasKilledHasLeft() async throws {
    try await Self.withLab { lab, addresses, _ in
      let home = try TemporaryFolder()
      let configuration = try Self.configuration(addresses, in: home)
      let killed = try Self.program(configuration, home)
      try await killed.event("step", within: 60, ["step": "message"])
      killed.kill()
      try await Self.wait { !killed.isRunning }
      let left = await lab.contents()
      #expect(left.rooms > 0 && left.devices > 0)
      #expect(Self.notes(in: home.file("state/limeade/check")).count == 1)

      let next = try Self.program(configuration, home)
      let cleanup = try await next.event("step", within: 90, ["step": "cleanup"])
      #expect(cleanup["result"] == "passed" && cleanup["seen"]?.contains("had left is removed") == true, "\(cleanup)")
      try await Self.wait { !next.isRunning }
      #expect(await lab.contents() == (0, 0))
      #expect(Self.notes(in: home.file("state/limeade/check")) == [])
    }
  }

  private static func wait(until isSo: () -> Bool) async throws {
    let end = ContinuousClock.now + limit
    while !isSo(), ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(20)) }
    #expect(isSo())
  }
}
