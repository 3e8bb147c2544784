// ConferenceServer+Subscriptions.swift: SUBSCRIBE and NOTIFY of the conference event package (RFC 4575, RFC 6665)
import Foundation
import MessageFormats
import SIPAgent

extension ConferenceServer {
  /// Longer subscriptions are cut to this, in seconds.
  private static let maximumSubscription = 3_600
  /// Content type of one state document.
  private static let documentType = "application/conference-info+xml"

  // MARK: SUBSCRIBE

  func subscribe(_ request: SIPRequest, _ transaction: ServerTransaction, room: SIPURI, user: String) {
    guard isConferenceEvent(request) else {
      return transaction.respond(489, "Bad Event", headers: [SIPHeader("Allow-Events", "conference")])
    }
    let seconds = requestedSeconds(request)
    guard let from = request.from,
      let watch = Watch(
        accepting: request, localTag: transaction.localTag, target: room, seconds: seconds, isList: false)
    else { return transaction.respond(400, "Bad Request") }
    let device = subscriber(request, from)
    guard device.withoutParameters == address(of: user), let state = entries[room]?.room, state.device(device) != nil
    else {
      log(.focus, "\(room): SUBSCRIBE of \(device), which is not in the room")
      return transaction.respond(403, "Forbidden", headers: [Self.userAgent])
    }
    watchRoom(room, device, watch)
    dialogs[watch.dialog.id] = DialogOwner(room: room, device: device, kind: .subscription)
    acceptSubscription(transaction, seconds: seconds)
    releaseHeldSteps(room)
    entries[room]?.room.join(device)
    let known = request[header: "Last-Notify-Version"].flatMap { UInt32($0) } ?? 0
    log(.focus, "\(room): \(device) subscribes from version \(known)")
    bringUpToDate(device, room: room, known: known)
    if seconds == 0 { endSubscription(of: device, room: room) }
    settled(room)
  }

  func refresh(_ request: SIPRequest, _ transaction: ServerTransaction, _ owner: DialogOwner, _ id: DialogID) {
    guard isConferenceEvent(request), let watch = entries[owner.room]?.subscriptions[owner.device]?.watch,
      watch.dialog.id == id
    else { return transaction.respond(481, "Subscription Does Not Exist") }
    let seconds = acceptRefresh(request, transaction)
    guard seconds > 0 else { return endSubscription(of: owner.device, room: owner.room) }
    watch.renew(for: seconds)
    let known = request[header: "Last-Notify-Version"].flatMap { UInt32($0) } ?? 0
    bringUpToDate(owner.device, room: owner.room, known: known)
  }

  /// The device that asks.
  func subscriber(_ request: SIPRequest, _ from: NameAddress) -> SIPURI {
    let contact = request[header: "Contact"].flatMap(NameAddress.init)?.uri
    return from.uri.gruu == nil ? contact ?? from.uri : from.uri
  }

  /// A device's subscription to a room, in place of an earlier one.
  func watchRoom(_ room: SIPURI, _ device: SIPURI, _ watch: Watch) {
    _ = takeSubscription(of: device, room: room)
    entries[room]?.subscriptions[device] = Subscription(watch: watch, notified: 0)
  }

  func acceptSubscription(_ transaction: ServerTransaction, seconds: Int) {
    transaction.respond(
      200, "Ok",
      headers: [SIPHeader("Record-Route", route(over: transaction.connection)), subscriptionContact(transaction)]
        + [SIPHeader("Expires", String(seconds)), Self.userAgent, Self.supported])
  }

  /// - Returns: for how many seconds; 0 for the end.
  func acceptRefresh(_ request: SIPRequest, _ transaction: ServerTransaction) -> Int {
    let seconds = requestedSeconds(request)
    var headers = [Self.userAgent, Self.supported, subscriptionContact(transaction)]
    if seconds > 0 { headers.append(SIPHeader("Expires", String(seconds))) }
    transaction.respond(200, "Ok", headers: headers)
    return seconds
  }

  func isConferenceEvent(_ request: SIPRequest) -> Bool {
    request[header: "Event"]?.split(separator: ";").first?.trimmingCharacters(in: .whitespaces) == "conference"
  }

  func requestedSeconds(_ request: SIPRequest) -> Int {
    min(max(request[header: "Expires"].flatMap { Int($0) } ?? Self.maximumSubscription, 0), Self.maximumSubscription)
  }

  /// Flexisip gives an address of the focus's own here, not the room's: a client has to use the dialog's target.
  private func subscriptionContact(_ transaction: ServerTransaction) -> SIPHeader {
    let uri = NameAddress(route(over: transaction.connection))?.uri.without(parameter: "lr")
    return SIPHeader("Contact", "<\(uri?.description ?? "")>")
  }

