// SofiaStack.swift: one SIP user agent of Sofia (nua) and the handles of its operations
import CSofia
import Foundation

/// What nua reports. Only valid inside the callback.
struct SofiaEvent {
  var kind: sofia_event_kind
  /// Of a response; 0 when there is none.
  var status: Int
  var phrase: String
  var handle: OpaquePointer?
  /// nil for a status that nua made up because no response came.
  var message: SofiaMessage?
  var subscriptionEnded: Bool
  /// Where `message` came from, numeric; empty without one.
  var host: String
  var port: Int

  init(_ event: sofia_event) {
    kind = event.kind
    status = Int(event.status)
    phrase = event.phrase.map { String(cString: $0) } ?? ""
    handle = event.handle
    message = event.message.map { SofiaMessage($0) }
    subscriptionEnded = event.subscription_ended != 0
    host = withUnsafeBytes(of: event.host) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    port = Int(event.port)
  }
}

/// Owns a nua. Ended by `shutdown()`, which must be called: nua calls back until then.
@SIPActor
final class SofiaStack {
  /// Token of the account in `DigestAccounts`.
  let account: String
  let credentials: KnownCredentials
  /// For error texts.
  let username: String
  /// The only realm whose challenges are answered.
  let realm: String
  let server: String

  /// Called when a request other than REGISTER got no answer at all, or the link was lost and nua does not know.
  var onNoAnswer: (() -> Void)?

  /// Called when the server answered a request other than REGISTER with 503: itself, or for somebody behind it.
  var onUnavailable: (() -> Void)?

  /// What nua must not end.
  let usages: StandingUsages

  private let link: any AgentLink
  private var agent: OpaquePointer?
  private var handles: [OpaquePointer: SofiaHandle] = [:]
  private let onIncoming: (SofiaEvent) -> Void
  private var shutdownWaiters: [CheckedContinuation<Void, Never>] = []
  private var isShuttingDown = false

  /// - Parameter onIncoming: events of handles that nua made for an incoming request.
  init(
    tags: TagList, link: any AgentLink, usages: StandingUsages, account: String, username: String, realm: String,
    server: String, onIncoming: @escaping (SofiaEvent) -> Void
  ) throws {
    self.link = link
    self.usages = usages
    self.account = account
    credentials = KnownCredentials(account: account)
    self.username = username
    self.realm = realm
    self.server = server
    self.onIncoming = onIncoming
    // Balanced in `destroy`: nua holds the stack until it is destroyed.
    let context = Unmanaged.passRetained(self)
    agent = try tags.withList { list in
      sofia_agent_create(SofiaLoop.shared.handle, context.toOpaque(), onSofiaEvent, list)
    }
    if agent == nil { context.release() }
    link.whenLost { [weak self] in Task { @SIPActor in self?.onNoAnswer?() } }
  }

  /// Whether requests arrive in the order in which they are sent.
  var keepsOrder: Bool { link.keepsOrder }

  /// How many connections to the server were made so far.
  var connections: Int { link.connections }

  /// Whether nua could bind its address.
  var isRunning: Bool { agent != nil }

  // MARK: Handles

  func makeHandle(_ tags: TagList) throws -> SofiaHandle {
    guard let agent, !isShuttingDown else { throw SIPError.shutDown }
    guard let raw = try tags.withList({ sofia_handle_create(agent, $0) }) else {
      throw SIPError.invalidArgument("the address of the request")
    }
    return adopt(raw)
  }

  /// Takes over a handle that nua made for an incoming request.
  func adopt(_ raw: OpaquePointer) -> SofiaHandle {
    let handle = SofiaHandle(raw, stack: self)
    handles[raw] = handle
    return handle
  }

  func hasHandle(_ raw: OpaquePointer) -> Bool { handles[raw] != nil }

  func forget(_ raw: OpaquePointer) { handles[raw] = nil }

  /// Keeps the request that is being reported for a later answer.
  func keepRequest(_ handle: OpaquePointer) -> OpaquePointer? {
    agent.flatMap { sofia_agent_keep_request($0, handle) }
  }

  // MARK: Events

  fileprivate func receive(_ received: SofiaEvent) {
    var event = received
    let isLocal = event.host == "127.0.0.1"
    if isLocal, link.isMadeUp(port: event.port) { event.message = nil }
    if event.kind.isRequest, !isLocal || !link.isSource(port: event.port) {
      refuse(event)
    } else if event.kind == SOFIA_SHUTDOWN_PROGRESS {
      // nua must not be destroyed inside its own callback.
      if event.status >= 200 { Task { destroy() } }
    } else if let raw = event.handle, let handle = handles[raw] {
      handle.receive(event)
    } else if event.handle != nil {
      onIncoming(event)
    }
  }

  /// Anybody who can reach our port could write in others' names: requests come over the link only.
  private func refuse(_ event: SofiaEvent) {
    guard let raw = event.handle else { return }
    if event.status < 200, let request = keepRequest(raw) { sofia_request_respond(request, 403, nil) }
    if handles[raw] == nil { sofia_handle_destroy(raw) }
  }

  // MARK: Failures

  /// Why a request got no response, in place of the status that Sofia makes up.
  func unreachable(status: Int, phrase: String) -> SIPError {
    guard let failure = link.lastFailure else {
      return .unreachable(server: server, reason: "the connection broke (\(status) \(phrase))")
    }
    return SIPError(failure, server: server)
  }

  /// Whether another server may take what this one refuses.
  var hasAlternatives: Bool { link.hasAlternatives }

  /// Turns to another server, see `AgentLink.leave`.
  func leaveServer(for seconds: Double, since start: ContinuousClock.Instant) async -> Bool {
    await link.leave(for: seconds, since: start)
  }

  /// See `AgentLink`.
  var isBetweenServers: Bool { link.isBetweenServers }

  /// Makes a new connection for the requests to come.
  func resetConnection() { link.reset() }

  // MARK: End

  /// Drops what still stands and returns when nua is gone. Goodbyes must have been said before.
  func shutdown() async {
    guard let agent else { return }
    await withCheckedContinuation { continuation in
      shutdownWaiters.append(continuation)
      guard !isShuttingDown else { return }
      isShuttingDown = true
      // nua would wait up to 30 s for requests that nobody answers.
      for handle in handles.values { handle.abandon(.shutDown) }
      sofia_agent_shutdown(agent)
    }
  }

  private func destroy() {
    guard let agent else { return }
    self.agent = nil
    sofia_agent_destroy(agent)
    link.close()
    for waiter in shutdownWaiters { waiter.resume() }
    shutdownWaiters = []
    Unmanaged.passUnretained(self).release()
  }
}

private let onSofiaEvent: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<sofia_event>?) -> Void = {
  context, event in
  guard let context, let event else { return }
  let stack = Unmanaged<SofiaStack>.fromOpaque(context).takeUnretainedValue()
  // Safe: nua calls on the loop's thread, which is the actor's, and the copy is used before this callback returns.
  nonisolated(unsafe) let copy = SofiaEvent(event.pointee)
  SIPActor.assumeIsolated { stack.receive(copy) }
}
