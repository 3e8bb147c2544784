// ListenCommand.swift: limeade listen: prints what arrives, and lets a command answer it.
import AccountService
import ArgumentParser
import ChatCore
import Foundation

struct ListenCommand: AsyncParsableCommand, Sendable {
  static let configuration = CommandConfiguration(
    commandName: "listen",
    abstract: "Print messages as they arrive.",
    discussion: """
      limeade listen --json
          every event as a JSON object a line
      limeade listen --room Ops --count 1
          until one message came in this room
      limeade listen --exec ./answer.sh --reply
          a bot: the command gets the message as JSON on standard input, and what it
          prints is sent back
      limeade listen --daemon
          holds the account for other limeade commands, prints no message
          (systemctl --user start limeade@ACCOUNT)

      Events of --json: message (and its queued, sent, failed, delivered, displayed), reaction, edited, retracted, \
      expired, file, composing, roomEvent, invitation, room, participant, device, ephemeral, security, error, connecting, \
      registered, offline, lost; limeade-rpc(7) has their fields.

      The command is run directly, with its arguments split at blanks and no shell, so nothing from the network is \
      ever interpreted. When it fails, that is reported and listening goes on. It does not get what comes from strangers: \
      from devices that are no member's by the room's state.

      Answers of --echo and --reply are marked as automatic, inside the encryption, and what is marked so is not \
      answered: two bots do not talk to each other for ever. Against those that mark nothing there is a limit for each \
      room and minute (--answer-limit), with a word on standard error.
      """)

  @OptionGroup var options: GlobalOptions

  @Option(help: "Only this room.", completion: .custom(Completions.rooms))
  var room: String?

  @Option(help: "End after this many messages.")
  var count: Int?

  @Option(help: "End after this many seconds; exit code 75 if --count was not reached.")
  var timeout: Double?

  @Option(help: "Run this command for each message of others, with the message as JSON on its standard input.")
  var exec: String?

  @Flag(help: "Send what the command prints back to the room.")
  var reply = false

  @Flag(help: "Answer each message with what was received and whether it was encrypted.")
  var echo = false

  @Option(help: "Send at most this many automatic answers into a room in a minute.") var answerLimit = 20

  @Option(
    help: ArgumentHelp(
      "Save the files of others there, from the account's file server (or file-hosts) only.", valueName: "folder"),
    completion: .directory)
  var download: String?

  @Flag(help: "Tell the senders that their messages were displayed.")
  var markRead = false

  @Flag(help: "Print no messages, only what goes wrong: to hold the account for other commands, or with --exec.")
  var daemon = false

  func validate() throws {
    if echo, exec != nil { throw ValidationError("--echo and --exec exclude each other") }
    if reply, exec == nil { throw ValidationError("--reply needs --exec") }
    if let exec, !ExternalCommand(exec).isThere {
      throw ValidationError("--exec '\(exec)': there is no such program; write its path, or a name that is in PATH")
    }
    if answerLimit < 1 { throw ValidationError("--answer-limit starts at 1") }
    if let count, count < 1 { throw ValidationError("--count starts at 1") }
    if let timeout, timeout <= 0 { throw ValidationError("--timeout is a number of seconds above 0") }
  }

  func run() async throws {
    // From the beginning: a signal that comes while connecting ends it in order too.
    let signals = Interruption.signals()
    let isAttached = Latch()
    // Until the account is given back; what ended it counts, not what the end led to. One that is not there yet is not
    // waited for.
    try await Race.first(
      patience: {
        ServiceManager.stopping()
        return isAttached.isSet ? Self.goodbye : 0
      },
      { try await options.withAccount(follows: true) { try await listen($0, isAttached) } },
      { for await _ in signals { return } },
      {
        guard let timeout else { return try await Task.sleep(for: .seconds(Int32.max)) }
        try await Task.sleep(for: .seconds(timeout))
        guard count != nil else { return }
        throw CommandFailure.timedOut("no further message within \(timeout.brief) s")
      })
  }

  /// Seconds for giving the account back.
  private static let goodbye = 15.0

