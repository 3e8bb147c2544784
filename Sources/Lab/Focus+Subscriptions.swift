// Focus+Subscriptions.swift: SUBSCRIBE and NOTIFY of the conference event package (RFC 4575, RFC 6665)
import Foundation
import MessageFormats
import SIPAgent

extension Focus {
  /// Longer subscriptions are cut to this, in seconds.
  private static let maximumSubscription = 3_600
  /// Content type of one state document.
  private static let documentType = "application/conference-info+xml"

  // MARK: SUBSCRIBE

  func subscribe(_ request: SIPRequest, _ transaction: ServerTransaction, room: SIPURI, user: String) {
    guard isConferenceEvent(request) else {
      return transaction.respond(489, "Bad Event", headers: [SIPHeader("Allow-Events", "conference")])
    }
    guard let callID = request.callID, let from = request.from, let tag = from.tag else {
      return transaction.respond(400, "Bad Request")
    }
    let contact = request[header: "Contact"].flatMap(NameAddress.init)?.uri
    let device = from.uri.gruu == nil ? contact ?? from.uri : from.uri
    guard device.withoutParameters == address(of: user), let state = entries[room]?.room, state.device(device) != nil
    else {
      log(.focus, "\(room): SUBSCRIBE of \(device), which is not in the room")
      return transaction.respond(403, "Forbidden", headers: [Self.userAgent])
    }
    let seconds = requestedSeconds(request)
    // Flexisip numbers its NOTIFYs from 111 on.
    let dialog = Dialog(
      callID: callID, localTag: transaction.localTag, remoteTag: tag, local: room, remote: from.uri,
      localSequence: 110, remoteSequence: request.sequence)
    open(
      dialog, room: room, device: device, kind: .subscription,
      expires: Date().addingTimeInterval(TimeInterval(seconds)))
    transaction.respond(
      200, "Ok",
      headers: [SIPHeader("Record-Route", route(over: transaction.connection)), subscriptionContact(transaction)]
        + [SIPHeader("Expires", String(seconds)), Self.userAgent, Self.supported])
    releaseHeldSteps(room)
    entries[room]?.room.join(device)
    let known = request[header: "Last-Notify-Version"].flatMap { UInt32($0) } ?? 0
    log(.focus, "\(room): \(device) subscribes from version \(known)")
    bringUpToDate(device, room: room, known: known)
    if seconds == 0 { endSubscription(of: device, room: room) }
    settled(room)
  }

  func refresh(_ request: SIPRequest, _ transaction: ServerTransaction, _ owner: DialogOwner, _ id: DialogID) {
    guard isConferenceEvent(request), entries[owner.room]?.subscriptions[owner.device]?.dialog.id == id else {
      return transaction.respond(481, "Subscription Does Not Exist")
    }
    let seconds = requestedSeconds(request)
    var headers = [Self.userAgent, Self.supported, subscriptionContact(transaction)]
    if seconds > 0 { headers.append(SIPHeader("Expires", String(seconds))) }
    transaction.respond(200, "Ok", headers: headers)
    guard seconds > 0 else { return endSubscription(of: owner.device, room: owner.room) }
    entries[owner.room]?.subscriptions[owner.device]?.expires = Date().addingTimeInterval(TimeInterval(seconds))
    let known = request[header: "Last-Notify-Version"].flatMap { UInt32($0) } ?? 0
    bringUpToDate(owner.device, room: owner.room, known: known)
  }

  private func isConferenceEvent(_ request: SIPRequest) -> Bool {
    request[header: "Event"]?.split(separator: ";").first?.trimmingCharacters(in: .whitespaces) == "conference"
  }

  private func requestedSeconds(_ request: SIPRequest) -> Int {
    min(max(request[header: "Expires"].flatMap { Int($0) } ?? Self.maximumSubscription, 0), Self.maximumSubscription)
  }

  /// Flexisip gives an address of the focus's own here, not the room's: a client has to use the dialog's target.
  private func subscriptionContact(_ transaction: ServerTransaction) -> SIPHeader {
    let uri = NameAddress(route(over: transaction.connection))?.uri.without(parameter: "lr")
    return SIPHeader("Contact", "<\(uri?.description ?? "")>")
  }

