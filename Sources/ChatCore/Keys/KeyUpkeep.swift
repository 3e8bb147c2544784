// KeyUpkeep.swift: publishing our LIME keys, and the daily look at them (LIME paper, key distribution and management).
import Foundation
import GRDB
import Lime

/// What an update of the published keys did.
public struct KeyUpdate: Sendable, Equatable, Codable {
  /// The server did not know this device, or its keys had to be replaced: it was registered again.
  public var registeredAgain = false
  /// A new signed prekey was published: the old one was older than a week.
  public var renewedSignedPrekey = false
  /// How many were published beside those that the server had left.
  public var oneTimeKeysAdded = 0

  /// Whether there was nothing to do.
  public var isEmpty: Bool { self == KeyUpdate() }
}

/// Keeps what the key server has of this device in order.
@ChatActor final class KeyUpkeep {
  private let context: ChatContext
  private let ownDevice: OwnDevice
  private let keyServer: KeyServerExchange
  private var keyUpdate: Task<KeyUpdate, any Error>?
  private var maintenance: Task<Void, Never>?

  init(_ context: ChatContext, _ ownDevice: OwnDevice, _ keyServer: KeyServerExchange) {
    (self.context, self.ownDevice, self.keyServer) = (context, ownDevice, keyServer)
  }

  /// Publishes identity, signed prekey and one-time prekeys once. A failure is reported and tried again with the next
  /// message that has to be encrypted.
  func publishKeysIfNeeded() async {
    guard keyServer.isThere else { return }
    do { try await publishKeys() } catch { context.complain(of: error) }
  }

  func publishKeys() async throws {
    guard let lime = ownDevice.lime, keyServer.isThere else { throw ChatError.noKeyServer }
    if try await context.store.database.read({ try lime.isRegistered($0) }) { return }
    let request = try await context.store.database.write { try lime.makeRegistration($0) }
    switch try await keyServer.ask(request).content {
    case .acknowledged(.registered): try await context.store.database.write { try lime.registrationAccepted($0) }
    case .error(let code, let text):
      throw ChatError.keyServer(KeyServerExchange.explain(code, text, device: lime.device))
    default: throw ChatError.keyServer("the key server's answer to the registration of keys makes no sense")
    }
  }

  /// Brings the published keys up to date now, whether due or not.
  /// - Throws: `ChatError.keyServer`, `ChatError.noKeyServer`; the next attempt continues where this one ended.
  func updateKeys() async throws -> KeyUpdate {
    // One at a time: two would post each other's one-time keys.
    if let running = keyUpdate { return try await running.value }
    let task = Task { try await self.runKeyUpdate() }
    keyUpdate = task
    defer { keyUpdate = nil }
    return try await task.value
  }

  /// Begins the maintenance, unless it is under way.
  func begin() {
    if maintenance == nil { maintenance = Task { [weak self] in await self?.maintainKeys() } }
  }

  func stop() {
    maintenance?.cancel()
    maintenance = nil
  }

  /// Until the client stops: updates the keys when a day has passed, and clears the search index of removed words. A
  /// failure with the keys is reported once and tried again.
  private func maintainKeys() async {
    var hasFailed = false
    while !Task.isCancelled {
      try? await context.store.purgeSearchIndex()
      if ownDevice.isConnected, keyServer.isThere {
        do {
          try await updateKeysIfDue()
          hasFailed = false
        } catch {
          if !hasFailed { context.complain("this device's keys could not be renewed: ", of: error) }
          hasFailed = true
        }
      }
      try? await Task.sleep(for: context.clock.interval)
    }
  }

  private func updateKeysIfDue() async throws {
    guard let lime = ownDevice.lime, !keyServer.isOnHold else { return }
    if try await context.store.database.read({ try Setting.recovery.read($0) }) != nil {
      return try await replaceKeys()
    }
    let isDue = try await context.store.database.read { db in try !lime.isRegistered(db) || lime.isUpdateDue(db) }
    if isDue { _ = try await updateKeys() }
  }

  private func runKeyUpdate() async throws -> KeyUpdate {
    guard let lime = ownDevice.lime else { throw ChatError.notConnected }
    try await publishKeys()
    let left = try await keyServer.ask(lime.oneTimeKeyIDsRequest())
    let requests = try await explained {
      try await context.store.database.write { try lime.updateRequests($0, after: left) }
    }
    var update = KeyUpdate()
    do {
      for request in requests {
        let answer = try await keyServer.ask(request)
        try await explained {
          try await context.store.database.write { try lime.updateAccepted($0, request: request, answer: answer) }
        }
        switch request.content {
        case .register(_, _, let oneTimeKeys):
          update.registeredAgain = true
          update.oneTimeKeysAdded = oneTimeKeys.count
        case .postSignedPrekey: update.renewedSignedPrekey = true
        case .postOneTimeKeys(let oneTimeKeys): update.oneTimeKeysAdded = oneTimeKeys.count
        default: break
        }
      }
    } catch {
      try await context.store.database.write { try lime.updateFailed($0) }
      throw error
    }
    return update
  }

  // MARK: After a restored backup

  /// Tells that the database is not the newest one, and replaces the published keys: the server may hold one-time
  /// keys whose private halves the database does not have.
  func recoverIfRestored() async {
    if let notice = context.store.recoveryNotice { context.hub.send(.security(room: nil, device: nil, text: notice)) }
    do {
      guard try await context.store.database.read({ try Setting.recovery.read($0) }) != nil else { return }
      try await replaceKeys()
    } catch {
      context.complain("the keys could not be published anew: ", of: error)
    }
  }

  private func replaceKeys() async throws {
    guard let lime = ownDevice.lime, keyServer.isThere else { return }
    if try await context.store.database.read({ try lime.isRegistered($0) }) {
      try await removeKeys()
      // The server does not know the device now, so this registers it with the same identity and new one-time keys.
      _ = try await updateKeys()
    }
    try await context.store.database.write { try Setting.recovery.write($0, nil) }
  }

  /// Takes this device's keys off the key server, if there is one and it has them.
  func removeKeys() async throws {
    guard let lime = ownDevice.lime, keyServer.isThere else { return }
    let answer = try await keyServer.ask(lime.removalRequest())
    switch answer.content {
    case .acknowledged(.deviceDeleted), .error(.deviceNotFound, _): break
    case .error(let code, let text):
      throw ChatError.keyServer(KeyServerExchange.explain(code, text, device: lime.device))
    default: throw ChatError.keyServer("the key server's answer to the removal of keys makes no sense")
    }
  }

  /// Errors of the key server's answers as texts to act on.
  private func explained<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
    do { return try await body() } catch LimeError.keyServer(let code, let text) {
      throw ChatError.keyServer(KeyServerExchange.explain(code, text, device: ownDevice.lime?.device ?? DeviceID("")))
    } catch let error as KeyServerMessageError {
      throw ChatError.keyServer("the key server's answer makes no sense: \(error)")
    }
  }
}
