// ListenCommand.swift: limeade listen: prints what arrives, and lets a command answer it.
import ArgumentParser
import ChatCore
import Foundation

struct ListenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "listen",
    abstract: "Print messages as they arrive.",
    discussion: """
      limeade listen --json                          every event as a JSON object a line
      limeade listen --room Ops --count 1            until one message came in this room
      limeade listen --exec ./answer.sh --reply      a bot: the command gets the message as JSON on standard \
      input, and what it prints is sent back

      Events of --json: message (and its sent, failed, delivered, displayed), reaction, edited, retracted, expired, \
      composing, room, participant, device, security, error, connecting, registered, offline.

      The command is run directly, with its arguments split at blanks and no shell, so nothing from the network is \
      ever interpreted.
      """)

  @OptionGroup var options: GlobalOptions

  @Option(help: "Only this room.")
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

  @Flag(help: "Tell the senders that their messages were displayed.")
  var markRead = false

  func validate() throws {
    if echo, exec != nil { throw ValidationError("--echo and --exec exclude each other") }
    if reply, exec == nil { throw ValidationError("--reply needs --exec") }
    if let count, count < 1 { throw ValidationError("--count starts at 1") }
  }

  func run() async throws {
    try await options.withClient { client, events in
      var address: String?
      if let room { address = try await client.store.room(named: room, for: client.account.address).room.address }
      let only = address
      let command = self
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await command.printMessages(events, client: client, room: only) }
        group.addTask { for await _ in Interruption.signals() { return } }
        if let timeout {
          group.addTask {
            try await Task.sleep(for: .seconds(timeout))
            guard command.count != nil else { return }
            throw CommandFailure.timedOut("no further message within \(timeout.formatted()) s")
          }
        }
        defer { group.cancelAll() }
        try await group.next()
      }
    }
  }

  private func printMessages(_ events: AsyncStream<ChatEvent>, client: ChatClient, room: String?) async throws {
    var left = count
    for await event in events {
      if let room, let other = event.room, other != room { continue }
      show(event)
      guard case .message(let message) = event, !message.isOutgoing else { continue }
      if markRead { try await client.markRead(message.room) }
      if echo, message.state == .received { _ = try await client.send(Self.echo(of: message), to: message.room) }
      if let exec, message.state == .received {
        let answer = try await ExternalCommand(exec).run(input: event.jsonLine)
        if reply, !answer.isEmpty { _ = try await client.send(answer, to: message.room) }
      }
      if let before = left {
        left = before - 1
        if before == 1 { return }
      }
    }
  }

  private static func echo(of message: Message) -> String {
    "echo of \"\(message.text)\", which came \(message.isEncrypted ? "encrypted" : "NOT encrypted")"
  }

  private func show(_ event: ChatEvent) {
    if options.json {
      Output.line(event.jsonLine)
    } else if let line = EventLine.text(of: event) {
      Output.line(line)
    }
  }
}
