// ChatCommand.swift: limeade chat: the terminal UI, or with --plain a conversation line by line.
import ArgumentParser
import ChatCore
import Foundation
import TerminalUI

struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat",
    abstract: "Chat in the terminal.",
    discussion: """
      limeade chat                      all rooms; /help inside lists commands and keys
      limeade chat "Lab team"           opens this room
      limeade chat sip:bob@example.org  opens the encrypted room with this person, made if absent
      limeade chat                      without a configuration: asks for the account, tries it, writes the file
      limeade chat --plain ROOM         line by line, without moving the cursor: for pipes, dumb terminals and \
      screen readers
      """)

  @OptionGroup var options: GlobalOptions

  @Argument(help: "A SIP address, a room address, or the beginning of a room's name.")
  var room: String?

  @Flag(help: "Line by line: lines of standard input are sent, what happens is printed.")
  var plain = false

  @Option(help: "dark, light, none (also: NO_COLOR), or a theme of your own (limeade-config: themes).")
  var theme: String?

  func validate() throws {
    if plain, room == nil { throw ValidationError("--plain needs a ROOM") }
  }

  func run() async throws {
    if plain, let room {
      try await options.withClient { client, events in
        try await PlainChat(client: client, room: client.room(for: room), json: options.json).run(events)
      }
      return
    }
    if var first = FirstRun(options) { try await first.run() }
    let configuration = try InterfaceConfiguration(
      try ConfigurationFile(path: options.config), theme: theme, environment: ProcessInfo.processInfo.environment)
    let account = try options.accountConfiguration()
    let store = try options.store(for: account, exclusive: true)
    let client = ChatClient(account: account, store: store, logger: options.logger)
    let errorFile = store.directory.appendingPathComponent("stderr.log").path
    let result = await ChatScreen(client: client, configuration: configuration).run(opening: room, errorFile: errorFile)
    await client.flushOutbox(within: .seconds(2))
    await client.stop()
    try result.get()
  }
}
