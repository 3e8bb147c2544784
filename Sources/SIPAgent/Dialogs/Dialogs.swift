// Dialogs.swift: INVITE dialogs without media, as chat rooms use them (RFC 3261 §12 to §15)
import CSofia
import Foundation
import MessageFormats

@SIPActor
final class DialogTable {
  private struct Dialog {
    var handle: SofiaHandle
    var state: State
    var contact: String
    /// Once it is established.
    var callID: String?
    /// Whether the peer has said BYE.
    var isEndedByPeer = false
  }

  private enum State {
    case inviting
    /// The peer has ended it before `invite` could return.
    case endedEarly
    /// Incoming, with the request to answer.
    case invited(OpaquePointer)
    case established
  }

  private var dialogs: [DialogID: Dialog] = [:]
  private var lastID: UInt64 = 0
  private let incoming: IncomingRequests
  private let emit: @Sendable (SIPEvent) -> Void

  init(incoming: IncomingRequests, emit: @escaping @Sendable (SIPEvent) -> Void) {
    self.incoming = incoming
    self.emit = emit
  }

  var count: Int { dialogs.count }

  private func add(_ handle: SofiaHandle, _ state: State, contact: String, callID: String? = nil) -> DialogID {
    lastID += 1
    let id = DialogID(value: lastID)
    dialogs[id] = Dialog(handle: handle, state: state, contact: contact, callID: callID)
    handle.onEvent = { [unowned self] in receive($0, id) }
    return id
  }

  // MARK: Outgoing

  func invite(_ handle: SofiaHandle, contact: String, tags: TagList) async throws -> InviteResult {
    let id = add(handle, .inviting, contact: contact)
    do {
      let response = try await handle.perform(.invite, tags)
      if response.isSuccess { return .established(try established(id, response)) }
      guard (300..<400).contains(response.status),
        let target = response.headers.all(named: "Contact").lazy.compactMap({ NameAddress($0) }).first
      else { throw SIPError.refused(status: response.status, reason: response.reason) }
      end(id)
      return .moved(to: target)
    } catch {
      end(id)
      throw error
    }
  }

  private func established(_ id: DialogID, _ response: SIPResponse) throws -> SIPDialog {
    guard let dialog = dialogs[id] else { throw SIPError.shutDown }
    if case .endedEarly = dialog.state { throw SIPError.noSuchDialog }
    let callID = response[header: "Call-ID"] ?? ""
    dialogs[id]?.state = .established
    dialogs[id]?.callID = callID
    usages?.keep(call: callID)
    return SIPDialog(
      id: id, contact: response[header: "Contact"].flatMap { NameAddress($0) }, callID: callID)
  }

  /// - Throws: `SIPError.noSuchDialog` when the peer knows the dialog no more: it is over then, without an event.
  func reinvite(_ id: DialogID, tags: TagList) async throws -> SIPResponse {
    let response = try await establishedHandle(id).perform(.invite, tags)
    guard !Self.isUnknownDialog(response) else {
      end(id)
      throw SIPError.noSuchDialog
    }
    return response
  }

  /// - Throws: `SIPError.noSuchDialog` when the peer knew the dialog no more.
  func bye(_ id: DialogID) async throws {
    let handle = try establishedHandle(id)
    // From here on the end is the caller's doing, and no event.
    dialogs[id]?.state = .inviting
    release(id)
    defer { end(id) }
    let response = try await handle.perform(.bye, TagList())
    if Self.isUnknownDialog(response) { throw SIPError.noSuchDialog }
    guard response.isSuccess else { throw SIPError.refused(status: response.status, reason: response.reason) }
  }

  /// RFC 3261 §12.2.1.2 and §15.1.1
  private static func isUnknownDialog(_ response: SIPResponse) -> Bool { [408, 481].contains(response.status) }

  private func establishedHandle(_ id: DialogID) throws -> SofiaHandle {
    guard let dialog = dialogs[id], case .established = dialog.state else { throw SIPError.noSuchDialog }
    return dialog.handle
  }

  // MARK: Incoming

  /// A new invitation, whose request `incoming` has kept.
  func invited(_ handle: SofiaHandle, request: OpaquePointer, callID: String?) -> DialogID {
    add(handle, .invited(request), contact: "", callID: callID)
  }

  func accept(_ id: DialogID, contact: String) throws {
    guard let dialog = dialogs[id], case .invited(let request) = dialog.state else { throw SIPError.noSuchDialog }
    try TagList().add(SOFIA_TAG_CONTACT, contact).add(SOFIA_TAG_SUPPORTED, SofiaStack.supported)
      .withList { sofia_request_respond(request, 200, $0) }
    dialogs[id]?.state = .established
    dialogs[id]?.contact = contact
    if let callID = dialog.callID { usages?.keep(call: callID) }
  }

  func reject(_ id: DialogID, status: Int) {
    guard let dialog = dialogs[id], case .invited(let request) = dialog.state else { return }
    sofia_request_respond(request, CInt(min(max(status, 300), 699)), nil)
    dialogs[id]?.state = .established
    end(id)
  }

  private func receive(_ event: SofiaEvent, _ id: DialogID) {
    switch event.kind {
    case SOFIA_SESSION_TERMINATED: terminated(id)
    case SOFIA_INCOMING_INVITE: reinvited(event, id)
    case SOFIA_INCOMING_BYE: dialogs[id]?.isEndedByPeer = true
    default: incoming.receive(event)
    }
  }

  private func terminated(_ id: DialogID) {
    guard let dialog = dialogs[id] else { return }
    switch dialog.state {
    case .inviting: dialogs[id]?.state = .endedEarly
    case .endedEarly: break
    case .invited, .established:
      end(id)
      // What nua gives up because a request or an ACK was lost stands at the peer: the next request finds that out.
      if case .established = dialog.state, !dialog.isEndedByPeer { return }
      emit(.dialogEnded(id))
    }
  }

  private func reinvited(_ event: SofiaEvent, _ id: DialogID) {
    guard let dialog = dialogs[id], event.status < 200, let message = event.message,
      let request = incoming.keep(event)
    else { return }
    switch Result(catching: { try IncomingInvite(message, dialog: id) }) {
    case .success(let invite):
      let tags = TagList().add(SOFIA_TAG_CONTACT, dialog.contact)
      try? tags.withList { sofia_request_respond(request, 200, $0) }
      emit(.reinvitation(invite))
    case .failure(let error):
      sofia_request_respond(request, CInt(IncomingRequests.status(for: error)), nil)
    }
  }

  // MARK: End

  private var usages: StandingUsages? { incoming.stack?.usages }

  private func release(_ id: DialogID) {
    if let callID = dialogs[id]?.callID { usages?.release(call: callID) }
  }

  private func end(_ id: DialogID) {
    release(id)
    guard let dialog = dialogs.removeValue(forKey: id) else { return }
    if case .invited(let request) = dialog.state { sofia_request_discard(request) }
    dialog.handle.destroy()
  }

  /// Drops all dialogs; the peers are not told.
  func close() {
    for (id, dialog) in dialogs {
      if case .invited(let request) = dialog.state { sofia_request_discard(request) }
      dialogs[id] = nil
      dialog.handle.abandon()
    }
  }
}
