// ChatScreen.swift: the terminal UI at work: key events and chat events change one state, which is then painted.
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

@MainActor
final class ChatScreen {
  /// Messages of a room that are loaded at first, and each time the user scrolls past the oldest.
  private static let page = 200
  /// Events that come in a burst are painted together.
  private static let paintDelay: Duration = .milliseconds(8)
  /// A writer who says nothing more is no longer shown as writing (RFC 3994 refresh of 60 s and some slack).
  private static let typingLifetime: Duration = .seconds(70)
  /// Our own pause after which we say that we stopped writing.
  private static let composingPause: Duration = .seconds(10)

  private enum Happening: Sendable {
    case key(KeyEvent)
    case chat(ChatEvent)
    case failed(String)
    case typingExpired(room: String, address: String)
  }

  let client: ChatClient
  private let terminal = Terminal()
  private let names: ChatNames
  var interface: UserInterface
  private var summaries: [RoomSummary] = []
  private var notices: [String: [MessageRow]] = [:]
  private var noticeCount = 0
  private var loaded = ChatScreen.page
  /// The room that is to be shown: reading the database takes time, in which another one may be chosen.
  private var opening: String?
  private var typing: [String: [String: Task<Void, Never>]] = [:]
  private var composing: Task<Void, Never>?
  private var isConnected = false
  private var wanted: String?
  private var roomReads = 0
  private var shownRoomRead = 0
  private var isPaintDue = false
  private let happenings: AsyncStream<Happening>
  private let report: AsyncStream<Happening>.Continuation

  init(client: ChatClient, theme: Theme) {
    self.client = client
    names = ChatNames(account: client.account.address)
    (happenings, report) = AsyncStream.makeStream()
    interface = UserInterface(size: terminal.size, theme: theme, commands: ChatSlashCommands.table)
    interface.screen.status = StatusBar(
      account: "\(client.account.address.user ?? "")@\(client.account.address.host)", connection: "connecting",
      health: .pending)
  }

  /// Runs until the user quits.
  func run(opening room: String?, errorFile: String) async -> Result<Void, any Error> {
    do { try terminal.start(errorFile: errorFile) } catch {
      return .failure(CommandFailure(code: 64, text: error.description))
    }
    defer { terminal.stop() }
    wanted = room
    let report = report
    let keys = terminal.keyEvents
    let events = client.events()
    let tasks = [
      Task { for await key in keys { report.yield(.key(key)) } },
      Task { for await event in events { report.yield(.chat(event)) } },
      Task { [client] in
        do { try await client.start() } catch { report.yield(.failed(ExitStatus.text(of: error))) }
      },
    ]
    defer { for task in tasks { task.cancel() } }
    await reloadRooms()
    await openWanted()
    paintNow()
    for await happening in happenings {
      switch happening {
      case .key(let key):
        for intent in interface.handle(key) where await !carryOut(intent) { return .success(()) }
        paintNow()
      case .chat(let event):
        await show(event)
        paintSoon()
      case .failed(let text):
        interface.screen.status.connection = "not connected"
        interface.screen.status.health = .bad
        complain(text)
        paintNow()
      case .typingExpired(let room, let address):
        stopTyping(room, address)
        paintSoon()
      }
    }
    return .success(())
  }

  // MARK: Painting

  private func paintNow() {
    isPaintDue = false
    terminal.paint(interface.grid)
  }

  func paintSoon() {
    guard !isPaintDue else { return }
    isPaintDue = true
    Task {
      try? await Task.sleep(for: Self.paintDelay)
      if isPaintDue { paintNow() }
    }
  }

  // MARK: Intents

  /// False when the program is to end.
  private func carryOut(_ intent: Intent) async -> Bool {
    switch intent {
    case .quit: return false
    case .redraw: terminal.repaint()
    case .suspend: terminal.suspend()
    case .openRoom(let room): await open(room)
    case .loadOlder:
      loaded += Self.page
      await reloadMessages()
    case .sendMessage(let text, let room):
      composing?.cancel()
      // Who answers has read what was new.
      interface.screen.firstUnread = nil
      await attempt { _ = try await self.client.send(text, to: room) }
      await reloadMessages()
    case .composing(let isWriting, let room): tellComposing(isWriting, room: room)
    case .command(let call): await run(call)
    }
    return true
  }

  func attempt(_ body: () async throws -> Void) async {
    do { try await body() } catch { complain(ExitStatus.text(of: error)) }
  }

