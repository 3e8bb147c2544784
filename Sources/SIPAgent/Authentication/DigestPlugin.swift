// DigestPlugin.swift: answers Digest challenges for Sofia (RFC 3261 §22, RFC 8760) with the project's own DigestAuth
import CSofia
import DigestAuth
import Foundation

/// The accounts that may answer challenges, by the token that stands for them in Sofia: names and passwords never go
/// through Sofia's own credential strings, which cannot hold a colon.
///
/// `@unchecked Sendable`: all state is only touched under `lock`.
final class DigestAccounts: @unchecked Sendable {
  static let shared = DigestAccounts()

  struct Account: Sendable {
    var username: String
    var password: @Sendable () -> String
  }

  private let lock = NSLock()
  private var accounts: [String: Account] = [:]
  private var lastToken = 0
  private var isInstalled = false

  /// Registers an account and, the first time, the plugin.
  /// - Returns: the account's token.
  func add(_ account: Account) throws -> String {
    try lock.withLock {
      if !isInstalled {
        var methods = sofia_digest_methods(challenge: onChallenge, authorize: onAuthorize, release: onRelease)
        guard sofia_digest_install(&methods) == 0 else {
          throw SIPError.invalidConfiguration("this build of Sofia-SIP refuses authentication plugins")
        }
        isInstalled = true
      }
      lastToken += 1
      let token = "\(lastToken)"
      accounts[token] = account
      return token
    }
  }

  func remove(_ token: String) { lock.withLock { accounts[token] = nil } }

  func account(_ token: String) -> Account? { lock.withLock { accounts[token] } }
}

/// Digest state of one realm and one handle. Owned by Sofia, used on its thread only.
final class RealmResponder {
  private var challenge: DigestChallenge
  private var responder: DigestResponder?
  /// Requests authorized with the current nonce.
  private var uses = 0

  init(_ challenge: DigestChallenge) { self.challenge = challenge }

  /// Takes a further challenge of the realm.
  /// - Returns: whether the request should be sent again with it. After a wrong password it should not: then the nonce
  ///   is new but nothing says that the old one was stale, and the old one had never been accepted.
  func update(_ new: DigestChallenge) -> Bool {
    // The links leave one challenge of several, see `ChallengeChoice`.
    if new.algorithm == challenge.algorithm, new.nonce == challenge.nonce { return false }
    let wasUntried = uses == 0
    let wasAccepted = uses > 1
    let isOther = new.algorithm != challenge.algorithm
    challenge = new
    responder = nil
    uses = 0
    return isOther || new.stale || wasAccepted || wasUntried
  }

  func authorize(account token: String, method: String, uri: String, body: Data) -> String? {
    // Asked each time: an account that was removed is not spoken for any longer, not even with a known nonce.
    guard let account = DigestAccounts.shared.account(token) else { return nil }
    if responder == nil {
      responder = DigestResponder(
        username: account.username, password: account.password(), challenge: challenge)
    }
    uses += 1
    return responder?.credentials(method: method, uri: uri, body: body).headerValue
  }
}

private let onChallenge:
  @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, UnsafeMutablePointer<CInt>?) ->
    UnsafeMutableRawPointer? = { state, text, isNew in
      guard let text, let challenge = try? DigestChallenge(parsing: String(cString: text)) else { return state }
      if let state {
        let responder = Unmanaged<RealmResponder>.fromOpaque(state).takeUnretainedValue()
        isNew?.pointee = responder.update(challenge) ? 1 : 0
        return state
      }
      isNew?.pointee = 1
      return Unmanaged.passRetained(RealmResponder(challenge)).toOpaque()
    }

private let onAuthorize:
  @convention(c) (
    UnsafeMutableRawPointer?, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafePointer<CChar>?, UnsafeRawPointer?,
    Int
  ) -> UnsafeMutablePointer<CChar>? = { state, account, method, uri, body, length in
    guard let state, let account, let method, let uri else { return nil }
    let responder = Unmanaged<RealmResponder>.fromOpaque(state).takeUnretainedValue()
    let credentials = responder.authorize(
      account: String(cString: account), method: String(cString: method), uri: String(cString: uri),
      body: body.map { Data(bytes: $0, count: length) } ?? Data())
    return credentials.flatMap { strdup($0) }
  }

private let onRelease: @convention(c) (UnsafeMutableRawPointer?) -> Void = { state in
  if let state { Unmanaged<RealmResponder>.fromOpaque(state).release() }
}
