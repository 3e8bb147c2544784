// ChatScreen+Rooms.swift: the room list, the open room's header and members, and who is typing.
import AccountService
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

extension ChatScreen {
  /// A writer who says nothing more is no longer shown as writing (RFC 3994 refresh of 60 s and some slack).
  private static let typingLifetime: Duration = .seconds(70)

  var openRoom: RoomSummary? { interface.screen.openRoom.flatMap(known) }

  /// Also one that was left.
  private func known(_ address: String) -> RoomSummary? {
    summaries.first { $0.room.address == address } ?? leftRooms.first { $0.room.address == address }
  }

  func summary(named name: String) async throws -> RoomSummary {
    try await store.room(named: name, for: account.address)
  }

  /// - Parameter message: shown and marked; else the newest are shown.
  func open(_ address: String, around message: MessageRow.ID? = nil) async {
    readContacts()
    guard let summary = known(address) else { return }
    // Another room may be asked for while this one is read: the last wish counts.
    opening = address
    let entries = await entries(of: address, around: message)
    let rows = await rows(entries, room: address, before: message == nil ? nil : entries.last?.message.time)
    let firstUnread = await firstUnread(of: summary, entries)
    let (header, members) = await headerAndMembers(of: summary)
    await rememberLines(of: address)
    guard opening == address else { return }
    readOnly = summary.room.state == .left ? address : nil
    noteDraft()
    let hadNone = interface.screen.openRoom == nil
    interface.open(address, header: header, messages: rows, members: members, firstUnread: firstUnread)
    if hadNone { moveDraft() }
    interface.screen.status.typing = (typing[address] ?? [:]).keys.sorted().map(names.short)
    if let message {
      // What is loaded reaches a page further, but perhaps not to the newest.
      interface.screen.hasNewer = true
      interface.mark(message)
      await loadNewer(address)
      interface.mark(message)
    }
  }

  /// The first message that was not read, or before it that this account was added.
  private func firstUnread(of summary: RoomSummary, _ entries: [MessageWithDeliveries]) async -> MessageRow.ID? {
    let message = entries.first { !$0.message.isRead && !$0.message.isOutgoing }?.message
    let events = summary.isNew ? (try? await store.roomEvents(room: summary.room.address)) ?? [] : []
    guard let event = events.first(where: { !$0.isRead }), message.map({ event.time <= $0.time }) ?? true else {
      return message.map { MessageRow.id(of: $0) }
    }
    return MessageRow(event, names: names).id
  }

  /// The room of the command line: at once when it is known, else when the connection is there.
  func openWanted() async {
    guard let name = wanted else {
      if opensByItself, interface.screen.openRoom == nil, let first = summaries.first {
        await open(first.room.address)
      }
      return
    }
    if let known = try? await summary(named: name), known.room.state != .left {
      wanted = nil
      await open(known.room.address)
    } else if isConnected {
      wanted = nil
      startChat(with: name)
    }
  }

  /// Opens the room that a name or an address means. With somebody who has no room yet, and was named by less than the
  /// address, one is made after another Enter only.
  func join(_ target: String) async {
    if await isAsked(about: target, command: "join") { return }
    startChat(with: target)
  }

  /// Whether a room would have to be made for a name: then the line is written out, to be sent with Enter.
  func isAsked(about target: String, command: String) async -> Bool {
    let address: SIPURI
    var words = ""
    do {
      switch try await store.target(target, for: account.address) {
      case .room: return false
      case .person(let person):
        // Who wrote it out has said it.
        if target.contains("@"), names.contacts.addresses(named: target).isEmpty { return false }
        if try await store.hasRoom(with: person, for: account.address) { return false }
        address = person
      case .newcomer(let person, _):
        words = "no room is called '\(target)'; "
        address = person
      }
    } catch {
      complain(ExitStatus.text(of: error))
      return true
    }
    guard interface.screen.input.isEmpty else {
      complain("\(words)/\(command) \(address) makes a room with \(address.user ?? "")")
      return true
    }
    interface.screen.input.replace(with: "/\(command) \(address)")
    interface.screen.status.hint =
      "\(words)there is no room with \(names.short(address.description)) yet: Enter makes one, Ctrl-c does not"
    return true
  }

