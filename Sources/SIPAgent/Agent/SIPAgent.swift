// SIPAgent.swift: a SIP user agent for chat (RFC 3261, 3428, 3515, 5627, 6665)
import CSofia
import Foundation
import MessageFormats

/// One account on one device. Several agents may live in a process.
///
/// `events` must be consumed: requests of others wait there for their answers; while too many do, nothing more is read
/// from the server. `shutdown()` must be called before the
/// last reference goes.
@SIPActor
public final class SIPAgent {
  /// As it was given.
  public nonisolated let configuration: SIPAgentConfiguration
  /// One consumer; ends after `shutdown()`.
  public nonisolated let events: AsyncStream<SIPEvent>
  /// Seconds that `shutdown()` gives the servers to answer the goodbyes.
  public static let shutdownTimeout = 2.0

  private nonisolated let window = IntakeWindow()
  private nonisolated let eventSink: EventQueue
  private var starting: Task<Parts, any Error>?
  private var isShutDown = false

  /// What exists once the agent has opened its sockets.
  struct Parts: Sendable {
    var stack: SofiaStack
    var registration: RegistrationClient
    var dialogs: DialogTable
    var subscriptions: SubscriptionTable
    var incoming: IncomingRequests
  }

  /// Opens nothing yet.
  /// - Throws: `SIPError.invalidConfiguration`.
  public nonisolated init(configuration: SIPAgentConfiguration) throws {
    try configuration.check()
    self.configuration = configuration
    eventSink = EventQueue(window: window)
    events = eventSink.stream
  }

  // MARK: Registration

  /// Registers this device and keeps it registered: refreshes and recovery from lost connections are automatic and
  /// reported as `SIPEvent.registration`. Calling it again refreshes at once.
  /// - Throws: `SIPError`; then nothing goes on by itself, and it may be called again.
  @discardableResult
  public func register() async throws -> Registration {
    try await parts().registration.register()
  }

  /// The registration in force, nil before the first and after it is lost.
  public var registration: Registration? {
    get async { try? await startedParts()?.registration.current }
  }

  /// Removes the binding; a registrar that does not answer is not waited for beyond Sofia's own timeouts.
  public func unregister() async {
    guard let parts = try? await startedParts() else { return }
    await parts.registration.unregister()
    eventSink.yield(.registration(.unregistered))
  }

  // MARK: Requests outside dialogs

  /// Sends a REFER (RFC 3515). No subscription is made: what comes of it shows in the room's state.
  /// - Parameter referTo: the value of Refer-To, with its header parameters (`<sip:carol@…>;text;admin=true`).
  public func refer(
    to target: SIPURI, referTo: NameAddress, from: SIPURI? = nil, headers: [SIPHeader] = []
  ) async throws -> SIPResponse {
    let tags = requestTags([SIPHeader("Refer-To", referTo.description)] + headers)
      .add(SOFIA_TAG_METHOD, "REFER")
    let contact = try await contactField(parameters: [])
    return try await request(.other("REFER"), target: target, from: from, contact: contact, tags: tags)
  }

  /// Sends an OPTIONS (RFC 3261 §11).
  public func options(_ target: SIPURI, headers: [SIPHeader] = []) async throws -> SIPResponse {
    let tags = requestTags(headers).add(SOFIA_TAG_METHOD, "OPTIONS")
    return try await request(.other("OPTIONS"), target: target, from: nil, contact: nil, tags: tags)
  }

  /// Answers an incoming request. Nothing happens if it was answered before or its sender has given up.
  public func respond(to request: IncomingRequestID, status: Int) {
    startedNow?.incoming.respond(to: request, status: status)
  }

  // MARK: Dialogs

