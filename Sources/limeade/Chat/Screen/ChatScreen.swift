// ChatScreen.swift: the terminal UI at work: key events and chat events change one state, which is then painted.
import AccountService
import ChatCore
import Foundation
import MessageFormats
import TerminalUI

@MainActor
final class ChatScreen {
  /// Events that come in a burst are painted together.
  private static let paintDelay: Duration = .milliseconds(8)
  /// How long the first painting waits for the terminal to tell its background; later it changes the colours.
  private static let backgroundDelay: Duration = .milliseconds(25)
  /// Our own pause after which we say that we stopped writing.
  private static let composingPause: Duration = .seconds(10)

  enum Happening: Sendable {
    case key(KeyEvent)
    case chat(ChatEvent)
    case failed(String)
    case typingExpired(room: String, address: String)
    case found(SearchRequest, [MessageWithDeliveries], hasMore: Bool)
  }

  /// What is done with the account goes this way, whichever program holds it.
  let session: AccountSession
  /// What is shown is read from here, without asking the holder.
  let store: AccountStore
  let orders = OrderQueue()
  /// As of the last look at the address book.
  var names: ChatNames
  let mention: Mention
  let configuration: InterfaceConfiguration
  var interface: UserInterface
  var summaries: [RoomSummary] = []
  /// Rooms that were left: they are not in the list, and can be read.
  var leftRooms: [RoomSummary] = []
  /// The one that the user opened although it was left.
  var readOnly: String?
  /// Of each room, as the database keeps them.
  var places: [String: RoomPlace] = [:]
  var mentions: [String: Int] = [:]
  /// Lines of the program's own, by room.
  var notices: [String: [MessageRow]] = [:]
  var noticeCount = 0
  /// Whose messages are not shown.
  var blocked: Set<String> = []
  /// Why rooms are left, in words.
  var ends: [String: String] = [:]
  /// The room that is to be shown: reading the database takes time, in which another one may be chosen.
  var opening: String?
  var typing: [String: [String: Task<Void, Never>]] = [:]
  var isConnected = false
  /// Why there is no connection, as it was told last.
  var toldFailure = ""
  /// The line that says so.
  var failureLine: MessageRow.ID?
  var errors = ErrorLog()
  /// Whether a room is opened unasked when none is open: not after the open one has ended.
  var opensByItself = true
  /// The room of the command line, until it is open.
  var wanted: String?
  var roomReads = ReadOrder()
  var messageReads = ReadOrder()
  /// Nothing while the terminal tells nothing: then it is taken for unwatched when another room is open.
  var hasFocus: Bool?
  let terminal = Terminal()
  /// In its place where the chat goes line by line.
  let lines: LineScreen?
  /// The screen shows messages without panes, and is left alone until that ends.
  private var isBareShown = false
  /// The picture that stands on the terminal.
  private var shownPicture: PicturePanel?
  var notifications: NotificationQueue?
  /// What the next Enter confirms; any other key takes it back.
  var question: Question?
  /// The user's editor, while it has the terminal.
  var editor: EditorProgram?
  var editing: Task<Void, Never>?
  /// nil where the disk takes no drafts.
  var drafts: DraftKeeper?
  /// Rooms whose entered lines were read from the disk.
  var remembered: Set<String> = []
  private var composing: Task<Void, Never>?
  var searching: Task<Void, Never>?
  var transfers = RunningTransfers()
  private var isPaintDue = false
  let report = HappeningQueue()
  /// Rooms that changed since they were read, to be read before the next painting.
  var staleRooms: Set<String> = []
  /// What was read to the end without a connection.
  var readWhenConnected: Set<String> = []
  /// What was told to be seen, by row, and of which room.
  var seen: Set<Int64> = []
  var seenRoom: String?

  var account: AccountConfiguration { session.account }

