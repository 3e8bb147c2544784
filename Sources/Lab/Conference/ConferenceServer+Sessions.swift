// ConferenceServer+Sessions.swift: dialogs with devices: invitations, joining, leaving (RFC 4353 §3, RFC 4579)
import Foundation
import MessageFormats
import SIPAgent

extension ConferenceServer {
  // MARK: Requests in dialogs

  /// False when the dialog is not the focus's.
  func receiveInDialog(_ request: SIPRequest, _ transaction: ServerTransaction) -> Bool {
    guard let id = request.dialogID, let owner = dialogs[id] else { return false }
    guard acceptsSequence(of: request, id, owner) else {
      transaction.respond(500, "CSeq Out Of Order")
      return true
    }
    switch (request.method, owner.kind) {
    case ("INVITE", .session): update(request, transaction, owner)
    case ("BYE", .session): bye(transaction, owner, id)
    case ("SUBSCRIBE", .subscription): refresh(request, transaction, owner, id)
    case ("SUBSCRIBE", .list): refreshList(request, transaction, owner)
    case ("OPTIONS", _): transaction.respond(200, "Ok", headers: [Self.allow])
    default: transaction.respond(405, "Method Not Allowed", headers: [Self.allow])
    }
    return true
  }

  private func acceptsSequence(of request: SIPRequest, _ id: DialogID, _ owner: DialogOwner) -> Bool {
    switch owner.kind {
    case .session: entries[owner.room]?.sessions[owner.device]?.accepts(request) ?? true
    case .subscription: entries[owner.room]?.subscriptions[owner.device]?.watch.dialog.accepts(request) ?? true
    case .list: lists[owner.device]?.dialog.accepts(request) ?? true
    }
  }

  /// A re-INVITE: an admin renames the room with it.
  private func update(_ request: SIPRequest, _ transaction: ServerTransaction, _ owner: DialogOwner) {
    transaction.respond(200, "Ok", headers: sessionHeaders(of: owner.room))
    let user = owner.device.withoutParameters
    if let subject = request[header: "Subject"] { entries[owner.room]?.room.rename(subject, by: user) }
    // One without the headers ends the lifetime for all.
    let unread = unreadLifetime(in: request)
    entries[owner.room]?.room.setLifetime(
      lifetime(in: request) ?? unread.map { _ in 0 }, unread: unread ?? 0, by: user)
    settled(owner.room)
  }

  private func bye(_ transaction: ServerTransaction, _ owner: DialogOwner, _ id: DialogID) {
    transaction.respond(200, "Ok", headers: [Self.userAgent, Self.supported])
    dialogs[id] = nil
    entries[owner.room]?.sessions[owner.device] = nil
    let steps = entries[owner.room]?.room.leave(owner.device) ?? .init()
    log(.focus, "\(owner.room): \(owner.device) leaves")
    perform(steps, room: owner.room)
    endSubscription(of: owner.device, room: owner.room)
    settled(owner.room)
  }

  /// The ACK of a device's INVITE. False when the dialog is not the focus's.
  func acknowledged(_ request: SIPRequest) -> Bool {
    guard let id = request.dialogID, let owner = dialogs[id] else { return false }
    releaseHeldSteps(owner.room)
    return true
  }

  func releaseHeldSteps(_ room: SIPURI) {
    guard let steps = entries[room]?.heldSteps, steps != .init() else { return }
    entries[room]?.heldSteps = .init()
    perform(steps, room: room)
  }

  // MARK: Devices come and go

  /// A device has registered, for the first time or again.
  func deviceIsHere(_ binding: Binding) {
    guard let gruu = binding.gruu else { return }
    for dialog in farewells.removeValue(forKey: gruu) ?? [] { sendBye(dialog, to: gruu, room: dialog.local) }
    let user = gruu.withoutParameters
    for (room, entry) in entries where entry.room.member(user) != nil && entry.heldSteps == .init() {
      if let device = entry.room.device(gruu) {
        if device.state == .invited, entry.sessions[gruu] == nil { invite(gruu, room: room) }
      } else if binding.canJoin(encrypted: entry.room.isEncrypted) {
        let steps = entries[room]?.room.addDevice(gruu) ?? .init()
        log(.focus, "\(room): new device \(gruu)")
        perform(steps, room: room)
        settled(room)
      }
    }
  }

  /// A device has unregistered, or its registration has expired.
  func deviceIsGone(_ binding: Binding) {
    guard let gruu = binding.gruu else { return }
    farewells[gruu] = nil
    if let list = lists[gruu] { forget(list, of: gruu) }
    for (room, entry) in entries where entry.room.device(gruu) != nil {
      if let dialog = entry.sessions[gruu] { dialogs[dialog.id] = nil }
      if let subscription = entry.subscriptions[gruu] { dialogs[subscription.watch.dialog.id] = nil }
      entries[room]?.sessions[gruu] = nil
      entries[room]?.subscriptions[gruu] = nil
      entries[room]?.queued[gruu] = nil
      entries[room]?.room.deviceUnregistered(gruu)
      log(.focus, "\(room): device \(gruu) is no longer registered")
      settled(room)
    }
  }

  // MARK: What a change brings with it

  /// Remembers the dialog of a device's INVITE, in place of an earlier one.
  func open(_ dialog: Dialog, room: SIPURI, device: SIPURI) {
    if let earlier = entries[room]?.sessions[device] { dialogs[earlier.id] = nil }
    entries[room]?.sessions[device] = dialog
    dialogs[dialog.id] = DialogOwner(room: room, device: device, kind: .session)
  }

