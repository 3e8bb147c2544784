// Limeade.swift: the program's entry and its top command; one file a subcommand beside it.
import ArgumentParser
import ChatCore
import Foundation
import Logging

#if canImport(CMalloc)
  import CMalloc
#endif

@main
struct Limeade: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limeade",
    abstract: "Terminal SIP chat for Flexisip, end-to-end encrypted with LIME.",
    discussion: """
      Try it without a server:
          limeade lab --write-config /tmp/lab.toml
          limeade --config /tmp/lab.toml --account alice chat
      With an account:
          limeade account add alice --address sip:alice@sip.example.org
          limeade send sip:bob@sip.example.org "hello"

      TO and ROOM are a SIP address (the encrypted one-to-one room with that person, made if absent), a contact's name \
      ('limeade contact'), somebody's name in your own domain, a room's address, or the beginning of a room's name; \
      name:NAME is a room's whole name. What has "sip:" or an "@" is never a name. A name that fits several is refused, \
      but for a contact and the room that you made or wrote to by it before.

      The first program that connects an account holds it; others ask it over a Unix socket (limeade-rpc(7)), so send, \
      listen, room, history, keys and account work beside an open chat or listen. Manual: limeade(1), limeade-config(5).

      Exit codes: 0 done, 10 a device is not trusted, 64 usage, 65 bad input, 69 server unreachable, 73 cannot write, \
      75 timed out waiting, or queued while the server is away, 76 refused by the server, 77 wrong credentials, 78 bad \
      configuration.
      """,
    version: Version.current,
    subcommands: [
      ChatCommand.self, SendCommand.self, ListenCommand.self, MessageCommand.self, RoomCommand.self,
      HistoryCommand.self, BlockCommand.self,
      FileCommand.self,
      KeysCommand.self, ContactCommand.self, AccountCommand.self, CheckCommand.self, LoadCommand.self,
      TraceCommand.self, LabCommand.self,
      KeyserverCommand.self,
    ])

  @OptionGroup var options: GlobalOptions

  static func main() async {
    #if canImport(CMalloc)
      // Else each thread keeps freed memory for itself, some megabytes in a burst; it costs no time that can be measured.
      mallopt(M_ARENA_MAX, 1)
    #endif
    EnvironmentSecrets.take()
    Output.fillStandardDescriptors()
    // A peer that closes its end must not end the program.
    signal(SIGPIPE, SIG_IGN)
    // A core file would hold keys and texts.
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
    let arguments = FreeText.ordered(Array(CommandLine.arguments.dropFirst()))
    do {
      var command = try await asyncParseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
    } catch let error where ExitStatus.isOurs(error) {
      FailureReport.end(ExitStatus.code(of: error), ExitStatus.line(ExitStatus.text(of: error)), of: arguments)
    } catch  where exitCode(for: error) == .validationFailure {
      FailureReport.endUsage(UsageLine.folded(fullMessage(for: error)), brief: message(for: error), of: arguments)
    } catch {
      let text = fullMessage(for: error)
      let ours = CompletionScript.inert(text) ?? UsageLine.folded(text)
      guard exitCode(for: error) == .success, ours != text else { exit(withError: error) }
      Output.line(ours)
      Foundation.exit(exitCode(for: error).rawValue)
    }
  }
}

/// Options of every subcommand; they may stand before or after its name.
struct GlobalOptions: ParsableArguments, Sendable {
  @Option(name: .long, help: "Configuration file (default: $XDG_CONFIG_HOME/limeade/config.toml).", completion: .file())
  var config: String?

  @Option(
    name: .long, help: "The account to use (default: the file's `default`, or its only account).",
    completion: .custom(Completions.accounts))
  var account: String?

  @Flag(name: .long, help: "Print one JSON object a line.")
  var json = false

  @Flag(name: .shortAndLong, help: "Say on standard error what happens.")
  var verbose = false

  @Option(name: .long, help: "Append what happens to this file, without texts and secrets.", completion: .file())
  var logFile: String?

  @Option(name: .long, help: "How much (default: info).")
  var logLevel: LogLevel?

  @Option(
    name: .long,
    help: "Append every SIP message to this file, without credentials. Texts of unencrypted rooms are in it.",
    completion: .file())
  var trace: String?

  /// Of servers, which see no account's messages as the account does.
  func refuseTrace() throws {
    guard trace == nil else { throw ValidationError("a server writes no trace: give --trace to its clients") }
  }
}

/// The levels of swift-log, by name.
struct LogLevel: ExpressibleByArgument, Sendable {
  let level: Logger.Level
  init?(argument: String) {
    guard let level = Logger.Level(rawValue: argument) else { return nil }
    self.level = level
  }
  static var allValueStrings: [String] { Logger.Level.allCases.map(\.rawValue) }
}
