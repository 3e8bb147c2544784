// AccountPassphraseCommand.swift: limeade account passphrase, and asking for it before an account's keys are used.
import ArgumentParser
import ChatCore
import Foundation
import Lime

struct AccountPassphraseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "passphrase", abstract: "Protect the account's keys with a passphrase, change or remove it.",
    discussion: """
      Private keys, ratchets and keys of missing messages are encrypted on disk. Message texts, rooms and members are \
      not. The new passphrase is asked for twice, or is the first line of standard input when that is not a terminal. \
      From then on it is asked for once by each command that uses the keys; passphrase-command in the configuration \
      file, or LIMEADE_PASSPHRASE in the environment, gives it instead.

      Nobody can recover a forgotten passphrase: the keys are lost. Then remove the account's data folder ('limeade \
      account show' names it); the next start makes a new device, which does not read what came before, and members \
      remove the old one from rooms.
      """)

  @OptionGroup var options: GlobalOptions
  @Flag(help: "Store the keys without a passphrase again.") var remove = false

  func run() async throws {
    Output.onlyReports = true
    let account = try options.accountConfiguration(withPassword: false)
    let store = try options.store(for: account, exclusive: true)
    let hadPassphrase = try store.hasPassphrase
    if remove {
      guard hadPassphrase else { throw CommandFailure.badInput("the account \(account.name) has no passphrase") }
      try store.removePassphrase()
      return report(account, "removed", "the keys of \(account.name) are stored without a passphrase")
    }
    let isClean = try store.setPassphrase(Self.newPassphrase(account))
    report(
      account, hadPassphrase ? "changed" : "set",
      """
      the passphrase of \(account.name) is \(hadPassphrase ? "changed" : "set"). Without it the keys are lost: keep it \
      where you find it. Message texts are not encrypted by it
      """)
    if hadPassphrase, account.passphraseCommand != nil {
      Output.note("limeade: passphrase-command has to give the new one from now on")
    }
    if !isClean {
      Output.note("limeade: another program reads the account's data; old copies of keys are removed at the next start")
    }
  }

  private func report(_ account: AccountConfiguration, _ event: String, _ text: String) {
    Output.line(
      options.json
        ? JSONLine.string(["event": "passphrase", "account": account.name, "passphrase": event]) : text)
  }

  private static func newPassphrase(_ account: AccountConfiguration) throws -> Passphrase {
    let isTerminal = AccountUnlocking.isTerminal
    let first = isTerminal ? try PasswordPrompt.ask("New passphrase for \(account.name): ") : readLine() ?? ""
    guard !first.isEmpty else { throw CommandFailure.badInput("no new passphrase given; nothing was changed") }
    if isTerminal, try PasswordPrompt.ask("Again: ") != first {
      throw CommandFailure.badInput("the two passphrases differ; nothing was changed")
    }
    do { return try Passphrase(Array(first.utf8)) } catch { throw CommandFailure.badInput("\(error)") }
  }
}

/// A passphrase that a program asks for once, for when it takes the account again.
///
/// `@unchecked Sendable`: the value is only touched under `lock`.
final class PassphraseMemory: @unchecked Sendable {
  private let lock = NSLock()
  private var value: Passphrase?

  var passphrase: Passphrase? {
    get { lock.withLock { value } }
    set { lock.withLock { value = newValue } }
  }
}

enum AccountUnlocking {
  /// Gives the store its passphrase if it has one: from the environment, the configured command, or the terminal.
  /// - Parameter memory: from where it is taken, when it was asked for before.
  static func unlock(
    _ store: AccountStore, of account: AccountConfiguration, remembering memory: PassphraseMemory? = nil
  ) throws {
    guard try store.isLocked else { return }
    do {
      let passphrase = try memory?.passphrase ?? passphrase(account)
      try store.unlock(with: passphrase)
      memory?.passphrase = passphrase
    } catch LimeError.wrongPassphrase {
      throw CommandFailure(
        code: 77,
        text: """
          wrong passphrase for the account \(account.name). If it is forgotten the keys are lost: 'limeade account \
          passphrase --help' says what to do then
          """)
    }
  }

  static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

  private static func passphrase(_ account: AccountConfiguration) throws -> Passphrase {
    if let given = EnvironmentSecrets.value(of: EnvironmentSecrets.passphrase) {
      return try Passphrase(Array(given.utf8))
    }
    if let command = account.passphraseCommand {
      return try Passphrase(
        Array(
          SecretCommand.run(
            "passphrase-command", command, timeout: account.passwordTimeout, failure: CommandFailure.badConfiguration
          ).utf8))
    }
    guard isTerminal else {
      throw CommandFailure.badConfiguration(
        """
        the keys of the account \(account.name) are protected by a passphrase, and there is no terminal to ask for it: \
        set passphrase-command in [account.\(account.name)], or LIMEADE_PASSPHRASE in the environment
        """)
    }
    let typed = try PasswordPrompt.ask("Passphrase for \(account.name): ")
    guard !typed.isEmpty else { throw LimeError.wrongPassphrase }
    return try Passphrase(Array(typed.utf8))
  }
}