  /// - Parameter lines: takes the terminal's place.
  init(
    session: AccountSession, store: AccountStore, configuration: InterfaceConfiguration, lines: LineScreen? = nil
  ) {
    (self.session, self.store, self.configuration) = (session, store, configuration)
    self.lines = lines
    let address = session.account.address
    names = store.names(for: address)
    mention = Mention(address.user ?? "")
    interface = UserInterface(
      size: terminal.size, keymap: configuration.keymap, commands: ChatSlashCommands.table)
    interface.screen.glyphs = configuration.glyphs
    interface.screen.panes.roomsWidth = configuration.roomsWidth
    interface.completeArgument = { command, before, word in
      switch command {
      case "file" where before.isEmpty, "export" where before.isEmpty: PathCompletion.candidates(for: word)
      case "save": PathCompletion.candidates(for: word, .folders)
      default: []
      }
    }
    interface.screen.status = StatusBar(
      account: "\(address.user ?? "")@\(address.host)", connection: "connecting", health: .pending)
    notifications = NotificationQueue(configuration, terminal: terminal) { [weak self] text in
      self?.complain(text)
      self?.paintSoon()
    }
    do {
      drafts = DraftKeeper(try InputRecord(store)) { [weak self] text in
        self?.complain(text)
        self?.paintSoon()
      }
    } catch { interface.screen.status.error = "what is typed is not kept: \(ExitStatus.text(of: error))" }
  }

  /// Runs until the user quits.
  func run(opening room: String?, errorFile: String) async -> Result<Void, any Error> {
    do throws(Terminal.Failure) {
      if let lines {
        try lines.terminal.start(errorFile: errorFile)
      } else {
        try terminal.start(
          errorFile: errorFile, usesMouse: configuration.usesMouse, setsTitle: configuration.setsTitle,
          asksBackground: configuration.theme.base == .auto)
      }
    } catch { return .failure(CommandFailure(code: 64, text: error.description)) }
    defer {
      terminal.stop()
      lines?.terminal.stop()
    }
    terminal.hasLinks = configuration.links.isOn(terminal: ProcessInfo.processInfo.environment["TERM"] ?? "")
    wanted = room
    let report = report
    let keys = lines?.terminal.keyEvents ?? terminal.keyEvents
    let events = session.events
    let tasks = [
      Task { for await key in keys { report.yield(.key(key)) } },
      Task {
        do { for try await event in events { report.yield(.chat(event)) } } catch {
          report.yield(.failed(ExitStatus.text(of: error)))
        }
      },
      orders.start { [weak self] error in
        if let error { self?.complain(ExitStatus.text(of: error)) }
        self?.paintSoon()
      },
    ]
    defer { for task in tasks { task.cancel() } }
    // What is known already is to be read and answered before the network has been waited for.
    await restoreDrafts()
    blocked = (try? await store.blocked()) ?? []
    await reloadRooms()
    await openWanted()
    let background =
      await terminal.background(within: Self.backgroundDelay)
      ?? TerminalBackground(colorfgbg: ProcessInfo.processInfo.environment["COLORFGBG"])
    interface.use(configuration.theme, colors: terminal.colors, background: background)
    await tellInvitations()
    paintNow()
    for await _ in report.news {
      while let happening = report.take() {
        guard await isGoingOn(after: happening) else {
          // What was written before the end is handed over.
          await endEditor()
          noteDraft()
          await orders.finish()
          noteDraft()
          await drafts?.finish()
          return .success(())
        }
      }
    }
    return .success(())
  }

  /// False when the program is to end.
  private func isGoingOn(after happening: Happening) async -> Bool {
    switch happening {
    case .key(let key):
      if case .focus(let isFocused) = key { hasFocus = isFocused }
      if let intents = lines?.answer(key) {
        for intent in intents where await !carryOut(intent) { return false }
        paintNow()
        return true
      }
      if key == .key(.enter), !interface.screen.input.isEmpty { lines?.terminal.endLine() }
      if case .stroke(let stroke) = key, stroke != KeyStroke(.enter) { question = nil }
      if case .paste = key { question = nil }
      for intent in interface.handle(key) where await !carryOut(intent) { return false }
      noteDraft()
      paintNow()
      return true
    case .chat(let event): await show(event)
    case .failed(let text):
      interface.screen.status.connection = "not connected"
      interface.screen.status.health = .bad
      complain(text)
    case .found(let request, let found, let hasMore): show(found, for: request, hasMore: hasMore)
    case .typingExpired(let room, let address): stopTyping(room, address)
    }
    paintSoon()
    return true
  }

