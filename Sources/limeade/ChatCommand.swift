// ChatCommand.swift: limeade chat: the terminal UI, or with --plain a conversation line by line.
import AccountService
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

  @Argument(
    help: "A SIP address, a room address, or the beginning of a room's name.",
    completion: .custom(Completions.rooms))
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
      try await options.withAccount(follows: true) { session in
        try await PlainChat(
          session: session, room: try await session.perform(OpenRoom(to: room)), json: options.json
        ).run()
      }
      return
    }
    if var first = FirstRun(options) { try await first.run() }
    let configuration = try InterfaceConfiguration(
      try ConfigurationFile(path: options.config), theme: theme, environment: ProcessInfo.processInfo.environment)
    let client = try options.client()
    let held = try HeldAccount(client)
    let account = client.account
    if account.downloadsAutomatically { await client.saveAutomatically(in: ChatScreen.downloadFolder(account)) }
    let errorFile = client.store.directory.appendingPathComponent("stderr.log").path
    let result = await ChatScreen(client: client, configuration: configuration).run(opening: room, errorFile: errorFile)
    await held.close(flushingWithin: .seconds(2))
    try result.get()
  }
}
