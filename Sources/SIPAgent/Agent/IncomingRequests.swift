// IncomingRequests.swift: requests of others, kept until the owner of the agent answers them
import CSofia
import Foundation
import MessageFormats

@SIPActor
final class IncomingRequests {
  /// More unanswered requests than this are refused with 503, so that nobody can fill the memory. The links give Sofia
  /// far fewer; what a compressed body holds is known only here.
  private static let maximumPending = 4096
  /// Bytes of unanswered requests, likewise.
  private static let maximumBytes = 16 << 20

  /// Set once, right after the stack is made.
  weak var stack: SofiaStack?
  weak var dialogs: DialogTable?

  private struct Pending {
    var request: OpaquePointer
    /// The handle that nua made for this request, nil for one inside a dialog.
    var handle: OpaquePointer?
    /// That it keeps.
    var bytes = 0
  }

  /// Of the account, in Request-URIs.
  private let user: String?
  private let window: IntakeWindow
  private var pendingBytes = 0
  /// Whether a request was refused that there may be room for later.
  private var hasRefused = false

  private var pending: [IncomingRequestID: Pending] = [:]
  private var lastID: UInt64 = 0
  private var isClosed = false
  private let emit: @Sendable (SIPEvent) -> Void

  init(user: String?, window: IntakeWindow, emit: @escaping @Sendable (SIPEvent) -> Void) {
    self.user = user
    self.window = window
    self.emit = emit
  }

  /// Keeps the request being reported.
  func keep(_ event: SofiaEvent) -> OpaquePointer? {
    guard let handle = event.handle else { return nil }
    return stack?.keepRequest(handle)
  }

  func respond(to id: IncomingRequestID, status: Int) {
    guard let entry = pending.removeValue(forKey: id) else { return }
    answer(entry.request, status)
    // nua keeps a handle for every incoming request until it is told otherwise.
    if let handle = entry.handle { sofia_handle_destroy(handle) }
    pendingBytes -= entry.bytes
    window.release(entry.bytes)
    guard hasRefused, pending.isEmpty, !isClosed else { return }
    hasRefused = false
    // A server brings what was refused after the next REGISTER.
    stack?.onNoAnswer?()
  }

  private func answer(_ request: OpaquePointer, _ status: Int) {
    let tags = TagList()
    if status == 503 { tags.add([SIPHeader("Retry-After", "\(ServerIntake.retryAfter)")]) }
    do {
      try tags.withList { sofia_request_respond(request, CInt(min(max(status, 200), 699)), $0) }
    } catch {
      sofia_request_respond(request, CInt(status), nil)
    }
  }

  /// 503 for what comes or waits now: the one final answer that makes Flexisip keep a message for the next REGISTER.
  private static let closing = 503

  func close() {
    isClosed = true
    for id in pending.keys { respond(to: id, status: Self.closing) }
  }

  // MARK: Events

  /// An incoming request, on a handle of its own or inside a dialog.
  func receive(_ event: SofiaEvent) {
    let isKnown = event.handle.map { stack?.hasHandle($0) ?? false } ?? true
    // nua says so by itself; what it lets through would be taken for a request of its own.
    if !isKnown, event.status < 200, event.message?.headers.hasToTag == true { return refuse(event, 481) }
    switch event.kind {
    case SOFIA_INCOMING_MESSAGE, SOFIA_INCOMING_INVITE:
      // RFC 3261 §8.2.2.1
      if !isKnown, event.status < 200, !isForUs(event) { return refuse(event, 404) }
    default: break
    }
    switch event.kind {
    case SOFIA_INCOMING_MESSAGE where event.status < 200 && !isKnown: message(event, ownHandle: event.handle)
    case SOFIA_INCOMING_INVITE where event.status < 200 && !isKnown: invite(event)
    case SOFIA_INCOMING_INVITE, SOFIA_INCOMING_MESSAGE, SOFIA_INCOMING_NOTIFY, SOFIA_INCOMING_OTHER:
      if event.status < 200, let request = keep(event) { sofia_request_respond(request, 501, nil) }
      if !isKnown, let handle = event.handle { sofia_handle_destroy(handle) }
    default: break
    }
  }