  func perform(_ steps: ConferenceRoom.Steps, room: SIPURI) {
    for device in steps.bye { dismiss(device, room: room) }
    for device in steps.invite { invite(device, room: room) }
  }

  /// After every change: tells subscribers, sends what waited, and forgets a room that no one is in.
  func settled(_ room: SIPURI) {
    notifySubscribers(of: room)
    dispatchQueued(room)
    guard let entry = entries[room], entry.room.isEmpty, entry.creator == nil else { return }
    for dialog in entry.sessions.values { dialogs[dialog.id] = nil }
    for device in entry.subscriptions.keys { _ = takeSubscription(of: device, room: room) }
    entries[room] = nil
    log(.focus, "\(room): everyone has left, the room is gone")
  }

  // MARK: INVITE and BYE of the focus

  /// Invites a device now, or at its next REGISTER when it is offline.
  private func invite(_ device: SIPURI, room: SIPURI) {
    guard let entry = entries[room], !entry.inviting.contains(device),
      let binding = courier.registrar.binding(gruu: device), binding.connection != nil
    else { return }
    entries[room]?.inviting.insert(device)
    Task { await sendInvite(to: device, binding, room: room) }
  }

  private func sendInvite(to device: SIPURI, _ binding: Binding, room: SIPURI) async {
    guard let request = invitation(for: device, room: room) else { return }
    log(.focus, "\(room): inviting \(device)")
    let run = restarts
    let response = await courier.send(request, to: binding)
    // One that was restarted meanwhile knows nothing of it.
    guard run == restarts else { return }
    entries[room]?.inviting.remove(device)
    guard response.isSuccess, let dialog = Dialog(invitation: request, response: response) else {
      return log(.focus, "\(room): INVITE to \(device): \(response.status) \(response.reason)")
    }
    acknowledge(dialog, to: device)
    guard entries[room]?.room.device(device) != nil else {
      // Removed while its phone rang.
      return sendBye(dialog, to: device, room: room)
    }
    open(dialog, room: room, device: device)
    // Older clients count as present from their first SUBSCRIBE on, so that they know the members before a message
    // comes.
    if binding.joinsAtOnce {
      entries[room]?.room.join(device)
      settled(room)
    }
  }

  private func invitation(for device: SIPURI, room: SIPURI) -> SIPRequest? {
    guard let state = entries[room]?.room else { return nil }
    let others = state.members.map(\.user).filter { $0 != device.withoutParameters }
    var headers = [
      SIPHeader("Record-Route", route(over: .stream(0))),
      SIPHeader("Contact", "<\(contactAddress(of: room))>;isfocus;text;\(Self.specs)"),
      SIPHeader("Subject", state.subject),
      Self.userAgent, Self.allow, Self.supported,
      SIPHeader("Content-Type", "application/resource-lists+xml"),
      SIPHeader("Content-Encoding", "deflate"),
      SIPHeader("Content-Disposition", "recipient-list-history;handling=optional"),
    ]
    if state.isOneToOne { headers.append(SIPHeader("One-To-One-Chat-Room", "true")) }
    if state.isEncrypted { headers.append(SIPHeader("End-To-End-Encrypted", "true")) }
    if let lifetime = state.lifetime {
      headers += [
        SIPHeader("Ephemerable", "true"), SIPHeader("Ephemeral-Life-Time", String(lifetime)),
        SIPHeader("Ephemeral-Not-Read-Life-Time", String(state.unreadLifetime)),
      ]
    }
    return .fromRoom(
      room, to: device, method: "INVITE", headers: headers, body: Deflate.deflate(ResourceList(others).serialized))
  }

  private func acknowledge(_ dialog: Dialog, to device: SIPURI) {
    guard let binding = courier.registrar.binding(gruu: device) else { return }
    var dialog = dialog
    courier.sendACK(dialog.request("ACK", headers: [Self.userAgent]), to: binding)
  }

  /// Ends the dialog with a device that is no longer in the room.
  private func dismiss(_ device: SIPURI, room: SIPURI) {
    entries[room]?.queued[device] = nil
    guard let dialog = entries[room]?.sessions.removeValue(forKey: device) else {
      return endSubscription(of: device, room: room)
    }
    dialogs[dialog.id] = nil
    sendBye(dialog, to: device, room: room)
  }

  private func sendBye(_ dialog: Dialog, to device: SIPURI, room: SIPURI) {
    guard let binding = courier.registrar.binding(gruu: device) else { return }
    guard binding.connection != nil else { return farewells[device, default: []].append(dialog) }
    var dialog = dialog
    let request = dialog.request("BYE", headers: [Self.userAgent])
    // The subscription is taken out now, as the room may be forgotten before the answer is here.
    let subscription = takeSubscription(of: device, room: room)
    Task {
      _ = await courier.send(request, to: binding)
      if let subscription { terminate(subscription, device) }
    }
  }
}

extension Dialog {
  /// The dialog that a 2xx for an INVITE of ours opens.
  init?(invitation: SIPRequest, response: SIPResponse) {
    guard let callID = invitation.callID, let from = invitation.from, let localTag = from.tag,
      let to = response[header: "To"].flatMap(NameAddress.init), let remoteTag = to.tag,
      let sequence = invitation.sequence
    else { return nil }
    self.init(
      callID: callID, localTag: localTag, remoteTag: remoteTag, local: from.uri, remote: to.uri,
      localSequence: sequence)
  }
}

extension Binding {
  /// From groupchat 1.2 on a device is present as soon as it has accepted the INVITE.
  fileprivate var joinsAtOnce: Bool {
    let version = (specs["groupchat"] ?? "1.0").split(separator: ".").map { Int($0) ?? 0 }
    return !version.lexicographicallyPrecedes([1, 2])
  }
}
