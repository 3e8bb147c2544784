// IncomingRequests.swift: requests of others, kept until the owner of the agent answers them
import CSofia
import Foundation
import MessageFormats

@SIPActor
final class IncomingRequests {
  /// More unanswered requests than this are refused with 503, so that nobody can fill the memory.
  private static let maximumPending = 4096

  /// Set once, right after the stack is made.
  weak var stack: SofiaStack?
  weak var dialogs: DialogTable?

  private struct Pending {
    var request: OpaquePointer
    /// The handle that nua made for this request, nil for one inside a dialog.
    var handle: OpaquePointer?
  }

  private var pending: [IncomingRequestID: Pending] = [:]
  private var lastID: UInt64 = 0
  private var isClosed = false
  private let emit: @Sendable (SIPEvent) -> Void

  init(emit: @escaping @Sendable (SIPEvent) -> Void) { self.emit = emit }

  /// Keeps the request being reported.
  func keep(_ event: SofiaEvent) -> OpaquePointer? {
    guard let handle = event.handle else { return nil }
    return stack?.keepRequest(handle)
  }

  func respond(to id: IncomingRequestID, status: Int) {
    guard let entry = pending.removeValue(forKey: id) else { return }
    sofia_request_respond(entry.request, CInt(min(max(status, 200), 699)), nil)
    // nua keeps a handle for every incoming request until it is told otherwise.
    if let handle = entry.handle { sofia_handle_destroy(handle) }
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
    switch event.kind {
    case SOFIA_INCOMING_MESSAGE where event.status < 200: message(event, ownHandle: isKnown ? nil : event.handle)
    case SOFIA_INCOMING_INVITE where event.status < 200 && !isKnown: invite(event)
    case SOFIA_INCOMING_INVITE, SOFIA_INCOMING_MESSAGE, SOFIA_INCOMING_NOTIFY, SOFIA_INCOMING_OTHER:
      if event.status < 200, let request = keep(event) { sofia_request_respond(request, 501, nil) }
      if !isKnown, let handle = event.handle { sofia_handle_destroy(handle) }
    default: break
    }
  }

  private func message(_ event: SofiaEvent, ownHandle: OpaquePointer?) {
    guard let message = event.message, let request = keep(event) else { return }
    lastID += 1
    let id = IncomingRequestID(value: lastID)
    pending[id] = Pending(request: request, handle: ownHandle)
    do {
      if isClosed { throw Refusal(status: Self.closing) }
      if pending.count > Self.maximumPending { throw Refusal(status: 503) }
      let received = try IncomingMessage(message, id: id)
      // It claims to be in a dialog that there is not (RFC 3261 §12.2.2). Proxies ask nobody for a password there, nor
      // whether its From is true.
      if ownHandle != nil, received.to.tag != nil { throw Refusal(status: 481) }
      emit(.message(received))
    } catch {
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
  fileprivate init(_ message: SofiaMessage, id: IncomingRequestID) throws {
    let headers = message.headers
    let (from, to) = try headers.fromAndTo()
    self.init(
      id: id, from: from, to: to, headers: headers, contentType: headers.first(named: "Content-Type") ?? "",
      contentEncoding: headers.first(named: "Content-Encoding"),
      body: try ContentCoding.decode(message.body, headers: headers))
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
  fileprivate func fromAndTo() throws -> (NameAddress, NameAddress) {
    guard let from = first(named: "From").flatMap({ NameAddress($0) }),
      let to = first(named: "To").flatMap({ NameAddress($0) })
    else { throw IncomingRequests.Refusal(status: 400) }
    return (from, to)
  }
}
