// ChatScreen+Messages.swift: the open room's messages: a stretch of its history, kept in step with the database.
import ChatCore
import Foundation
import TerminalUI

extension MessageRow {
  static func id(of message: Message) -> MessageRow.ID { "m\(message.id ?? 0)" }

  /// Of a message; nil for notices.
  var position: MessagePosition? {
    guard kind == .text, let number = Int64(id.dropFirst()) else { return nil }
    return MessagePosition(time: time, id: number)
  }
}

extension ChatScreen {
  /// Messages that are read at once.
  private static let page = 200
  /// More are not kept while the newest are shown: a program that runs for months must not grow.
  private static let kept = 2000

  /// The newest page of a room, or a page up to a message.
  func entries(of room: String, around message: MessageRow.ID?) async -> [MessageWithDeliveries] {
    var request = HistoryRequest(room: room, limit: Self.page)
    if let number = message.flatMap({ Int64($0.dropFirst()) }),
      let found = try? await store.message(number: number)
    {
      // Those before it, and itself.
      request.before = MessagePosition(time: found.message.time, id: number + 1)
    }
    return (try? await store.history(request)) ?? []
  }

  /// A message as it is shown: of somebody who is blocked, that there is one.
  private func row(of entry: MessageWithDeliveries) -> MessageRow {
    var entry = entry
    if let quote = entry.quote, blocked.contains(quote.sender) { entry.quote?.text = nil }
    var row = MessageRow(entry, names: names, mention: mention, transfers: transfers)
    if !entry.message.isOutgoing, blocked.contains(entry.message.sender) { row.hide() }
    return row
  }

  /// A page of messages with what else stands among them.
  /// - Parameter end: what is not older is left out, as where newer messages follow; nil for all up to now.
  func rows(_ entries: [MessageWithDeliveries], room: String, before end: Date? = nil) async -> [MessageRow] {
    let start = entries.count < Self.page ? nil : entries.first?.message.time
    return await rows(entries, room: room, from: start, before: end)
  }

  /// Messages, and by their time what happened in the room and what the program said.
  private func rows(
    _ entries: [MessageWithDeliveries], room: String, from start: Date?, before end: Date?
  ) async -> [MessageRow] {
    let messages = entries.map { row(of: $0) }
    let others = await otherRows(of: room, from: start, before: end)
    return others.isEmpty ? messages : (others + messages).sorted { $0.time < $1.time }
  }

  private func otherRows(of room: String, from start: Date?, before end: Date?) async -> [MessageRow] {
    let events = (try? await store.roomEvents(room: room, from: start, before: end)) ?? []
    let own = (notices[room] ?? []).filter { notice in
      start.map { notice.time >= $0 } ?? true && end.map { notice.time < $0 } ?? true
    }
    return events.map { MessageRow($0, names: names) } + own
  }

  /// The number in the database of the message that the user has chosen.
  var chosenNumber: Int64? { interface.screen.messages.first { $0.id == interface.screen.selected }?.position?.id }

  func loadOlder(_ room: String) async {
    guard room == interface.screen.openRoom, let oldest = interface.screen.messages.lazy.compactMap(\.position).first
    else { return }
    let older = (try? await store.history(HistoryRequest(room: room, before: oldest, limit: Self.page))) ?? []
    let start = older.count < Self.page ? nil : older.first?.message.time
    let rows = await rows(older, room: room, from: start, before: oldest.time)
    guard room == interface.screen.openRoom else { return }
    let there = Set(interface.screen.messages.map(\.id))
    interface.screen.messages.insert(contentsOf: rows.filter { !there.contains($0.id) }, at: 0)
  }

  /// After a jump back: continues towards the newest.
  func loadNewer(_ room: String) async {
    guard room == interface.screen.openRoom, interface.screen.hasNewer else { return }
    let newest = interface.screen.messages.lazy.reversed().compactMap(\.position).first
    let newer = (try? await store.history(HistoryRequest(room: room, after: newest, limit: Self.page))) ?? []
    let end = newer.count < Self.page ? nil : newer.last?.message.time
    let rows = await rows(newer, room: room, from: newest?.time, before: end)
    guard room == interface.screen.openRoom else { return }
    // What was at the bottom stays there, for the eye to go on from.
    if interface.screen.scroll == .end, let last = interface.screen.messages.last, !newer.isEmpty {
      interface.screen.scroll = .held(message: last.id, line: .max)
    }
    let there = Set(interface.screen.messages.map(\.id))
    interface.screen.messages += rows.filter { !there.contains($0.id) }
    interface.screen.hasNewer = newer.count == Self.page
  }

  /// A message that was just written or came.
  func add(_ message: Message) async {
    guard let number = message.id else { return }
    if let row = await row(in: message.room, { try await $0.message(number: number) }) { add(row) }
  }

