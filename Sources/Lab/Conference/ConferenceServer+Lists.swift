// ConferenceServer+Lists.swift: one SUBSCRIBE to the factory for many rooms, as Linphone follows its rooms (RFC 5367, RFC 4662)
import Foundation
import MessageFormats
import SIPAgent

extension ConferenceServer {
  private static let listType = "application/resource-lists+xml"
  /// In the URI of a room on the list: the version that the device knows.
  private static let knownVersion = "Last-Notify"

  /// Takes a list of rooms, and sends what is new in them in one NOTIFY: an RLMI document that gives each part's room,
  /// and the rooms' documents. Later changes of a room come in NOTIFYs of their own, in the same dialog.
  ///
  /// As Flexisip does, and other than RFC 4662 has it: the body is multipart/mixed without Require: eventlist, and
  /// without anything new there is no NOTIFY. Rooms that the device is not in are passed over.
  func subscribeToList(_ request: SIPRequest, _ transaction: ServerTransaction, user: String) {
    guard isConferenceEvent(request) else {
      return transaction.respond(489, "Bad Event", headers: [SIPHeader("Allow-Events", "conference")])
    }
    guard refuseUnknownExtensions(request, transaction) else { return }
    let seconds = requestedSeconds(request)
    guard let target = request.target, let from = request.from,
      let watch = Watch(
        accepting: request, localTag: transaction.localTag, target: target, seconds: seconds, isList: true)
    else { return transaction.respond(400, "Bad Request") }
    let device = subscriber(request, from)
    guard device.withoutParameters == address(of: user) else {
      return transaction.respond(403, "Forbidden", headers: [Self.userAgent])
    }
    guard request[header: "Content-Type"]?.lowercased().hasPrefix(Self.listType) == true,
      let body = inflatedBody(of: request), let list = try? ResourceList(parsing: body)
    else {
      log(.focus, "factory: SUBSCRIBE of \(device) without a list of rooms")
      return transaction.respond(603, "Decline", headers: [Self.userAgent])
    }
    if let earlier = lists[device] { forget(earlier, of: device) }
    lists[device] = watch
    dialogs[watch.dialog.id] = DialogOwner(room: target, device: device, kind: .list)
    acceptSubscription(transaction, seconds: seconds)
    follow(list.entries, device, watch)
    if seconds == 0 { end(watch, of: device) }
  }

  private func follow(_ wanted: [SIPURI], _ device: SIPURI, _ watch: Watch) {
    var seen: Set<SIPURI> = []
    var resources: [(room: SIPURI, part: String)] = []
    var parts: [MIMEPart] = []
    var followed: [SIPURI] = []
    for uri in wanted {
      let room = uri.without(parameter: Self.knownVersion)
      guard seen.insert(room).inserted, let before = entries[room]?.room.device(device) else { continue }
      var known = uri[parameter: Self.knownVersion].flatMap { UInt32($0) } ?? 0
      // One that has not joined yet gets everything.
      if before.state == .invited { known = 0 }
      watchRoom(room, device, watch)
      releaseHeldSteps(room)
      entries[room]?.room.join(device)
      followed.append(room)
      guard let state = entries[room]?.room else { continue }
      entries[room]?.subscriptions[device]?.notified = state.version
      guard let (contentType, body) = news(of: state, since: known) else { continue }
      let part = Token.make()
      resources.append((room, part))
      parts.append(
        MIMEPart(headers: [.init("Content-Type", contentType), .init("Content-Id", part)], body: body))
    }
    log(.focus, "factory: \(device) subscribes to \(followed.count) room(s), \(parts.count) with news")
    if !parts.isEmpty {
      let index = MIMEPart(headers: [.init("Content-Type", "application/rlmi+xml")], body: Self.index(of: resources))
      let (contentType, body) = MultipartBody([index] + parts).mixed
      notify(device, watch, contentType: contentType, deflated: Deflate.deflate(body))
    }
    for room in followed { settled(room) }
  }

  /// RLMI (RFC 4662 §5), where liblinphone looks for a part's Content-Id in `id`.
  private static func index(of resources: [(room: SIPURI, part: String)]) -> Data {
    var writer = XMLWriter(lineBreak: "\n")
    let attributes = [
      ("xmlns", "urn:ietf:params:xml:ns:rlmi"), ("fullState", "true"), ("uri", ""), ("version", "0"),
    ]
    writer.element("list", attributes) { writer in
      for resource in resources {
        writer.element("resource", [("uri", resource.room.description)]) { writer in
          writer.element("instance", [("id", resource.part), ("state", "active")])
        }
      }
    }
    return writer.data
  }

  func refreshList(_ request: SIPRequest, _ transaction: ServerTransaction, _ owner: DialogOwner) {
    guard isConferenceEvent(request), let watch = lists[owner.device] else {
      return transaction.respond(481, "Subscription Does Not Exist")
    }
    let seconds = acceptRefresh(request, transaction)
    guard seconds > 0 else { return end(watch, of: owner.device) }
    watch.renew(for: seconds)
  }
}

extension MultipartBody {
  /// The body and its Content-Type.
  var mixed: (contentType: String, body: Data) {
    let boundary = Self.boundary(avoidedBy: parts)
    return ("multipart/mixed;boundary=\(boundary)", serialized(boundary: boundary))
  }
}