  // MARK: NOTIFY

  /// What a subscriber needs that knows the room up to a version: nothing, what it missed, or the full state.
  private func bringUpToDate(_ device: SIPURI, room: SIPURI, known: UInt32) {
    guard let state = entries[room]?.room else { return }
    let document = ConferenceDocument(room: state)
    if let missed = state.changes(after: known) {
      if !missed.isEmpty {
        let parts = missed.map { change in
          MIMEPart(headers: [.init("Content-Type", Self.documentType)], body: document.partial(change))
        }
        let boundary = MultipartBody.boundary(avoidedBy: parts)
        notify(
          device, room: room, contentType: "multipart/mixed;boundary=\(boundary)",
          deflated: Deflate.deflate(MultipartBody(parts).serialized(boundary: boundary)))
      }
    } else {
      notify(device, room: room, contentType: Self.documentType, deflated: Deflate.deflate(document.full))
    }
    entries[room]?.subscriptions[device]?.notified = state.version
  }

  /// Sends each subscriber the changes it does not know yet, one NOTIFY a change.
  func notifySubscribers(of room: SIPURI) {
    guard let entry = entries[room] else { return }
    let document = ConferenceDocument(room: entry.room)
    // Written once for all subscribers.
    var changes: [UInt32: Data] = [:]
    lazy var full = Deflate.deflate(document.full)
    for (device, subscription) in entry.subscriptions where subscription.notified < entry.room.version {
      guard subscription.expires > Date() else {
        endSubscription(of: device, room: room)
        continue
      }
      if let missed = entry.room.changes(after: subscription.notified) {
        for change in missed {
          let body = changes[change.version] ?? Deflate.deflate(document.partial(change))
          changes[change.version] = body
          notify(device, room: room, contentType: Self.documentType, deflated: body)
        }
      } else {
        notify(device, room: room, contentType: Self.documentType, deflated: full)
      }
      entries[room]?.subscriptions[device]?.notified = entry.room.version
    }
  }

  private func notify(_ device: SIPURI, room: SIPURI, contentType: String, deflated body: Data) {
    guard let binding = courier.registrar.binding(gruu: device),
      let expires = entries[room]?.subscriptions[device]?.expires
    else { return }
    let headers = [
      SIPHeader("Event", "conference"),
      SIPHeader("Subscription-State", "active;expires=\(max(0, Int(expires.timeIntervalSinceNow.rounded())))"),
      SIPHeader("Content-Type", contentType),
      SIPHeader("Content-Encoding", "deflate"),
      Self.userAgent,
    ]
    guard
      let request = entries[room]?.subscriptions[device]?.dialog.request(
        "NOTIFY", headers: headers, body: body),
      let id = entries[room]?.subscriptions[device]?.dialog.id
    else { return }
    Task {
      let response = await courier.send(request, to: binding)
      // The subscriber does not know the subscription any more, or is gone: it comes again by itself.
      if response.status == 481 || response.isUnanswered, entries[room]?.subscriptions[device]?.dialog.id == id {
        _ = takeSubscription(of: device, room: room)
      }
    }
  }

  // MARK: The end

  func takeSubscription(of device: SIPURI, room: SIPURI) -> Subscription? {
    guard let subscription = entries[room]?.subscriptions.removeValue(forKey: device) else { return nil }
    dialogs[subscription.dialog.id] = nil
    return subscription
  }

  func endSubscription(of device: SIPURI, room: SIPURI) {
    guard let subscription = takeSubscription(of: device, room: room) else { return }
    terminate(subscription, device)
  }

  /// The last NOTIFY, without a body.
  func terminate(_ subscription: Subscription, _ device: SIPURI) {
    guard let binding = courier.registrar.binding(gruu: device) else { return }
    var dialog = subscription.dialog
    let request = dialog.request(
      "NOTIFY",
      headers: [
        SIPHeader("Event", "conference"), SIPHeader("Subscription-State", "terminated"), Self.userAgent,
      ])
    Task { await courier.send(request, to: binding) }
  }
}