  /// One that this account wrote, here or in another program: its room moves up in the list.
  func addOwn(_ message: Message) async {
    await add(message)
    guard let index = summaries.firstIndex(where: { $0.room.address == message.room }),
      summaries[index].room.lastActivity < message.time
    else { return }
    summaries[index].room.lastActivity = message.time
    refreshRoomRows()
  }

  func add(_ event: RoomEvent) {
    if event.room == interface.screen.openRoom { add(MessageRow(event, names: names)) }
  }

  private func add(_ row: MessageRow) {
    guard !replace(row), !interface.screen.hasNewer else { return }
    // Late ones go to the place of their time; those of one second stand as in the database.
    let number = row.position?.id ?? .max
    let later = interface.screen.messages.reversed().prefix {
      $0.time > row.time || $0.time == row.time && ($0.position?.id ?? 0) > number
    }.count
    interface.screen.messages.insert(row, at: interface.screen.messages.count - later)
    if interface.screen.scroll == .end, interface.screen.messages.count > Self.kept {
      interface.screen.messages.removeFirst(Self.kept / 2)
    }
  }

  /// The rooms and the newest messages: what happened while no events came is not to be missing.
  func readAgain() async {
    await reloadRooms()
    guard let room = interface.screen.openRoom else { return }
    await refreshOpenRoom()
    let read = messageReads.begin()
    defer { messageReads.end() }
    let entries = await entries(of: room, around: nil)
    guard room == interface.screen.openRoom, !interface.screen.hasNewer, let oldest = entries.first?.message else {
      return
    }
    if !interface.screen.messages.contains(where: { $0.id == MessageRow.id(of: oldest) }) {
      // More than a page is new: what lies between is read when it is scrolled to.
      interface.screen.messages = await rows(entries, room: room)
      return
    }
    let there = Set(entries.map { MessageRow.id(of: $0.message) })
    interface.screen.messages.removeAll { $0.kind == .text && $0.time > oldest.time && !there.contains($0.id) }
    for entry in entries {
      let row = row(of: entry)
      if messageReads.isNewest(read, of: row.id) { add(row) }
    }
    for event in (try? await store.roomEvents(room: room, from: oldest.time)) ?? [] { add(event) }
  }

  /// Reads a message again, whose state, deliveries or text have changed.
  func refresh(messageID: String, in room: String) async {
    if let row = await row(in: room, { try await $0.message(room: room, messageID: messageID) }) { replace(row) }
  }

  /// Reads one message; nil when its room is not, or no longer, the open one, or a later read was quicker.
  private func row(
    in room: String, _ find: (AccountStore) async throws -> MessageWithDeliveries?
  ) async -> MessageRow? {
    guard room == interface.screen.openRoom else { return nil }
    let read = messageReads.begin()
    defer { messageReads.end() }
    guard let entry = try? await find(store), room == interface.screen.openRoom else { return nil }
    let row = row(of: entry)
    return messageReads.isNewest(read, of: row.id) ? row : nil
  }

  /// False when it is not among those shown.
  @discardableResult
  private func replace(_ row: MessageRow) -> Bool {
    guard let index = interface.screen.messages.lastIndex(where: { $0.id == row.id }) else { return false }
    interface.screen.messages[index] = row
    return true
  }

  /// A line of the program's own in the open room.
  /// - Returns: its id, for `withdraw`; nil without an open room.
  @discardableResult
  func note(_ text: String, level: MessageRow.Level = .information, room: String? = nil) -> MessageRow.ID? {
    let sentence = ChatWords.sentence(text, names)
    guard let room = room ?? interface.screen.openRoom else {
      if level == .information {
        interface.screen.status.hint = sentence
      } else {
        interface.screen.status.error = sentence
      }
      return nil
    }
    noticeCount += 1
    let row = MessageRow.notice(id: "n\(noticeCount)", time: Date(), text: sentence, level: level)
    notices[room, default: []].append(row)
    if room == interface.screen.openRoom { interface.screen.messages.append(row) }
    return row.id
  }

  /// Takes a line of the program's own back, as when what it announced is done.
  func withdraw(_ note: MessageRow.ID?) {
    guard let note else { return }
    for room in notices.keys { notices[room]?.removeAll { $0.id == note } }
    interface.screen.messages.removeAll { $0.id == note }
  }

  func complain(_ text: String) { _ = complainInLine(text) }

  /// - Returns: the id of its line in the open room, for `withdraw`.
  func complainInLine(_ text: String) -> MessageRow.ID? {
    errors.add(text)
    interface.screen.status.error = ChatWords.sentence(text, names)
    return interface.screen.openRoom == nil ? nil : note(text, level: .error)
  }

  /// Says that something takes a while, until it is done.
  func during<Value: Sendable>(
    _ what: String, _ body: @Sendable () async throws -> Value
  ) async throws -> Value {
    interface.screen.status.progress.append(what)
    paintSoon()
    defer {
      if let index = interface.screen.status.progress.firstIndex(of: what) {
        interface.screen.status.progress.remove(at: index)
      }
      paintSoon()
    }
    return try await body()
  }
}