  /// Sends an INVITE without SDP and waits for its final response; ACK is sent by the stack.
  /// - Parameters:
  ///   - headers: such as Subject, Require, Content-Disposition, End-To-End-Encrypted.
  ///   - contactParameters: feature parameters of our Contact, before `+org.linphone.specs`.
  /// - Throws: `SIPError.refused` for a final response of 400 and above.
  public func invite(
    _ target: SIPURI, headers: [SIPHeader] = [], contactParameters: [Parameter] = [Parameter("text")],
    contentType: String? = nil, body: Data = Data()
  ) async throws -> InviteResult {
    let contact = try await contactField(parameters: contactParameters)
    let tags = requestTags(headers).add(contentType: contentType, body: body)
    let handle = try await makeHandle(target: target, from: nil, contact: contact)
    return try await parts().dialogs.invite(handle, contact: contact, tags: tags)
  }

  /// Answers 200 without a body, with our GRUU as Contact.
  /// - Throws: `SIPError.noSuchDialog` when the inviter has given up.
  public func accept(_ invite: IncomingInvite, contactParameters: [Parameter] = [Parameter("text")]) async throws {
    let contact = try await contactField(parameters: contactParameters)
    try await parts().dialogs.accept(invite.dialog, contact: contact)
  }

  /// Answers a final response: by default 603 (Decline). Nothing happens when the inviter has given up.
  public func reject(_ invite: IncomingInvite, status: Int = 603) {
    startedNow?.dialogs.reject(invite.dialog, status: status)
  }

  /// Sends a re-INVITE, such as with a new Subject.
  /// - Returns: the final response.
  /// - Throws: `SIPError.noSuchDialog` when the peer has forgotten the dialog.
  public func reinvite(
    _ dialog: DialogID, headers: [SIPHeader] = [], contentType: String? = nil, body: Data = Data()
  ) async throws -> SIPResponse {
    let tags = TagList().add(headers).add(contentType: contentType, body: body)
    return try await parts().dialogs.reinvite(dialog, tags: tags)
  }

  /// Ends the dialog with BYE, which leaves a chat room for good.
  /// - Throws: `SIPError.noSuchDialog` when the peer has forgotten the dialog. A focus still has us in the room then.
  public func bye(_ dialog: DialogID) async throws { try await parts().dialogs.bye(dialog) }

  // MARK: Subscriptions

  /// Subscribes (RFC 6665); refreshed automatically until it ends or `unsubscribe`.
  ///
  /// The first NOTIFY may be reported before this returns: `SubscriptionNotify.resource` tells what it is about.
  /// - Parameters:
  ///   - from: the address in From, nil for the GRUU (or the account's address without one).
  ///   - expires: seconds, nil for the configuration's.
  /// - Throws: `SIPError.refused` when it is refused.
  public func subscribe(
    to resource: SIPURI, event: String = "conference", from: SIPURI? = nil, headers: [SIPHeader] = [],
    accept: String = "application/conference-info+xml", expires: Int? = nil
  ) async throws -> SubscriptionID {
    let contact = try await contactField(parameters: [])
    let parts = try await parts()
    let handle = try await makeHandle(
      target: resource, from: from ?? parts.registration.gruu, contact: contact)
    let tags = subscriptionTags(event: event, headers: headers, accept: accept, expires: expires)
    return try await parts.subscriptions.subscribe(handle, resource: resource, tags: tags)
  }

  /// Sends SUBSCRIBE in the standing subscription, such as to ask for the state since another version. The header
  /// fields are those of the automatic refreshes from then on.
  public func resubscribe(
    _ subscription: SubscriptionID, event: String = "conference", headers: [SIPHeader] = [],
    accept: String = "application/conference-info+xml", expires: Int? = nil
  ) async throws {
    let tags = subscriptionTags(event: event, headers: headers, accept: accept, expires: expires)
    try await parts().subscriptions.resubscribe(subscription, tags: tags)
  }

  /// Ends a subscription; nothing happens if it has ended already.
  public func unsubscribe(_ subscription: SubscriptionID) async {
    await startedNow?.subscriptions.unsubscribe(subscription)
  }

  // MARK: End