  /// Runs something long beside the screen; its failure is shown.
  func inBackground(_ body: @escaping @Sendable () async throws -> Void) {
    let report = report
    Task {
      do { try await body() } catch { report.yield(.chat(.error(room: nil, text: ExitStatus.text(of: error)))) }
    }
  }

  private func tellComposing(_ isWriting: Bool, room: String) {
    let client = client
    let wasWriting = composing != nil && composing?.isCancelled == false
    composing?.cancel()
    composing = nil
    if !isWriting || !wasWriting { Task { await client.sendComposing(isWriting, to: room) } }
    guard isWriting else { return }
    composing = Task { [weak self] in
      do { try await Task.sleep(for: Self.composingPause) } catch { return }
      await client.sendComposing(false, to: room)
      self?.composing = nil
    }
  }

  // MARK: Rooms

  var openRoom: RoomSummary? { summaries.first { $0.room.address == interface.screen.openRoom } }

  func summary(named name: String) async throws -> RoomSummary {
    try await client.store.room(named: name, for: client.account.address)
  }

  func open(_ address: String) async {
    guard let summary = summaries.first(where: { $0.room.address == address }) else { return }
    // Another room may be asked for while this one is read: the last wish counts.
    opening = address
    loaded = Self.page
    let entries = await history(of: address)
    let firstUnread = entries.first { !$0.message.isRead && !$0.message.isOutgoing }
    let (header, members) = await headerAndMembers(of: summary)
    guard opening == address else { return }
    interface.open(
      address, header: header, messages: rows(entries, room: address), members: members,
      firstUnread: firstUnread.map { "m\($0.message.id ?? 0)" })
    interface.screen.status.typing = (typing[address] ?? [:]).keys.sorted().map(names.short)
    await markRead(address)
  }

  /// The room of the command line: at once when it is known, else when the connection is there.
  private func openWanted() async {
    guard let name = wanted else {
      if interface.screen.openRoom == nil, let first = summaries.first { await open(first.room.address) }
      return
    }
    if let known = try? await summary(named: name) {
      wanted = nil
      await open(known.room.address)
    } else if isConnected {
      wanted = nil
      startChat(with: name)
    }
  }

  /// Opens the one-to-one room with an address, or a room by its name.
  func startChat(with target: String) {
    let (client, report) = (client, report)
    inBackground {
      let summary = try await client.room(for: target)
      report.yield(.chat(.room(summary, displayName: summary.displayName(for: client.account.address))))
      await self.reloadRooms()
      await self.open(summary.room.address)
      await self.paintSoon()
    }
  }

  func reloadRooms() async {
    roomReads += 1
    let read = roomReads
    let all = (try? await client.rooms()) ?? []
    // What was read earlier must not replace what was read later.
    guard read > shownRoomRead else { return }
    shownRoomRead = read
    // A room keeps its number while the program runs: new ones come at the end.
    let known = Dictionary(summaries.enumerated().map { ($1.room.address, $0) }) { first, _ in first }
    summaries = all.filter { $0.room.state != .left }
      .sorted { known[$0.room.address] ?? .max < known[$1.room.address] ?? .max }
    refreshRoomRows()
  }

  private func refreshRoomRows() {
    interface.screen.rooms = summaries.map { summary in
      RoomRow(
        summary, names: names, isConnected: isConnected, isTyping: typing[summary.room.address]?.isEmpty == false)
    }
    if let open = interface.screen.openRoom, !summaries.contains(where: { $0.room.address == open }) {
      interface.closeRoom()
    }
  }

