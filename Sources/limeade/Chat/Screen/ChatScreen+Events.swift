// ChatScreen+Events.swift: what happens in the account, as the screen shows and announces it.
import AccountService
import ChatCore
import Foundation
import TerminalUI

extension ChatScreen {
  func show(_ event: ChatEvent) async {
    switch event {
    case .connection(let connection): await show(connection)
    case .room(let summary, _):
      if summary.room.state == .left, summary.room.address != interface.screen.openRoom,
        summaries.contains(where: { $0.room.address == summary.room.address })
      {
        note("\(names.room(summary)): \(ends[summary.room.address] ?? "you are no longer a member")")
      }
      update(summary)
      if summary.room.address == interface.screen.openRoom { await refreshOpenRoom() }
      if interface.screen.openRoom == nil, wanted == nil { await openWanted() }
    case .roomEvent(let event): await show(event)
    case .invitation(let invitation): show(invitation)
    // Told as what happened in the room.
    case .participant, .lifetime: break
    case .device(let room, let participant, let device, let change):
      guard summaries.contains(where: { $0.room.address == room && $0.room.state == .active }), change != .changed
      else { return }
      note(
        "\(names.short(participant)) has \(change == .added ? "a new" : "no longer the") device …\(device.suffix(8))",
        room: room)
    case .message(let message):
      stopTyping(message.room, message.sender)
      staleRooms.insert(message.room)
      await add(message)
      if let lines, !message.isOutgoing, message.room != interface.screen.openRoom, let number = message.id,
        let entry = try? await store.message(number: number)
      {
        let room = summaries.first { $0.room.address == message.room }.map(names.room) ?? message.room
        let row = MessageRow(entry, names: names, mention: mention, transfers: transfers)
        lines.add("[\(room)] " + LineScreen.line(row, withTime: false))
      }
      if !message.isOutgoing { announce(message) }
    // Another program of this account may have written it.
    case .messageState(let message): await addOwn(message)
    case .file(let progress):
      transfers.note(progress)
      if progress.step == .offered { await fetchByItself(progress) }
      await refresh(messageID: progress.messageID, in: progress.room)
    case .delivery(let room, let messageID, _, _, _, _): await refresh(messageID: messageID, in: room)
    case .change(let change): await show(change)
    case .composing(let room, let address, let isActive): showTyping(room, address, isActive)
    case .security(let room, _, let text):
      note(text, level: .warning, room: room)
      await refreshOpenRoom()
    case .error(let room, let text, _):
      if let room, room != interface.screen.openRoom {
        errors.add(text)
        note(text, level: .error, room: room)
      } else {
        complain(text)
      }
    case .lost: await readAgain()
    }
  }

  func show(_ event: RoomEvent) async {
    staleRooms.insert(event.room)
    if event.isOwn, [.left, .removed, .gone, .ended, .forgotten].contains(event.kind) {
      ends[event.room] = event.words(name: names.short)
    }
    add(event)
    guard event.isInvitation, !event.isRead, !isSeen(event.room),
      let summary = try? await store.summary(ofRoom: event.room)
    else { return }
    notifications?.add(
      NotificationQueue.News(
        fields: event.jsonFields, text: event.words(name: names.short),
        sender: event.by.map(names.short) ?? names.room(summary), room: names.room(summary)), isPersonal: true,
      of: summary.room)
  }

  func show(_ invitation: Invitation) {
    let words = invitation.words(name: names.short)
    note("you are invited to \(words): /accept or /decline", level: .warning)
    notifications?.add(
      NotificationQueue.News(
        fields: invitation.jsonFields, text: "you are invited to \(words)",
        sender: invitation.people.first.map(names.short) ?? "somebody", room: invitation.subject),
      isPersonal: true, of: nil)
  }

  /// Whether the user is looking at the newest of a room.
  func isSeen(_ room: String) -> Bool {
    room == interface.screen.openRoom && interface.showsNewest && hasFocus != false
  }

  /// Rings and notifies, unless the user is looking at the message.
  func announce(_ message: Message) {
    guard !isSeen(message.room), !blocked.contains(message.sender),
      let summary = summaries.first(where: { $0.room.address == message.room })
    else { return }
    let sender = names.short(message.sender)
    notifications?.add(
      NotificationQueue.News(
        fields: message.jsonFields, text: message.preview,
        sender: message.isStranger ? "somebody as \(sender)" : sender, room: names.room(summary)),
      isPersonal: summary.room.isOneToOne || mention.isIn(message.text), of: summary.room)
  }

  /// What was said of the connection is over with it.
  func endFailure() {
    withdraw(failureLine)
    failureLine = nil
    let last = ChatWords.sentence(toldFailure, names)
    if !last.isEmpty, interface.screen.status.error?.hasSuffix(last) == true { interface.screen.status.error = nil }
    toldFailure = ""
  }

  func show(_ connection: ChatEvent.Connection) async {
    switch connection {
    case .connecting:
      isConnected = false
      interface.screen.status.connection = "connecting"
      interface.screen.status.health = .pending
      refreshRoomRows()
    case .registered:
      isConnected = true
      if !toldFailure.isEmpty { endFailure() }
      interface.screen.status.connection = "registered"
      interface.screen.status.health = .good
      await readAgain()
      await openWanted()
      seenRoom = nil
      for room in readWhenConnected where room == interface.screen.openRoom { readAll(room) }
      readWhenConnected = []
    case .offline(let reason):
      interface.screen.status.connection = isConnected ? "offline" : "not connected"
      interface.screen.status.health = .bad
      // Each attempt fails in the same way for as long as a server is away.
      if isConnected || reason != toldFailure {
        endFailure()
        failureLine = complainInLine(isConnected ? "connection lost: \(reason)" : reason)
      }
      toldFailure = reason
      isConnected = false
      refreshRoomRows()
    }
  }
}
