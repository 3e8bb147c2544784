// LimeAccount+Maintenance.swift: renewing published keys and forgetting old ones (LIME §5: key management)

import Foundation
import GRDB

/// The state of the keys of this device, for its user.
public struct KeyReport: Hashable, Sendable {
  /// Public: what others compare.
  public var identity: IdentityKey
  /// Whether the key server acknowledged the device's keys.
  public var isRegistered: Bool
  /// Seconds since 1970.
  public var signedPrekeyCreatedAt: Int64?
  /// One-time keys that the key server had not handed out at the last update.
  public var oneTimeKeysLeft: Int
  /// First messages accepted with a one-time key, and without one because the server had none left: many of the latter
  /// mean that somebody empties the server.
  public var sessionsWithOneTimeKey: Int
  /// See `sessionsWithOneTimeKey`.
  public var sessionsWithoutOneTimeKey: Int
}

/// Maintenance is a conversation with the key server, once a day:
///
///     if try account.isUpdateDue(db) {
///       // post account.oneTimeKeyIDsRequest(), then with its answer:
///       for request in try account.updateRequests(db, after: answer) {
///         // post request, then with its answer:
///         try account.updateAccepted(db, request: request, answer: answer)
///         // without an answer, or when that throws: try account.updateFailed(db)
///       }
///     }
extension LimeAccount {
  /// Whether a day has passed since the server was last asked.
  public func isUpdateDue(_ db: Database) throws -> Bool {
    guard let last = try keys(db).lastUpdate() else { return true }
    return now().seconds - last >= KeyLifetimes.updateInterval
  }

  /// The request that an update begins with: which of our one-time keys are left.
  public func oneTimeKeyIDsRequest() -> KeyServerRequest {
    KeyServerRequest(curve: curve, content: .getOneTimeKeyIDs)
  }

  /// What to post next, and on the way forgets keys and sessions whose time is over.
  ///
  /// A signed prekey after 7 days; one-time keys when fewer than 100 are left; a registration with the same identity
  /// when the server does not know the device any longer.
  /// - Parameter answer: to `oneTimeKeyIDsRequest()`.
  /// - Throws: `LimeError.keyServer` for other error answers, `KeyServerMessageError`.
  public func updateRequests(_ db: Database, after answer: KeyServerAnswer) throws -> [KeyServerRequest] {
    let left: Set<UInt32>?
    switch answer.content {
    case .oneTimeKeyIDs(let ids):
      guard answer.curve == curve else { throw KeyServerMessageError.otherCurve }
      left = Set(ids)
    case .error(.deviceNotFound, _):
      left = nil
    case .error(let code, let text):
      throw LimeError.keyServer(code, text: text)
    default:
      throw KeyServerMessageError.unexpectedType(answer.type.rawValue)
    }
    return try db.atomically {
      let keys = try keys(db)
      try forgetOldKeys(keys, left: left)
      guard let left else { return [try registrationAgain(keys)] }
      var requests: [KeyServerRequest] = []
      if let signedPrekey = try signedPrekeyToPost(keys) {
        requests.append(KeyServerRequest(curve: curve, content: .postSignedPrekey(signedPrekey.published)))
      }
      if left.count < KeyLifetimes.oneTimeKeys {
        let count = max(KeyLifetimes.oneTimeKeyBatch, KeyLifetimes.oneTimeKeys - left.count)
        requests.append(KeyServerRequest(curve: curve, content: .postOneTimeKeys(try keys.makeOneTimeKeys(count))))
      }
      try keys.setLastUpdate(now().seconds)
      return requests
    }
  }

  /// Call with the server's answer to each request of `updateRequests`.
  /// - Throws: `LimeError.keyServer` when the server refused; the next update then tries again.
  public func updateAccepted(_ db: Database, request: KeyServerRequest, answer: KeyServerAnswer) throws {
    if case .error(let code, let text) = answer.content { throw LimeError.keyServer(code, text: text) }
    guard answer == KeyServerAnswer(acknowledging: request) else {
      throw KeyServerMessageError.unexpectedType(answer.type.rawValue)
    }
    switch request.content {
    case .postSignedPrekey(let signedPrekey): try keys(db).markSignedPrekeyPublished(id: signedPrekey.id)
    case .register: try registrationAccepted(db)
    default: break
    }
  }

  /// Call when a request of `updateRequests` got no answer or was refused: the update is due again.
  public func updateFailed(_ db: Database) throws {
    try keys(db).setLastUpdate(nil)
  }

  /// - Throws: `LimeError.noKeys`.
  public func keyReport(_ db: Database) throws -> KeyReport {
    let keys = try keys(db)
    let sessions = sessionStore(keys)
    return KeyReport(
      identity: keys.identityKey, isRegistered: keys.isPublished,
      signedPrekeyCreatedAt: try keys.currentSignedPrekeyCreatedAt(),
      oneTimeKeysLeft: try keys.undispatchedOneTimeKeys().count,
      sessionsWithOneTimeKey: try sessions.acceptedInits(withOneTimeKey: true),
      sessionsWithoutOneTimeKey: try sessions.acceptedInits(withOneTimeKey: false))
  }

  /// A new signed prekey when the current one is old; the current one again when the server never acknowledged it.
  private func signedPrekeyToPost(_ keys: LocalKeyStore) throws -> LocalSignedPrekey? {
    guard let current = try keys.currentSignedPrekey(),
      now().seconds - current.createdAt < KeyLifetimes.signedPrekey
    else { return try keys.makeSignedPrekey(at: now().seconds) }
    return current.isPublished ? nil : current
  }

  /// The same identity and signed prekey, as peers may hold them, and one-time keys the server has never seen.
  private func registrationAgain(_ keys: LocalKeyStore) throws -> KeyServerRequest {
    try keys.setPublished(false)
    let signedPrekey = try keys.currentSignedPrekey() ?? keys.makeSignedPrekey(at: now().seconds)
    return try registration(keys, signedPrekey, keys.makeOneTimeKeys(KeyLifetimes.oneTimeKeys))
  }

  private func forgetOldKeys(_ keys: LocalKeyStore, left: Set<UInt32>?) throws {
    let time = now().seconds
    let sessions = sessionStore(keys)
    try keys.recordOneTimeKeys(
      left: left ?? [], at: time, forgetBefore: time - KeyLifetimes.dispatchedOneTimeKey)
    try keys.deleteSignedPrekeys(replacedBefore: time - KeyLifetimes.replacedSignedPrekey)
    try sessions.deleteStale(before: time - KeyLifetimes.staleSession)
    try sessions.deleteSkippedKeys(olderThan: KeyLifetimes.skippedKey)
    try sessions.deleteSpentInits()
  }
}
