// ChatClient+KeyUpdate.swift: the daily look at our published keys (LIME paper, key management).
import Foundation
import GRDB
import Lime

/// What an update of the published keys did.
public struct KeyUpdate: Sendable, Equatable, Codable {
  /// The server did not know this device, or its keys had to be replaced: it was registered again.
  public var registeredAgain = false
  public var renewedSignedPrekey = false
  public var oneTimeKeysAdded = 0

  /// Whether there was nothing to do.
  public var isEmpty: Bool { self == KeyUpdate() }
}

extension ChatClient {
  /// Brings the published keys up to date now, whether due or not.
  /// - Throws: `ChatError.keyServer`, `ChatError.noKeyServer`; the next attempt continues where this one ended.
  public func updateKeys() async throws -> KeyUpdate {
    // One at a time: two would post each other's one-time keys.
    if let running = keyUpdate { return try await running.value }
    let task = Task { try await self.runKeyUpdate() }
    keyUpdate = task
    defer { keyUpdate = nil }
    return try await task.value
  }

  /// Until the client stops: updates the keys when a day has passed, and clears the search index of removed words. A
  /// failure with the keys is reported once and tried again.
  func maintainKeys() async {
    var hasFailed = false
    while !Task.isCancelled {
      try? await store.purgeSearchIndex()
      if isConnected, keyServer != nil {
        do {
          try await updateKeysIfDue()
          hasFailed = false
        } catch {
          if !hasFailed {
            hub.send(.error(room: nil, text: "this device's keys could not be renewed: \(describe(error))"))
          }
          hasFailed = true
        }
      }
      try? await Task.sleep(for: clock.interval)
    }
  }

  private func updateKeysIfDue() async throws {
    guard let lime, keyHold.remaining(at: clock.now()) == nil else { return }
    if try await store.database.read({ try Setting.recovery.read($0) }) != nil { return try await replaceKeys() }
    let isDue = try await store.database.read { db in try !lime.isRegistered(db) || lime.isUpdateDue(db) }
    if isDue { _ = try await updateKeys() }
  }

  private func runKeyUpdate() async throws -> KeyUpdate {
    guard let lime else { throw ChatError.notConnected }
    try await publishKeys()
    let left = try await ask(lime.oneTimeKeyIDsRequest())
    let requests = try await explained {
      try await self.store.database.write { try lime.updateRequests($0, after: left) }
    }
    var update = KeyUpdate()
    do {
      for request in requests {
        let answer = try await ask(request)
        try await explained {
          try await self.store.database.write { try lime.updateAccepted($0, request: request, answer: answer) }
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
      try await store.database.write { try lime.updateFailed($0) }
      throw error
    }
    return update
  }

  // MARK: After a restored backup

  /// Tells that the database is not the newest one, and replaces the published keys: the server may hold one-time
  /// keys whose private halves the database does not have.
  func recoverIfRestored() async {
    if let notice = store.recoveryNotice { hub.send(.security(room: nil, device: nil, text: notice)) }
    do {
      guard try await store.database.read({ try Setting.recovery.read($0) }) != nil else { return }
      try await replaceKeys()
    } catch { hub.send(.error(room: nil, text: "the keys could not be published anew: \(describe(error))")) }
  }

  private func replaceKeys() async throws {
    guard let lime, keyServer != nil else { return }
    if try await store.database.read({ try lime.isRegistered($0) }) {
      try await removeKeys()
      // The server does not know the device now, so this registers it with the same identity and new one-time keys.
      _ = try await updateKeys()
    }
    try await store.database.write { try Setting.recovery.write($0, nil) }
  }

  /// Takes this device's keys off the key server, if there is one and it has them.
  func removeKeys() async throws {
    guard let lime, keyServer != nil else { return }
    let answer = try await ask(lime.removalRequest())
    switch answer.content {
    case .acknowledged(.deviceDeleted), .error(.deviceNotFound, _): break
    case .error(let code, let text): throw ChatError.keyServer(Self.explain(code, text, device: lime.device))
    default: throw ChatError.keyServer("the key server's answer to the removal of keys makes no sense")
    }
  }

  /// Errors of the key server's answers as texts to act on.
  private func explained<Value: Sendable>(_ body: @Sendable () async throws -> Value) async throws -> Value {
    do { return try await body() } catch LimeError.keyServer(let code, let text) {
      throw ChatError.keyServer(Self.explain(code, text, device: lime?.device ?? DeviceID("")))
    } catch let error as KeyServerMessageError {
      throw ChatError.keyServer("the key server's answer makes no sense: \(error)")
    }
  }
}
