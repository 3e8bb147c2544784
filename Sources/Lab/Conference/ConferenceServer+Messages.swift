// ConferenceServer+Messages.swift: a room's messages, from one device to all others (RFC 3428)
import Foundation
import MessageFormats
import SIPAgent

extension ConferenceServer {
  /// Header fields that go on with a message.
  private static let passedOn = ["Date", "Expires", "Priority"]

  /// Sends a copy to every other device. The sender's 200 comes at once: who is offline gets it later.
  func dispatch(_ request: SIPRequest, _ transaction: ServerTransaction, room: SIPURI) {
    guard let sender = request.from?.uri, let state = entries[room]?.room else {
      return transaction.respond(400, "Bad Request")
    }
    // A From without `gr` names a member but no device: then all devices get the message.
    let isMember = sender.gruu == nil ? state.member(sender) != nil : state.device(sender) != nil
    guard isMember else {
      log(.focus, "\(room): MESSAGE of \(sender), which is not in the room")
      return transaction.respond(403, "Forbidden", headers: [Self.userAgent])
    }
    guard let body = inflatedBody(of: request), let contentType = request[header: "Content-Type"] else {
      return transaction.respond(415, "Unsupported Media Type", headers: [SIPHeader("Accept-Encoding", "deflate")])
    }
    transaction.respond(200, "Ok")
    let passedOn = Self.passedOn.compactMap { name in request[header: name].map { SIPHeader(name, $0) } }
    let headers =
      passedOn + [Self.userAgent, Self.supported, SIPHeader("Content-Type", contentType)]
      + [SIPHeader("Session-mode", "true")]
    let recipients = state.recipients(ofMessageFrom: sender)
    log(.focus, "\(room): message of \(sender) for \(recipients.count) device(s), \(body.count) bytes")
    for device in recipients {
      let copy = SIPRequest.fromRoom(room, to: device.gruu, method: "MESSAGE", headers: headers, body: body)
      if device.state == .present {
        deliver(copy, to: device.gruu)
      } else {
        var queue = entries[room]?.queued[device.gruu] ?? []
        if queue.count >= Self.maximumQueued { queue.removeFirst() }
        entries[room]?.queued[device.gruu] = queue + [copy]
      }
    }
  }

  /// Sends what has waited for devices that have joined meanwhile.
  func dispatchQueued(_ room: SIPURI) {
    guard let entry = entries[room] else { return }
    for (device, messages) in entry.queued where entry.room.device(device)?.state == .present {
      entries[room]?.queued[device] = nil
      for message in messages { deliver(message, to: device) }
    }
  }

  private func deliver(_ message: SIPRequest, to device: SIPURI) {
    guard let binding = courier.registrar.binding(gruu: device) else { return }
    courier.deliver(message, to: binding)
  }
}