  /// Opens the one-to-one room with an address, or a room by its name.
  func startChat(with target: String) {
    let (session, report) = (session, report)
    inBackground {
      let summary = try await self.during("opening \(target)…") {
        try await session.performBeside(OpenRoom(to: target))
      }
      report.yield(.chat(.room(summary, displayName: summary.displayName(for: session.account.address))))
      await self.reloadRooms()
      await self.open(summary.room.address)
      await self.paintSoon()
    }
  }

  /// The user may have changed the address book.
  func readContacts() {
    names = store.names(for: account.address)
    interface.completionWords = names.contacts.all.map(\.name)
  }

  /// In `roomReads`, beside the rooms' addresses.
  private static let allRooms = ""

  func reloadRooms() async {
    let read = roomReads.begin()
    defer { roomReads.end() }
    let all = (try? await store.rooms()) ?? []
    let places = try? await store.places(givenTo: all.filter { $0.room.state != .left }.map(\.room.address))
    guard roomReads.isNewest(read, of: Self.allRooms) else { return }
    readContacts()
    summaries = all.filter { $0.room.state != .left }
    self.places = places ?? self.places
    leftRooms = all.filter { $0.room.state == .left }
    mentions = (try? await store.mentions(of: mention)) ?? [:]
    refreshRoomRows()
  }

  /// What changed in some rooms, without reading the others.
  func refreshRooms(_ addresses: Set<String>) async {
    let read = roomReads.begin()
    defer { roomReads.end() }
    for address in addresses {
      guard let summary = try? await store.summary(ofRoom: address), roomReads.isNewest(read, of: address) else {
        continue
      }
      put(summary)
    }
    mentions = (try? await store.mentions(of: mention)) ?? mentions
    refreshRoomRows()
  }

  func refreshRoom(_ address: String) async { await refreshRooms([address]) }

  func update(_ summary: RoomSummary) {
    put(summary)
    refreshRoomRows()
  }

  private func put(_ summary: RoomSummary) {
    let index = summaries.firstIndex { $0.room.address == summary.room.address }
    leftRooms.removeAll { $0.room.address == summary.room.address }
    if summary.room.state == .left { leftRooms.append(summary) }
    if summary.room.state == .left {
      if let index { summaries.remove(at: index) }
    } else if let index {
      summaries[index] = summary
    } else {
      summaries.append(summary)
    }
  }

  func refreshRoomRows() {
    givePlaces()
    let order = configuration.roomOrder
    func rank(_ summary: RoomSummary) -> (Int, Int) {
      let place = places[summary.room.address]
      if place?.isPinned == true { return (0, place?.number ?? 0) }
      if order == .fixed { return (3, place?.number ?? 0) }
      // The open room is read: it does not jump up and back with each message.
      let isUnread =
        order == .unread && (summary.unread > 0 || summary.isNew) && summary.room.address != interface.screen.openRoom
      let isImportant = isUnread && (summary.room.isOneToOne || mentions[summary.room.address] ?? 0 > 0)
      return (isImportant ? 1 : isUnread ? 2 : 3, 0)
    }
    let ranked = summaries.map { (rank($0), $0) }.sorted { first, second in
      if first.0 != second.0 { return first.0 < second.0 }
      return (first.1.room.lastActivity, second.1.room.address) > (second.1.room.lastActivity, first.1.room.address)
    }
    summaries = ranked.map(\.1)
    interface.screen.rooms = summaries.map { summary in
      let address = summary.room.address
      var row = RoomRow(
        summary, names: names, isConnected: isConnected, isTyping: typing[address]?.isEmpty == false)
      row.number = places[address]?.number ?? 0
      row.isPinned = places[address]?.isPinned == true
      row.isMuted = summary.room.notifyLevel(.all) == .none
      row.mentions = row.unread > 0 ? mentions[address] ?? 0 : 0
      return row
    }
    interface.markDrafts()
    if let open = interface.screen.openRoom, open != readOnly,
      !summaries.contains(where: { $0.room.address == open })
    {
      let name = interface.screen.header.name
      interface.closeRoom()
      // None takes its place: what is being written now is not meant for other people.
      opensByItself = false
      let why = ends[open] ?? "this account is no longer in it"
      complain("\(name): \(why); /rooms left opens what was written")
    }
  }

  /// A new room is shown with its number at once; the database, which other programs ask too, has the last word.
  private func givePlaces() {
    let new = summaries.map(\.room.address).filter { places[$0] == nil }
    guard !new.isEmpty else { return }
    for address in new { places[address] = RoomPlace(number: RoomPlace.free(beside: places.values.map(\.number))) }
    Task {
      guard let kept = try? await store.places(givenTo: new) else { return }
      places.merge(kept) { _, kept in kept }
      refreshRoomRows()
      paintSoon()
    }
  }

