// SofiaHandle.swift: one operation handle of nua: sends requests, awaits their answers, answers challenges
import CSofia
import DigestAuth
import Foundation

/// A registration, dialog, subscription or single request. nua keeps a handle until it is destroyed, so everyone who
/// makes one must call `destroy` or `abandon`.
@SIPActor
final class SofiaHandle {
  /// Incoming requests on the handle, and the end of its session.
  var onEvent: ((SofiaEvent) -> Void)?
  /// Final responses that no `perform` awaits: to automatic refreshes.
  var onRefresh: ((SofiaEvent, Result<SIPResponse, any Error>) -> Void)?

  private struct Waiter {
    var kind: sofia_event_kind
    var method: String
    var finish: (Result<SIPResponse, any Error>) -> Void
  }

  /// Of the account.
  let credentials: KnownCredentials

  /// Only until the handle has ended, and on events, which the stack brings.
  private unowned let stack: SofiaStack
  private var raw: OpaquePointer?
  private var waiters: [Waiter] = []
  /// Realms, by class of challenge, that got the account's credentials already.
  private var authenticated: Set<String> = []
  /// The last challenge that was answered, and whose it was.
  private(set) var answered: (challenge: DigestChallenge, asker: KnownCredentials.Asker)?

  init(_ raw: OpaquePointer, stack: SofiaStack) {
    self.raw = raw
    self.stack = stack
    credentials = stack.credentials
  }

  var isOpen: Bool { raw != nil }

  // MARK: Requests

  /// Sends a request; challenges are answered.
  /// - Returns: the final response, whatever its status.
  /// - Throws: `SIPError` when there was none.
  func perform(_ method: SofiaMethod, _ tags: TagList) async throws -> SIPResponse {
    try await withCheckedThrowingContinuation { continuation in
      start(method, tags) { continuation.resume(with: $0) }
    }
  }

  /// Sends a request now; `finish` gets, once, what `perform` returns or throws.
  func start(_ method: SofiaMethod, _ tags: TagList, finish: @escaping (Result<SIPResponse, any Error>) -> Void) {
    guard let raw else { return finish(.failure(SIPError.noSuchDialog)) }
    waiters.append(Waiter(kind: method.response, method: method.name, finish: finish))
    do {
      try tags.withList { sofia_handle_request(raw, method.request, $0) }
    } catch {
      waiters.removeLast().finish(.failure(error))
    }
  }

  /// Sends a request without awaiting its answer, which goes to `onEvent`.
  func send(_ method: SofiaMethod, _ tags: TagList) throws {
    guard let raw else { throw SIPError.noSuchDialog }
    try tags.withList { sofia_handle_request(raw, method.request, $0) }
  }

  // MARK: Events

  func receive(_ event: SofiaEvent) {
    guard event.kind.isResponse else {
      onEvent?(event)
      return
    }
    if event.kind == SOFIA_RESPONSE_AUTHENTICATE {
      // Reported only when nua found no request to send again: it gave up on the challenge.
      if event.status >= 202 { failAll(SIPError.unsupportedChallenge(event.phrase)) }
      return
    }
    guard event.status >= 200 else { return }
    guard let result = outcome(of: event) else { return }
    if let index = waiters.firstIndex(where: { $0.kind == event.kind }) {
      waiters.remove(at: index).finish(result)
    } else {
      onRefresh?(event, result)
    }
  }

  /// nil when the request goes on with credentials.
  private func outcome(of event: SofiaEvent) -> Result<SIPResponse, any Error>? {
    guard let message = event.message, message.status == event.status else {
      if event.status == 408, event.kind != SOFIA_RESPONSE_REGISTER { stack.onNoAnswer?() }
      let method = waiters.first { $0.kind == event.kind }?.method ?? "a request"
      return .failure(
        event.status == 408
          ? SIPError.timedOut(method: method)
          : stack.unreachable(status: event.status, phrase: event.phrase))
    }
    if message.status == 503, event.kind.isNewRequest { stack.onUnavailable?() }
    guard let asker = KnownCredentials.Asker(status: message.status) else { return .success(message.response) }
    do {
      try authenticate(message, for: asker)
      return nil
    } catch {
      return .failure(error)
    }
  }