  private func listen(_ session: AccountSession, _ isAttached: Latch) async throws {
    try await session.attach()
    isAttached.set()
    var only: String?
    if let room { only = try await session.perform(ShowRoom(room)).summary.room.address }
    let names = options.contactFile.source
    let saver = try fileSaver(names)
    ServiceManager.ready()
    var left = count
    var limit = AnswerLimit(answerLimit)
    var fields = EventFields(for: session.account.address) {
      try? await session.perform(ShowRoom($0)).summary
    }
    // Ends when what was begun to be saved is.
    try await withThrowingDiscardingTaskGroup { group in
      for try await event in session.events {
        if let only, let other = event.room, other != only { continue }
        await fields.learn(event)
        let json = fields.jsonLine(of: event)
        show(event, json, names)
        guard case .message(let message) = event, !message.isOutgoing else { continue }
        if let saver, let download, !message.files.isEmpty, !message.isRead {
          group.addTask {
            // What goes wrong with a file is told as it happens.
            for index in message.files.indices { _ = try? await saver.save(message, index, in: download) }
          }
        }
        try await answer(message, json, session, &limit)
        if let before = left {
          left = before - 1
          if before == 1 { break }
        }
      }
    }
    try Task.checkCancellation()
  }

  /// In this process, whoever holds the account: another one keeps no files for us.
  private func fileSaver(_ names: ContactSource) throws -> FileSaver? {
    guard download != nil else { return nil }
    let account = try options.accountConfiguration()
    return FileSaver(account: account, store: try options.store(for: account, exclusive: false)) { progress in
      let event = ChatEvent.file(progress)
      show(event, event.jsonLine, names)
    }
  }

  private func answer(
    _ message: Message, _ line: String, _ session: AccountSession, _ limit: inout AnswerLimit
  ) async throws {
    // A program must not take a stranger for a member.
    guard !message.isStranger else { return }
    // Of somebody who is blocked: it counts as read when it comes.
    guard !message.isRead else { return }
    if markRead { _ = try await session.perform(MarkRoomRead(message.room)) }
    guard message.state == .received else { return }
    if echo || reply, message.isAutomatic { return }
    if echo { return try await send(Self.echo(of: message), to: message.room, session, &limit) }
    guard let exec else { return }
    let answer: String
    do { answer = try await ExternalCommand(exec).run(input: line) } catch {
      return Output.note("limeade: \(SafeLine.text(ExitStatus.text(of: error)))")
    }
    if reply, !answer.isEmpty { try await send(answer, to: message.room, session, &limit) }
  }

  private func send(
    _ answer: String, to room: String, _ session: AccountSession, _ limit: inout AnswerLimit
  ) async throws {
    switch limit.take(in: room) {
    case .allowed: _ = try await session.perform(SendText(to: room, text: answer, waits: true, automatic: true))
    case .refusedFirst: tellOfLimit(room)
    case .refused: break
    }
  }

  private func tellOfLimit(_ room: String) {
    let text = """
      \(answerLimit) automatic answers went into this room within a minute: for the rest of it no more do. Does a \
      program answer there that does not mark what it sends? (--answer-limit)
      """
    if options.json { Output.line(ChatEvent.error(room: room, text: text, code: 75).jsonLine) }
    Output.note("limeade: \(SafeLine.text(room)): \(text)")
  }

  private static func echo(of message: Message) -> String {
    "echo of \"\(message.text)\", which came \(message.isEncrypted ? "encrypted" : "NOT encrypted")"
  }

  /// - Parameter json: the line with --json.
  private func show(_ event: ChatEvent, _ json: String, _ contacts: ContactSource) {
    if case .connection(let connection) = event { ServiceManager.status(connection) }
    if daemon {
      switch event {
      case .error, .security, .connection(.offline), .file: break
      default: return
      }
      if !options.json { return Output.note(line(event, contacts) ?? "") }
    }
    if options.json {
      Output.line(json)
    } else if let line = line(event, contacts) {
      Output.line(line)
    }
  }

  private func line(_ event: ChatEvent, _ contacts: ContactSource) -> String? {
    let book = (try? contacts.read()) ?? Contacts()
    return EventLine.text(of: event) { book.name(of: $0) ?? $0 }
  }
}
