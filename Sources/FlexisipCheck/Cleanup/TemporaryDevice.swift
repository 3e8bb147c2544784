// TemporaryDevice.swift: a device made for the check, with keys and data of its own
import ChatCore
import Foundation
import Logging
import ServerConnection

/// An account on a device that exists only during the check.
///
/// `@unchecked Sendable`: `events`, `current`, `isAway` and `isGone` are only touched under `lock`.
final class TemporaryDevice: @unchecked Sendable {
  let account: AccountConfiguration
  let folder: URL
  private let store: AccountStore
  private let logger: Logger
  private let trace: WireTrace?
  private let lock = NSLock()
  private var current: ChatClient
  private var events: [ChatEvent] = []
  private var isAway = false
  private var isGone = false

  /// - Parameter folder: of its keys and data; one that is there already makes it the same device again.
  init(_ account: AccountConfiguration, folder: URL, logger: Logger, trace: WireTrace?) throws {
    var account = account
    // If the check is broken off, the server forgets the device soon.
    account.expires = 600
    self.account = account
    self.folder = folder
    self.logger = logger
    self.trace = trace
    store = try AccountStore(directory: folder)
    current = ChatClient(account: account, store: store, logger: logger, trace: trace)
    collect(current)
  }

  var address: String { account.address.description }

  var client: ChatClient { lock.withLock { current } }

  func start() async throws { try await client.start() }

  /// Comes back after `stop()`, as the same device.
  func restart() async throws {
    let fresh = ChatClient(account: account, store: store, logger: logger, trace: trace)
    let isNew = lock.withLock { () -> Bool in
      if !isGone { (current, isAway) = (fresh, false) }
      return !isGone
    }
    guard isNew else { throw CancellationError() }
    collect(fresh)
    try await fresh.start()
  }

  /// Goes away without a word, as a device does that loses its network.
  func stop() async {
    lock.withLock { isAway = true }
    await client.stop()
  }

  /// Comes back if it has gone away: only then it can leave its rooms.
  func returnIfAway() async throws { if lock.withLock({ isAway }) { try await restart() } }

  /// Unregisters, for good.
  func giveUp() async {
    lock.withLock { isGone = true }
    await client.stop(unregistering: true)
  }

  func hasPublishedKeys() async -> Bool {
    let report = try? await store.keys(curve: account.curve)
    return report?.isPublished == true
  }

  /// What the account complained about.
  var complaints: [String] {
    lock.withLock { events }.compactMap { event in
      switch event {
      case .error(_, let text, _), .security(_, _, let text): text
      default: nil
      }
    }
  }

  /// The first event, past or coming, for which `pick` gives something; nil when there is none within `seconds`.
  func first<Value>(within seconds: Double, _ pick: (ChatEvent) -> Value?) async -> Value? {
    let end = ContinuousClock.now + .seconds(seconds)
    repeat {
      for event in lock.withLock({ events }) { if let value = pick(event) { return value } }
      try? await Task.sleep(for: .milliseconds(20))
    } while ContinuousClock.now < end && !Task.isCancelled
    return nil
  }

  private func collect(_ client: ChatClient) {
    let stream = client.events()
    Task { [weak self] in
      for await event in stream {
        guard let self else { return }
        lock.withLock { events.append(event) }
      }
    }
  }
}