  // MARK: Painting

  /// What its reader has before them.
  var visibleRows: [MessageRow] {
    guard let lines else { return interface.visibleMessages }
    return interface.screen.messages.filter(lines.isPrinted)
  }

  private func paintNow() {
    isPaintDue = false
    if let lines {
      lines.show(&interface)
      return markVisibleRead()
    }
    guard !interface.screen.isBare else {
      if !isBareShown { terminal.showBare(interface.bareLines) }
      isBareShown = true
      return
    }
    isBareShown = false
    if shownPicture != nil, shownPicture != interface.screen.picture { terminal.removePictures() }
    terminal.paint(interface.grid)
    if let panel = interface.screen.picture, panel != shownPicture {
      terminal.show(panel.picture, row: interface.pictureRow, column: 0)
    }
    shownPicture = interface.screen.picture
    terminal.show(title: interface.title)
    markVisibleRead()
  }

  func paintSoon() {
    guard !isPaintDue else { return }
    isPaintDue = true
    Task {
      try? await Task.sleep(for: Self.paintDelay)
      let isChanged = await readStaleRooms()
      if isPaintDue || isChanged { paintNow() }
    }
  }

  /// However many messages came since the last painting, each room is read once.
  private func readStaleRooms() async -> Bool {
    guard !staleRooms.isEmpty else { return false }
    let rooms = staleRooms
    staleRooms = []
    await refreshRooms(rooms)
    return true
  }

  // MARK: Intents

  /// False when the program is to end.
  private func carryOut(_ intent: Intent) async -> Bool {
    switch intent {
    case .quit: return false
    case .openEditor: editInProgram()
    case .redraw:
      shownPicture = nil
      terminal.repaint()
    case .suspend: await suspend()
    case .openRoom(let room): await open(room)
    case .loadOlder(let room): await loadOlder(room)
    case .loadNewer(let room): await loadNewer(room)
    case .loadNewest(let room): await open(room)
    case .readAll(let room): readAll(room)
    case .search(let request): search(request)
    case .openMessage(let message, let room): await open(room, around: message)
    case .openLink(let target): openLink(target)
    case .openFile(let path): openFile(path)
    case .verify(let address): await verify(address)
    case .setTrust(let decision, let device): await decide(decision, device: device)
    case .sendMessage(let text, let room):
      composing?.cancel()
      // Who answers has read what was new.
      interface.screen.firstUnread = nil
      lines?.noteTyped(text)
      let message = SendText(to: room, text: text, waits: true)
      order {
        do { await self.addOwn(try await self.session.perform(message)) } catch {
          self.giveBack(text.hasPrefix("/") ? "/" + text : text, in: room)
          throw error
        }
      }
    case .composing(let isWriting, let room): tellComposing(isWriting, room: room)
    case .command(let call): await run(call)
    }
    return true
  }

  /// A stopped program answers nobody: others may have the account meanwhile.
  private func suspend() async {
    await drafts?.finish()
    await session.release()
    if let lines { lines.terminal.suspend() } else { terminal.suspend() }
    inBackground { try await self.session.attach() }
  }

  /// Something to be done by the holder, after what was ordered before; its failure is shown.
  func order(_ body: @escaping OrderQueue.Order) { orders.add(body) }

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
    let session = session
    let tell = { @Sendable (isWriting: Bool) async in
      // Only worth something now: what goes wrong with it is not worth telling.
      _ = try? await session.perform(SetComposing(room: room, active: isWriting))
    }
    let wasWriting = composing != nil && composing?.isCancelled == false
    composing?.cancel()
    composing = nil
    if !isWriting || !wasWriting { Task { await tell(isWriting) } }
    guard isWriting else { return }
    composing = Task { [weak self] in
      do { try await Task.sleep(for: Self.composingPause) } catch { return }
      await tell(false)
      self?.composing = nil
    }
  }
}