  /// Frees everything. Dialogs are dropped without BYE, because BYE would leave the rooms.
  /// - Parameter keepingRegistration: leave registration and subscriptions standing at the server until they expire, as
  ///   a device that is only out of reach does: Flexisip takes a device that unregisters out of its rooms, and stores
  ///   nothing for it. Otherwise both are ended first, waiting `shutdownTimeout` for the answers.
  public func shutdown(keepingRegistration: Bool = false) async {
    guard !isShutDown else { return }
    isShutDown = true
    if let parts = try? await starting?.value {
      parts.incoming.close()
      parts.dialogs.close()
      if keepingRegistration {
        // nua cannot be kept from un-REGISTERing over the connection that it has. Without credentials the registrar
        // only challenges that.
        DigestAccounts.shared.remove(parts.stack.account)
      } else {
        await withTimeout(.seconds(Self.shutdownTimeout)) { @SIPActor in
          async let subscriptions: Void = parts.subscriptions.close()
          await parts.registration.unregister()
          await subscriptions
        }
      }
      parts.subscriptions.abandon()
      parts.registration.abandon()
      await parts.stack.shutdown()
      DigestAccounts.shared.remove(parts.stack.account)
    }
    started = nil
    starting = nil
    eventSink.finish()
  }

  // MARK: Insides

  /// Set when `starting` has succeeded.
  private var started: Parts?

  private var startedNow: Parts? { isShutDown ? nil : started }

  private func startedParts() async throws -> Parts? { isShutDown ? nil : try await starting?.value }

  /// The parts, started by the first caller.
  func parts() async throws -> Parts {
    if isShutDown { throw SIPError.shutDown }
    let task = starting ?? Task { try await start() }
    starting = task
    do {
      let parts = try await task.value
      if isShutDown { throw SIPError.shutDown }
      return parts
    } catch {
      if !isShutDown { starting = nil }
      throw error
    }
  }

  private func start() async throws -> Parts {
    let sink = eventSink
    let incoming = IncomingRequests(user: configuration.address.user, window: window) { sink.yield($0) }
    let dialogs = DialogTable(incoming: incoming) { sink.yield($0) }
    incoming.dialogs = dialogs
    let (stack, endpoint) = try await SofiaStack.start(configuration, window: window) { incoming.receive($0) }
    incoming.stack = stack
    let parts = Parts(
      stack: stack,
      registration: RegistrationClient(configuration, endpoint: endpoint, stack: stack) { sink.yield($0) },
      dialogs: dialogs,
      subscriptions: SubscriptionTable(incoming: incoming) { sink.yield($0) },
      incoming: incoming)
    started = parts
    return parts
  }

  func requestTags(_ headers: [SIPHeader]) -> TagList {
    TagList().add(SOFIA_TAG_SUPPORTED, SofiaStack.supported).add(headers)
  }

  private func subscriptionTags(event: String, headers: [SIPHeader], accept: String, expires: Int?) -> TagList {
    requestTags([SIPHeader("Event", event), SIPHeader("Accept", accept)] + headers)
      .add(SOFIA_TAG_EXPIRES, "\(max(0, expires ?? configuration.expires))")
  }

  /// Our Contact: the GRUU where we have one, else the address of our socket, with feature parameters.
  private func contactField(parameters: [Parameter]) async throws -> String {
    let registration = try await parts().registration
    let uri = registration.gruu ?? registration.contact
    return NameAddress(uri, parameters: parameters).description + RegistrationClient.specsParameter(configuration)
  }

  func makeHandle(target: SIPURI, from: SIPURI?, contact: String?) async throws -> SofiaHandle {
    let tags = TagList()
      .add(SOFIA_TAG_URL, target.description)
      .add(SOFIA_TAG_TO, "<\(target)>")
      .add(SOFIA_TAG_FROM, "<\(from ?? configuration.address)>")
    if let contact { tags.add(SOFIA_TAG_CONTACT, contact) }
    return try await parts().stack.makeHandle(tags)
  }

  private func request(
    _ method: SofiaMethod, target: SIPURI, from: SIPURI?, contact: String?, tags: TagList
  ) async throws -> SIPResponse {
    let handle = try await makeHandle(target: target, from: from, contact: contact)
    // nua keeps the handle of every request until it is told otherwise.
    defer { handle.destroy() }
    return try await handle.perform(method, tags)
  }
}