  /// - Parameter wish: "on", "off", or nil for the other way round.
  func pin(_ wish: String?) async {
    guard let room = interface.screen.openRoom else { return complain("no room is open: /join ROOM") }
    guard wish == nil || wish == "on" || wish == "off" else { return complain("usage: /pin [on|off]") }
    let isPinned = wish.map { $0 == "on" } ?? (places[room]?.isPinned != true)
    await attempt {
      try await store.pin(isPinned, room: room)
      places = try await store.places()
      refreshRoomRows()
      note(isPinned ? "this room stays at the top of the list" : "this room has no place of its own any more")
    }
  }

  private func headerAndMembers(of summary: RoomSummary) async -> (RoomHeader, [MemberRow]) {
    let devices = (try? await store.devices(room: summary.room.address)) ?? []
    let trust =
      (try? await store.trust(room: summary.room.address, curve: account.curve))
      ?? RoomTrust(isEncrypted: summary.room.isEncrypted, devices: [])
    return (
      RoomHeader(summary, trust: trust, names: names),
      MemberRow.rows(summary, devices: devices, trust: trust, account: account, names: names)
    )
  }

  func refreshOpenRoom() async {
    guard let summary = openRoom else { return }
    let (header, members) = await headerAndMembers(of: summary)
    // Another room may have been opened meanwhile.
    guard interface.screen.openRoom == summary.room.address else { return }
    interface.screen.header = header
    interface.screen.members = members
  }

  /// All that came into the room counts as read, also what was jumped over: the user went on to its end.
  func readAll(_ address: String) {
    guard let room = openRoom, room.room.address == address, room.room.state != .left else { return }
    guard isConnected else {
      readWhenConnected.insert(address)
      return
    }
    let isStale = staleRooms.contains(address)
    guard isStale || room.unread > 0 || room.isNew else { return }
    inBackground {
      _ = try await self.session.perform(MarkRoomRead(address))
      await self.refreshRoom(address)
      await self.paintSoon()
    }
  }

  /// Opens the switcher, for the rooms of the list or for those that were left.
  func chooseRoom(_ word: String?) {
    switch word {
    case nil: interface.screen.switcher = Switcher()
    case "left":
      guard !leftRooms.isEmpty else { return complain("no room was left") }
      interface.screen.switcher = Switcher(
        others: leftRooms.map { RoomRow($0, names: names, isConnected: isConnected, isTyping: false) })
    default: complain("usage: /rooms [left]")
    }
  }

  /// In `seen`, beside the numbers of messages: that this account was added to the room.
  private static let invitation: Int64 = -1

  /// Tells the senders of what is on the screen that it was seen: of nothing above or below it.
  func markVisibleRead() {
    guard isConnected, let room = openRoom, room.unread > 0 || room.isNew, room.room.state != .left else { return }
    let address = room.room.address
    if seenRoom != address { (seenRoom, seen) = (address, []) }
    let rows = visibleRows.filter { !$0.isOwn }.compactMap(\.position?.id).filter { !seen.contains($0) }
    let isNew = room.isNew && !seen.contains(Self.invitation)
    guard !rows.isEmpty || isNew else { return }
    if isNew { seen.insert(Self.invitation) }
    seen.formUnion(rows)
    inBackground {
      _ = try await self.session.perform(MarkRoomRead(address, messages: rows))
      await self.refreshRoom(address)
      await self.paintSoon()
    }
  }

  // MARK: Typing

  func showTyping(_ room: String, _ address: String, _ isActive: Bool) {
    stopTyping(room, address)
    guard isActive else { return }
    let report = report
    typing[room, default: [:]][address] = Task {
      do { try await Task.sleep(for: Self.typingLifetime) } catch { return }
      report.yield(.typingExpired(room: room, address: address))
    }
    refreshTyping(room)
  }

  func stopTyping(_ room: String, _ address: String) {
    guard let task = typing[room]?.removeValue(forKey: address) else { return }
    task.cancel()
    refreshTyping(room)
  }

  func refreshTyping(_ room: String) {
    refreshRoomRows()
    guard room == interface.screen.openRoom else { return }
    interface.screen.status.typing = (typing[room] ?? [:]).keys.sorted().map(names.short)
  }
}
