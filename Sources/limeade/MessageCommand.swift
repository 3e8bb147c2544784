// MessageCommand.swift: limeade message react|edit|retract|forward: what can be done with a message that is there.
import ArgumentParser
import ChatCore
import Foundation

struct MessageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "message", abstract: "React to, edit, retract and forward messages.",
    discussion: """
      limeade message react Ops last 👍                 to the newest message of somebody else
      limeade message edit Ops last "deployed at 9:30"  the newest message of your own gets another text
      limeade message retract Ops hT3kQzV0aWsd          deleted for everyone
      limeade message forward Ops last "Lab team"       its text goes to another room, with its author's name

      ID is what 'limeade history ROOM --ids' shows and "id" in --json, or 'last'. An answer to a message is \
      'limeade send ROOM TEXT --reply-to ID'.

      Linphone knows reactions from 5.3 on, edits and retractions from 5.5 on. Older versions show a reaction and an \
      edit as another message and keep what was retracted.
      """,
    subcommands: [React.self, Edit.self, Retract.self, Forward.self])

  struct Target: ParsableArguments {
    @Argument(help: "A room's address or the beginning of its name.") var room: String
    @Argument(help: "The message's id, or 'last'.") var id: String
  }

  struct React: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "React to a message with an emoji, or take that back.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: Target
    @Argument(help: "One emoji. It replaces your earlier reaction.") var emoji: String?
    @Flag(help: "Take your reaction back.") var remove = false
    @Option(help: "Give up waiting after this many seconds (exit code 75).") var timeout: Double = 60

    func validate() throws {
      if (emoji == nil) != remove { throw ValidationError("give an emoji, or --remove") }
    }

    func run() async throws {
      let text = emoji ?? ""
      try await options.changeMessage(target, .others, timeout: timeout) { client, room, id in
        try await client.react(text, to: id, in: room)
      }
    }
  }

  struct Edit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Give a message of your own another text.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: Target
    @Argument(help: "The new text.") var text: String
    @Option(help: "Give up waiting after this many seconds (exit code 75).") var timeout: Double = 60

    func run() async throws {
      let text = text
      try await options.changeMessage(target, .own, timeout: timeout) { client, room, id in
        try await client.edit(id, in: room, to: text)
      }
    }
  }

  struct Retract: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Delete a message of your own for everyone.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: Target
    @Option(help: "Give up waiting after this many seconds (exit code 75).") var timeout: Double = 60

    func run() async throws {
      try await options.changeMessage(target, .own, timeout: timeout) { client, room, id in
        try await client.retract(id, in: room)
      }
    }
  }

  struct Forward: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send a message's text to another room.")

    @OptionGroup var options: GlobalOptions
    @OptionGroup var target: Target
    @Argument(help: "A SIP address, a room address, or the beginning of a room's name.") var to: String
    @Option(help: "Give up waiting after this many seconds (exit code 75).") var timeout: Double = 60

    func run() async throws {
      try await options.withClient { client in
        let events = client.events()
        let room = try await client.store.room(named: target.room, for: client.account.address).room.address
        let id = try await client.store.messageID(target.id, in: room, .anyone)
        let destination = try await client.room(for: to).room.address
        let message = try await client.forward(id, from: room, to: destination)
        let json = options.json
        try await Deadline.run(seconds: timeout, or: "the message was not sent in time; it stays in the outbox") {
          for await event in events {
            guard case .messageState(let changed) = event, changed.messageID == message.messageID else { continue }
            Output.line(json ? event.jsonLine : "\(changed.state.rawValue) \(changed.messageID)")
            if let failure = changed.failure { throw CommandFailure(code: 76, text: failure) }
            return
          }
        }
      }
    }
  }
}

extension GlobalOptions {
  /// Makes a change and waits until the server has it.
  fileprivate func changeMessage(
    _ target: MessageCommand.Target, _ author: MessageAuthor, timeout: Double,
    _ make: (ChatClient, _ room: String, _ id: String) async throws -> MessageChange
  ) async throws {
    let json = json
    try await withClient { client in
      let events = client.events()
      let room = try await client.store.room(named: target.room, for: client.account.address).room.address
      let change = try await make(client, room, try await client.store.messageID(target.id, in: room, author))
      try await Deadline.run(seconds: timeout, or: "it was not sent in time; it stays in the outbox") {
        for await event in events {
          if case .error(_, let text) = event { Output.note("limeade: \(SafeLine.text(text))") }
          guard case .change(let now) = event, now.kind == change.kind, now.messageID == change.messageID,
            now.sender == change.sender, now.state != .queued
          else { continue }
          Output.line(json ? event.jsonLine : "\(now.state.rawValue) \(now.messageID)")
          if let failure = now.failure { throw CommandFailure(code: 76, text: failure) }
          return
        }
      }
    }
  }
}