  private func headerAndMembers(of summary: RoomSummary) async -> (RoomHeader, [MemberRow]) {
    let (store, account) = (client.store, client.account)
    let devices = (try? await store.devices(room: summary.room.address)) ?? []
    let trust = (try? await store.trust(room: summary.room.address, curve: account.curve))
      ?? RoomTrust(isEncrypted: summary.room.isEncrypted, devices: [])
    return (
      RoomHeader(summary, trust: trust, names: names),
      MemberRow.rows(summary, devices: devices, trust: trust, account: account.address, names: names)
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

  private func markRead(_ address: String) async {
    guard isConnected, interface.showsNewest else { return }
    try? await client.markRead(address)
    if let index = summaries.firstIndex(where: { $0.room.address == address }) { summaries[index].unread = 0 }
    refreshRoomRows()
  }

  // MARK: Messages

  private func history(of address: String) async -> [MessageWithDeliveries] {
    (try? await client.store.history(room: address, limit: loaded)) ?? []
  }

  private func rows(_ entries: [MessageWithDeliveries], room: String) -> [MessageRow] {
    let messages = entries.map { MessageRow($0, names: names) }
    let extra = (notices[room] ?? []).filter { notice in
      messages.isEmpty || entries.count < loaded || notice.time >= messages[0].time
    }
    return extra.isEmpty ? messages : (messages + extra).sorted { $0.time < $1.time }
  }

  private func reloadMessages() async {
    guard let address = interface.screen.openRoom else { return }
    let entries = await history(of: address)
    guard interface.screen.openRoom == address else { return }
    interface.screen.messages = rows(entries, room: address)
  }

  /// A line of the program's own in the open room.
  /// - Returns: its id, for `withdraw`; nil without an open room.
  @discardableResult
  func note(_ text: String, level: MessageRow.Level = .information, room: String? = nil) -> MessageRow.ID? {
    guard let room = room ?? interface.screen.openRoom else {
      interface.screen.status.error = text
      return nil
    }
    noticeCount += 1
    let row = MessageRow.notice(id: "n\(noticeCount)", time: Date(), text: text, level: level)
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

  func complain(_ text: String) {
    interface.screen.status.error = text
    if interface.screen.openRoom != nil { note(text, level: .error) }
  }

  // MARK: Chat events

  private func show(_ event: ChatEvent) async {
    switch event {
    case .connection(let connection): await show(connection)
    case .room:
      await reloadRooms()
      await refreshOpenRoom()
      if interface.screen.openRoom == nil, wanted == nil { await openWanted() }
    case .participant(let room, let address, let isAdmin, let change):
      // Members of a room that is just being joined are no news.
      guard summaries.contains(where: { $0.room.address == room && $0.room.state == .active }) else { return }
      let name = names.short(address)
      switch change {
      case .added: note("\(name) joined", room: room)
      case .removed: note("\(name) left", room: room)
      case .changed: note("\(name) is \(isAdmin ? "now" : "no longer") admin", room: room)
      }
    case .device(let room, let participant, let device, let change):
      guard summaries.contains(where: { $0.room.address == room && $0.room.state == .active }), change != .changed
      else { return }
      note("\(names.short(participant)) has \(change == .added ? "a new" : "no longer the") device \(device)", room: room)
    case .message(let message):
      stopTyping(message.room, message.sender)
      await reloadRooms()
      guard message.room == interface.screen.openRoom else {
        if !message.isOutgoing { terminal.ring() }
        return
      }
      await reloadMessages()
      await markRead(message.room)
    case .messageState(let message):
      if message.room == interface.screen.openRoom { await reloadMessages() }
    case .delivery(let room, _, _, _, _, _):
      if room == interface.screen.openRoom { await reloadMessages() }
    case .composing(let room, let address, let isActive): showTyping(room, address, isActive)
    case .security(let room, _, let text):
      note(text, level: .warning, room: room)
      await refreshOpenRoom()
    case .error(let room, let text):
      if let room, room != interface.screen.openRoom { note(text, level: .error, room: room) } else { complain(text) }
    }
  }

  private func show(_ connection: ChatEvent.Connection) async {
    switch connection {
    case .connecting:
      interface.screen.status.connection = "connecting"
      interface.screen.status.health = .pending
    case .registered:
      isConnected = true
      interface.screen.status.connection = "registered"
      interface.screen.status.health = .good
      await reloadRooms()
      await openWanted()
      if let open = interface.screen.openRoom { await markRead(open) }
    case .offline(let reason):
      isConnected = false
      interface.screen.status.connection = "offline"
      interface.screen.status.health = .bad
      refreshRoomRows()
      complain("connection lost: \(reason)")
    }
  }

  private func showTyping(_ room: String, _ address: String, _ isActive: Bool) {
    stopTyping(room, address)
    guard isActive else { return }
    let report = report
    typing[room, default: [:]][address] = Task {
      do { try await Task.sleep(for: Self.typingLifetime) } catch { return }
      report.yield(.typingExpired(room: room, address: address))
    }
    refreshTyping(room)
  }

  private func stopTyping(_ room: String, _ address: String) {
    guard let task = typing[room]?.removeValue(forKey: address) else { return }
    task.cancel()
    refreshTyping(room)
  }

  private func refreshTyping(_ room: String) {
    refreshRoomRows()
    guard room == interface.screen.openRoom else { return }
    interface.screen.status.typing = (typing[room] ?? [:]).keys.sorted().map(names.short)
  }
}