  // MARK: NOTIFY

  private func bringUpToDate(_ device: SIPURI, room: SIPURI, known: UInt32) {
    guard let state = entries[room]?.room else { return }
    if let watch = entries[room]?.subscriptions[device]?.watch, let (contentType, body) = news(of: state, since: known)
    {
      notify(device, watch, contentType: contentType, deflated: Deflate.deflate(body))
    }
    entries[room]?.subscriptions[device]?.notified = state.version
  }

  /// What a subscriber needs that knows the room up to a version: what it missed, or the full state; nil for nothing.
  func news(of state: ConferenceRoom, since known: UInt32) -> (contentType: String, body: Data)? {
    let document = ConferenceDocument(room: state)
    guard let missed = state.changes(after: known) else { return (Self.documentType, document.full) }
    guard !missed.isEmpty else { return nil }
    let parts = missed.map { change in
      MIMEPart(headers: [.init("Content-Type", Self.documentType)], body: document.partial(change))
    }
    return MultipartBody(parts).mixed
  }

  /// Sends each subscriber the changes it does not know yet, one NOTIFY a change.
  func notifySubscribers(of room: SIPURI) {
    guard let entry = entries[room] else { return }
    let document = ConferenceDocument(room: entry.room)
    // Written once for all subscribers.
    var changes: [UInt32: Data] = [:]
    lazy var full = Deflate.deflate(document.full)
    for (device, subscription) in entry.subscriptions where subscription.notified < entry.room.version {
      let watch = subscription.watch
      guard watch.expires > Date() else {
        if watch.isList { end(watch, of: device) } else { endSubscription(of: device, room: room) }
        continue
      }
      if let missed = entry.room.changes(after: subscription.notified) {
        for change in missed {
          let body = changes[change.version] ?? Deflate.deflate(document.partial(change))
          changes[change.version] = body
          notify(device, watch, contentType: Self.documentType, deflated: body)
        }
      } else {
        notify(device, watch, contentType: Self.documentType, deflated: full)
      }
      entries[room]?.subscriptions[device]?.notified = entry.room.version
    }
  }

  func notify(_ device: SIPURI, _ watch: Watch, contentType: String, deflated body: Data) {
    guard let binding = courier.registrar.binding(gruu: device) else { return }
    let seconds = max(0, Int(watch.expires.timeIntervalSinceNow.rounded()))
    let headers = [
      SIPHeader("Event", "conference"),
      SIPHeader("Subscription-State", "active;expires=\(seconds)"),
      SIPHeader("Content-Type", contentType),
      SIPHeader("Content-Encoding", "deflate"),
      Self.userAgent,
    ]
    let request = watch.dialog.request("NOTIFY", headers: headers, body: body)
    Task {
      let response = await courier.send(request, to: binding)
      // The subscriber does not know the subscription any more, or is gone: it comes again by itself.
      if response.status == 481 || response.isUnanswered { forget(watch, of: device) }
    }
  }

  // MARK: The end

  /// Nothing is sent through it any more.
  func forget(_ watch: Watch, of device: SIPURI) {
    guard let owner = dialogs.removeValue(forKey: watch.dialog.id) else { return }
    if lists[device] === watch { lists[device] = nil }
    let rooms = watch.isList ? Array(entries.keys) : [owner.room]
    for room in rooms where entries[room]?.subscriptions[device]?.watch === watch {
      entries[room]?.subscriptions[device] = nil
    }
  }

  /// A list stays for the other rooms that are on it.
  func takeSubscription(of device: SIPURI, room: SIPURI) -> Watch? {
    guard let watch = entries[room]?.subscriptions.removeValue(forKey: device)?.watch else { return nil }
    if watch.isList { return nil }
    dialogs[watch.dialog.id] = nil
    return watch
  }

  func endSubscription(of device: SIPURI, room: SIPURI) {
    guard let watch = takeSubscription(of: device, room: room) else { return }
    terminate(watch, device)
  }

  func end(_ watch: Watch, of device: SIPURI) {
    forget(watch, of: device)
    terminate(watch, device)
  }

  /// The last NOTIFY, without a body.
  func terminate(_ watch: Watch, _ device: SIPURI) {
    guard let binding = courier.registrar.binding(gruu: device) else { return }
    let request = watch.dialog.request(
      "NOTIFY",
      headers: [
        SIPHeader("Event", "conference"), SIPHeader("Subscription-State", "terminated"), Self.userAgent,
      ])
    Task { await courier.send(request, to: binding) }
  }
}