  private func refuse(_ event: SofiaEvent, _ status: Int) {
    if let request = keep(event) { sofia_request_respond(request, CInt(status), nil) }
    if let handle = event.handle { sofia_handle_destroy(handle) }
  }

  /// Whether the Request-URI names our user: our Contact, our GRUU or our address.
  private func isForUs(_ event: SofiaEvent) -> Bool {
    guard let user, let target = event.message?.requestURI else { return true }
    return SIPURI(target).map { $0.user == nil || $0.user == user } ?? false
  }

  private func message(_ event: SofiaEvent, ownHandle: OpaquePointer?) {
    guard let message = event.message, let request = keep(event) else { return }
    lastID += 1
    let id = IncomingRequestID(value: lastID)
    pending[id] = Pending(request: request, handle: ownHandle)
    do {
      if isClosed { throw Refusal(status: Self.closing) }
      let room = Self.maximumBytes - pendingBytes
      if pending.count > Self.maximumPending || room <= 0 { throw Refusal(status: 503) }
      let copy = try IncomingMessage(message, id: id, limit: room)
      let bytes = copy.body.count + copy.headers.cost
      pending[id]?.bytes = bytes
      pendingBytes += bytes
      window.hold(bytes)
      emit(.message(copy))
    } catch {
      hasRefused = hasRefused || !isClosed && Self.status(for: error) == 503
      respond(to: id, status: Self.status(for: error))
    }
  }

  private func invite(_ event: SofiaEvent) {
    guard let message = event.message, let raw = event.handle, let stack, let dialogs, let request = keep(event) else {
      return
    }
    let handle = stack.adopt(raw)
    let id = dialogs.invited(handle, request: request, callID: message.headers.first(named: "Call-ID"))
    do {
      if isClosed { throw Refusal(status: 503) }
      if dialogs.count > Self.maximumPending { throw Refusal(status: 503) }
      emit(.invitation(try IncomingInvite(message, dialog: id)))
    } catch {
      dialogs.reject(id, status: Self.status(for: error))
    }
  }

  /// Why a request is answered at once.
  struct Refusal: Error {
    var status: Int
  }

  static func status(for error: any Error) -> Int {
    (error as? ContentCoding.Failure)?.status ?? (error as? Refusal)?.status ?? 400
  }
}

// MARK: - Copies

extension IncomingMessage {
  /// - Parameter limit: bytes that the body may have.
  fileprivate init(_ message: SofiaMessage, id: IncomingRequestID, limit: Int) throws {
    let headers = message.headers
    let (from, to) = try headers.fromAndTo()
    self.init(
      id: id, from: from, to: to, headers: headers, contentType: headers.first(named: "Content-Type") ?? "",
      contentEncoding: headers.first(named: "Content-Encoding"),
      body: try ContentCoding.decode(message.body, headers: headers, room: limit))
  }
}

extension IncomingInvite {
  init(_ message: SofiaMessage, dialog: DialogID) throws {
    let headers = message.headers
    let (from, to) = try headers.fromAndTo()
    self.init(
      dialog: dialog, from: from, to: to, contact: headers.first(named: "Contact").flatMap { NameAddress($0) },
      headers: headers, contentType: headers.first(named: "Content-Type") ?? "",
      body: try ContentCoding.decode(message.body, headers: headers))
  }
}

extension [SIPHeader] {
  fileprivate var hasToTag: Bool { tag(of: "To") != nil }

  fileprivate func fromAndTo() throws -> (NameAddress, NameAddress) {
    guard let from = first(named: "From").flatMap({ NameAddress($0) }),
      let to = first(named: "To").flatMap({ NameAddress($0) })
    else { throw IncomingRequests.Refusal(status: 400) }
    return (from, to)
  }
}
