// ChatAccount.swift: a limeade account in this process, its events collected so that tests can await them.
import ChatCore
import Foundation
import Logging
import MessageFormats
import ServerConnection
import TestSupport

/// A ChatClient with a store of its own.
///
/// `@unchecked Sendable`: `seen`, `settings` and `running` are only touched under `lock`.
final class ChatAccount: @unchecked Sendable {
  /// As of the last restart.
  var configuration: AccountConfiguration { lock.withLock { settings } }
  let folder: TemporaryFolder
  private let stateDirectory: URL?
  private let clock: ChatClock
  private let lock = NSLock()
  private var settings: AccountConfiguration
  private var running: ChatClient
  private var seen: [ChatEvent] = []

  init(
    user: String, domain: String, proxy: SIPURI, factory: SIPURI, keyServer: URL?, fileServer: URL? = nil,
    caFile: String? = nil, folder: TemporaryFolder? = nil, stateDirectory: URL? = nil, clock: ChatClock = ChatClock()
  ) throws {
    self.folder = try folder ?? TemporaryFolder()
    self.stateDirectory = stateDirectory
    self.clock = clock
    settings = AccountConfiguration(
      name: user, address: SIPURI(user: user, host: domain), password: Password(user), outboundProxy: proxy,
      conferenceFactory: factory, keyServer: keyServer, fileServer: fileServer, caFile: caFile)
    running = try Self.makeClient(settings, self.folder, stateDirectory, clock)
    collect()
  }

  var client: ChatClient { lock.withLock { running } }

  private static func makeClient(
    _ configuration: AccountConfiguration, _ folder: TemporaryFolder, _ stateDirectory: URL?, _ clock: ChatClock
  ) throws -> ChatClient {
    ChatClient(
      account: configuration, store: try AccountStore(directory: folder.url, stateDirectory: stateDirectory),
      logger: Logger(label: configuration.name) { _ in SwiftLogNoOpLogHandler() }, clock: clock,
      trace: TemporaryFolder.isKept
        ? try WireTrace(path: folder.file("trace-\(configuration.name).txt").path, continues: true) : nil)
  }

  /// Stops, lets `change` do something to the folder while nobody uses it, and starts again with what was stored, as
  /// after a restart of the program. The events begin anew.
  /// - Parameter configure: changes settings of the account.
  func restart(
    _ change: () async throws -> Void = {}, configure: (inout AccountConfiguration) -> Void = { _ in }
  ) async throws {
    await client.stop()
    lock.withLock { seen = [] }
    try await release()
    try await change()
    lock.withLock { configure(&settings) }
    try use(Self.makeClient(configuration, folder, stateDirectory, clock))
    collect()
    try await client.start()
  }

  /// Lets go of the folder for good: another account may take it.
  func forgetClient() throws { try use(Self.makeClient(configuration, try TemporaryFolder(), nil, clock)) }

  /// The stopped client lets go of the folder: a stand-in with a folder of its own takes its place.
  func release() async throws {
    let other = try TemporaryFolder()
    try use(Self.makeClient(configuration, other, nil, clock))
    try await waitForLock()
  }

  private func use(_ client: ChatClient) { lock.withLock { running = client } }

  /// Until the folder can be opened: tasks of the old client may hold it for a moment.
  private func waitForLock() async throws {
    let deadline = ContinuousClock.now + .seconds(10)
    while true {
      do {
        _ = try AccountStore(directory: folder.url)
        return
      } catch let error as StoreError {
        guard ContinuousClock.now < deadline else { throw error }
        try await Task.sleep(for: .milliseconds(10))
      }
    }
  }

  var address: String { configuration.address.description }

  private func collect() {
    let events = client.events()
    Task { [weak self] in
      for await event in events {
        guard let self else { return }
        lock.withLock { seen.append(event) }
      }
    }
  }

  func start() async throws { try await client.start() }
  func stop() async { await client.stop() }

  var events: [ChatEvent] { lock.withLock { seen } }

  /// The first event, past or coming, for which `pick` gives something.
  @discardableResult
  func event<Value>(
    _ what: String, within seconds: Double = 20, _ pick: (ChatEvent) -> Value?
  ) async throws -> Value {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
      for event in events { if let value = pick(event) { return value } }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw TestFailure(
      "\(address): no \(what) within \(seconds) s; events:\n"
        + events.map(\.jsonLine).joined(separator: "\n"))
  }

  @discardableResult
  func message(_ text: String, within seconds: Double = 20) async throws -> Message {
    try await event("message '\(text)'", within: seconds) { event in
      if case .message(let message) = event, message.text == text { return message }
      return nil
    }
  }

  /// Waits until `member` reported that it has our message.
  func delivery(
    of messageID: String, by member: String, state wanted: Delivery.State = .delivered, within seconds: Double = 20
  ) async throws {
    try await event("delivery of \(messageID) by \(member)", within: seconds) { event in
      if case .delivery(_, messageID, member, let state, _, _) = event, state >= wanted { return true }
      return nil
    }
  }

  /// Waits until the stored room has these members.
  func members(of room: String, are members: [String], within seconds: Double = 20) async throws {
    try await stored(room, "members \(members)", within: seconds) {
      Set($0.participants.map(\.address)) == Set(members) && $0.deviceCount >= members.count
    }
  }

  func roomState(of room: String, is state: Room.State, within seconds: Double = 20) async throws {
    try await stored(room, "state \(state)", within: seconds) { $0.room.state == state }
  }

  func stored(
    _ room: String, _ what: String, within seconds: Double, _ matches: (RoomSummary) -> Bool
  ) async throws {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
      if let summary = try await client.store.room(at: room), matches(summary) { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    let summary = try await client.store.room(at: room)
    throw TestFailure("\(address): not \(what) within \(seconds) s: \(String(describing: summary))")
  }

  @discardableResult
  func room(named name: String, within seconds: Double = 20) async throws -> RoomSummary {
    try await event("room '\(name)'", within: seconds) { event in
      if case .room(let summary, name) = event, summary.room.state == .active { return summary }
      return nil
    }
  }
}

extension AccountStore {
  func room(at address: String) async throws -> RoomSummary? { try await rooms().first { $0.room.address == address } }
}
