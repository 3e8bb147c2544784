// MessageCommand.swift: limeade message react|edit|retract|forward: what can be done with a message that is there.
import AccountService
import ArgumentParser
import ChatCore
import Foundation

struct MessageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "message", abstract: "React to, edit, retract and forward messages.",
    discussion: """
      limeade message react Ops last 👍
          to the newest message of somebody else
      limeade message edit Ops last "deployed at 9:30"
          the newest message of your own gets another text
      limeade message retract Ops hT3kQzV0aWsd
          deleted for everyone
      limeade message forward Ops last "Lab team"
          its text goes to another room, with its author's name

      ID is what 'limeade history ROOM --ids' shows and "id" in --json, or 'last'. An answer to a message is \
      'limeade send ROOM TEXT --reply-to ID'. An id that begins with "-" is no \
      option, and neither is what stands in the place of the new text.

      Linphone knows reactions from 5.3 on, edits and retractions from 5.5 on. Older versions show a reaction and an \
      edit as another message and keep what was retracted.

      While the server is away all four are kept as the texts of 'limeade send' are (exit code 75).
      """,
    subcommands: [React.self, Edit.self, Retract.self, Forward.self])

  struct Target: ParsableArguments {
    @Argument(
      help: "A room's address, a contact, or the beginning of its name.", completion: .custom(Completions.rooms))
    var room: String
    @Argument(help: "The message's id, or 'last'.") var id: String
  }

  struct React: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "React to a message with an emoji, or take that back.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: Target
    @Argument(help: "One emoji. It replaces your earlier reaction.") var emoji: String?
    @Flag(help: "Take your reaction back.") var remove = false
    @Option(help: "Give up waiting after this many seconds (exit code 75).") var timeout: Double = 60
    @OptionGroup var queue: QueueOption

    func validate() throws {
      if (emoji == nil) != remove { throw ValidationError("give an emoji, or --remove") }
    }

    func run() async throws {
      try await options.change(
        ReactToMessage(room: target.room, id: target.id, emoji: emoji ?? "", queue: queue.parameter), queue,
        timeout: timeout)
    }
  }

  struct Edit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give a message of your own another text.",
      discussion: "Linphone before 5.5 shows the new text as a message of its own, below the old one.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: Target
    @Argument(help: "The new text.") var text: String
    @Option(help: "Give up waiting after this many seconds (exit code 75).") var timeout: Double = 60
    @OptionGroup var queue: QueueOption

    func run() async throws {
      try await options.change(
        EditMessage(room: target.room, id: target.id, text: text, queue: queue.parameter), queue,
        timeout: timeout)
    }
  }

  struct Retract: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Delete a message of your own for everyone.",
      discussion: "Linphone before 5.5 keeps the message, and shows another that says it was deleted.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: Target
    @Option(help: "Give up waiting after this many seconds (exit code 75).") var timeout: Double = 60
    @OptionGroup var queue: QueueOption

    func run() async throws {
      try await options.change(
        RetractMessage(room: target.room, id: target.id, queue: queue.parameter), queue, timeout: timeout)
    }
  }

  struct Forward: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send a message's text to another room.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: Target
    @Argument(help: "A SIP address, a contact, a room address, or the beginning of a room's name.") var to: String
    @Flag(help: "Also what was encrypted, to a room that is not: its server could read it.")
    var unencrypted = false
    @Option(help: "Give up waiting after this many seconds (exit code 75).") var timeout: Double = 60
    @OptionGroup var queue: QueueOption

    func run() async throws {
      Output.onlyReports = true
      let order = ForwardMessage(
        room: target.room, id: target.id, to: to, unencrypted: unencrypted, queue: queue.parameter)
      try await options.withOutbox(queue, timeout: timeout) { session, connection in
        let message = try await Deadline.run(
          seconds: timeout, or: "the server did not answer within \(timeout.brief) s; nothing was sent"
        ) { try await session.perform(order) }
        let progress = SendProgress(
          message, until: .sent, session: session, connection: connection, json: options.json)
        try await progress.within(seconds: timeout, or: "the message was not sent within \(timeout.brief) s") {
          try await progress.follow()
        }
      }
    }
  }
}

extension GlobalOptions {
  /// Makes a change and waits until the server has it.
  fileprivate func change<Operation: AccountOperation>(
    _ operation: Operation, _ queue: QueueOption, timeout: Double
  ) async throws where Operation.Output == MessageChange {
    let json = json
    Output.onlyReports = true
    try await withOutbox(queue, timeout: timeout) { session, connection in
      let change = try await Deadline.run(
        seconds: timeout, or: "the server did not answer within \(timeout.brief) s; nothing was sent"
      ) { try await session.perform(operation) }
      let queued = json ? ChatEvent.change(change).jsonLine : "queued \(change.messageID)"
      if let failure = connection.failure {
        Output.line(queued)
        throw failure
      }
      let late = "it was not sent within \(timeout.brief) s"
      do {
        try await Deadline.run(seconds: timeout, or: late) {
          try await follow(change, session, connection) { Output.line(queued) }
        }
      } catch let failure as CommandFailure where failure.code == 75 && failure.text == late {
        Output.line(queued)
        throw CommandFailure.timedOut(late + OutboxConnection.kept)
      }
    }
  }

  /// Returns when the server has the change.
  /// - Parameter wait: called before the failure is thrown when it waits for a server that is away.
  private func follow(
    _ change: MessageChange, _ session: AccountSession, _ connection: OutboxConnection, _ wait: () -> Void
  ) async throws {
    var connection = connection
    for try await event in session.events {
      connection.note(event)
      switch event {
      case .error(change.room, let text, _):
        if json { Output.line(event.jsonLine) } else { Output.note("limeade: \(SafeLine.text(text))") }
      case .security(change.room, _, let text):
        // A device came into the room after the look at its devices: the change waits for it.
        let trust = try await session.perform(ShowRoom(change.room)).trust
        guard !trust.devices.contains(where: { $0.isHeld(by: session.account.newDevices) }) else {
          throw CommandFailure(code: ExitStatus.untrusted, text: text)
        }
        if json { Output.line(event.jsonLine) } else { Output.note("limeade: \(SafeLine.text(text))") }
      case .connection(.offline):
        guard let failure = connection.failure else { continue }
        wait()
        throw failure
      default: break
      }
      guard case .change(let now) = event, now.kind == change.kind, now.messageID == change.messageID,
        now.sender == change.sender, now.state != .queued
      else { continue }
      Output.line(json ? event.jsonLine : "\(now.state.rawValue) \(now.messageID)")
      if let failure = now.failure { throw CommandFailure(code: 76, text: failure) }
      return
    }
  }
}
