// TemporaryDevice.swift: a device made for the check, with keys and data of its own
import ChatCore
import Foundation
import Logging
import ServerConnection

/// An account on a device that exists only during the check. Its folder is removed by `remove()`.
///
/// `@unchecked Sendable`: `events` is only touched under `lock`; `client` only changes in `restart()`, which the check
/// never overlaps with other calls.
final class TemporaryDevice: @unchecked Sendable {
  let account: AccountConfiguration
  private(set) var client: ChatClient
  private let store: AccountStore
  private let folder: URL
  private let logger: Logger
  private let trace: WireTrace?
  private let lock = NSLock()
  private var events: [ChatEvent] = []

  init(_ account: AccountConfiguration, logger: Logger, trace: WireTrace?) throws {
    var account = account
    // If the check is broken off, the server forgets the device soon.
    account.expires = 600
    self.account = account
    self.logger = logger
    self.trace = trace
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-check-\(UUID().uuidString)")
    store = try AccountStore(directory: folder)
    client = ChatClient(account: account, store: store, logger: logger, trace: trace)
    collect()
  }

  var address: String { account.address.description }

  func start() async throws { try await client.start() }

  /// Comes back after `stop()`, as the same device.
  func restart() async throws {
    client = ChatClient(account: account, store: store, logger: logger, trace: trace)
    collect()
    try await client.start()
  }

  /// Goes away without a word, as a device does that loses its network.
  func stop() async { await client.stop() }

  func remove() async {
    await client.stop(unregistering: true)
    try? FileManager.default.removeItem(at: folder)
  }

  func hasPublishedKeys() async -> Bool {
    let report = try? await store.keys(curve: account.curve)
    return report?.isPublished == true
  }

  /// What the account complained about.
  var complaints: [String] {
    lock.withLock { events }.compactMap { event in
      switch event {
      case .error(_, let text), .security(_, _, let text): text
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

  private func collect() {
    let stream = client.events()
    Task { [weak self] in
      for await event in stream {
        guard let self else { return }
        lock.withLock { events.append(event) }
      }
    }
  }
}
