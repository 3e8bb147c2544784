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
      limeade chat
          all rooms; /help inside lists commands and keys
      limeade chat "Lab team"
          opens this room
      limeade chat sip:bob@example.org
          opens the encrypted room with this person, made if absent
      limeade chat
          without a configuration: asks for the account, tries it, writes the file
      limeade chat --plain
          line by line, for screen readers and dumb terminals; the same commands
      something | limeade chat --plain ROOM
          lines of a pipe are sent as they are, what happens is printed

      On a terminal --plain shows the last messages of a room when it opens, and the messages of other rooms with their \
      room's name; what comes leaves the line being typed alone. A terminal with TERM=dumb gets it unasked.
      """)

  @OptionGroup var options: GlobalOptions

  @Argument(
    help: "A SIP address, a contact, a room address, or the beginning of a room's name.",
    completion: .custom(Completions.rooms))
  var room: String?

  @Flag(help: "Line by line; from a pipe: lines of standard input are sent, what happens is printed.")
  var plain = false

  @Flag(help: "With --plain on a terminal: say how far each of your messages came.")
  var showReceipts = false

  @Option(help: "auto, dark, light, contrast, palette, none (also: NO_COLOR), or one of your own (limeade-config(5)).")
  var theme: String?

  func validate() throws {
    if plain, room == nil, !hasTerminal { throw ValidationError("--plain needs a ROOM where there is no terminal") }
  }

  /// Somebody types, and reads what is printed.
  private var hasTerminal: Bool { isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1 && !options.json }

  private var isLineByLine: Bool {
    hasTerminal && (plain || ["dumb", "", nil].contains(ProcessInfo.processInfo.environment["TERM"]))
  }

  func run() async throws {
    if plain, !hasTerminal, let room {
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
    let memory = PassphraseMemory()
    let session = try options.session(follows: true, lastingWith: memory)
    do { try await session.attach() } catch {
      await session.close()
      throw error
    }
    let store = try options.store(for: session.account, exclusive: false)
    // Asked for now: when the program that holds the account ends, this one takes it.
    if memory.passphrase == nil { try AccountUnlocking.unlock(store, of: session.account, remembering: memory) }
    let errorFile = store.directory.appendingPathComponent("stderr.log").path
    let lines = isLineByLine ? await LineScreen(showsReceipts: showReceipts) : nil
    let result = await ChatScreen(session: session, store: store, configuration: configuration, lines: lines)
      .run(opening: room, errorFile: errorFile)
    await session.close(flushingWithin: .seconds(2))
    try result.get()
  }
}