  private func authenticate(_ message: SofiaMessage, for asker: KnownCredentials.Asker) throws {
    let values = message.headers.all(named: asker.challengeField)
    guard let challenge = DigestChallenge.preferred(of: values, realm: stack.realm) else {
      let realms = DigestChallenge.list(values).map(\.realm)
      if realms.isEmpty { throw SIPError.unsupportedChallenge(values.first ?? "none") }
      throw SIPError.otherRealm(expected: stack.realm, offered: realms)
    }
    // nua answers what is stale by itself; what reaches this point a second time was refused.
    guard authenticated.insert("\(message.status) \(challenge.realm)").inserted else {
      throw SIPError.wrongCredentials(user: stack.username, realm: challenge.realm)
    }
    answered = (challenge, asker)
    let realm = challenge.realm.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    let tags = TagList().add(SOFIA_TAG_AUTH, "Digest:\"\(realm)\":\(stack.account):-")
    try send(.authenticate, tags)
  }

  // MARK: End

  private func failAll(_ error: any Error) {
    let failed = waiters
    waiters = []
    for waiter in failed { waiter.finish(.failure(error)) }
  }

  /// Frees the handle; nua ends what still stands (BYE, CANCEL, un-SUBSCRIBE).
  func destroy() { end(.noSuchDialog, sofia_handle_destroy) }

  /// Frees the handle and lets the peer believe that the dialog goes on.
  func abandon(_ error: SIPError = .noSuchDialog) { end(error, sofia_handle_abandon) }

  private func end(_ error: SIPError, _ free: (OpaquePointer) -> Void) {
    guard let raw else { return }
    self.raw = nil
    onEvent = nil
    onRefresh = nil
    stack.forget(raw)
    free(raw)
    failAll(error)
  }
}

/// A request that nua sends, and the event that brings its response.
struct SofiaMethod {
  var request: sofia_method
  var response: sofia_event_kind
  var name: String

  static let register = SofiaMethod(request: SOFIA_REGISTER, response: SOFIA_RESPONSE_REGISTER, name: "REGISTER")
  static let unregister = SofiaMethod(
    request: SOFIA_UNREGISTER, response: SOFIA_RESPONSE_UNREGISTER, name: "REGISTER")
  static let invite = SofiaMethod(request: SOFIA_INVITE, response: SOFIA_RESPONSE_INVITE, name: "INVITE")
  static let bye = SofiaMethod(request: SOFIA_BYE, response: SOFIA_RESPONSE_BYE, name: "BYE")
  static let message = SofiaMethod(request: SOFIA_MESSAGE, response: SOFIA_RESPONSE_MESSAGE, name: "MESSAGE")
  static let subscribe = SofiaMethod(
    request: SOFIA_SUBSCRIBE, response: SOFIA_RESPONSE_SUBSCRIBE, name: "SUBSCRIBE")
  static let unsubscribe = SofiaMethod(
    request: SOFIA_UNSUBSCRIBE, response: SOFIA_RESPONSE_UNSUBSCRIBE, name: "SUBSCRIBE")
  static let authenticate = SofiaMethod(
    request: SOFIA_AUTHENTICATE, response: SOFIA_RESPONSE_AUTHENTICATE, name: "authentication")

  /// A method that nua does not know as a usage; named in the tags.
  static func other(_ name: String) -> SofiaMethod {
    SofiaMethod(request: SOFIA_OTHER_METHOD, response: SOFIA_RESPONSE_METHOD, name: name)
  }
}

extension sofia_event_kind {
  fileprivate var isResponse: Bool { rawValue <= SOFIA_RESPONSE_AUTHENTICATE.rawValue }

  /// The response to a request that neither makes nor ends a usage which the links keep, see `StandingUsages`.
  fileprivate var isNewRequest: Bool {
    [SOFIA_RESPONSE_INVITE, SOFIA_RESPONSE_MESSAGE, SOFIA_RESPONSE_SUBSCRIBE, SOFIA_RESPONSE_METHOD].contains(self)
  }

  var isRequest: Bool {
    (SOFIA_INCOMING_INVITE.rawValue...SOFIA_INCOMING_OTHER.rawValue).contains(rawValue)
  }
}
