// Completions.swift: what the shells offer for accounts and rooms (limeade --generate-completion-script).
import AccountService
import ChatCore
import Foundation
import TerminalUI

enum Completions {
  /// Names of the configuration file's accounts.
  @Sendable static func accounts(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
    let names = (try? ConfigurationFile(path: value(of: "--config", in: words)))?.accountNames ?? []
    return ShellWords.offered(names.filter(isGood))
  }

  /// Names of the address book.
  @Sendable static func contacts(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
    let contacts = try? ContactFile(beside: value(of: "--config", in: words)).read()
    return ShellWords.offered((contacts?.all ?? []).map(\.name).filter(isGood))
  }

  /// The account's rooms, from its database: nothing is asked of anybody.
  @Sendable static func rooms(_ words: [String], _ index: Int, _ prefix: String) async -> [String] {
    await rooms(words, left: false)
  }

  /// Also those that were left, whose messages are still there.
  @Sendable static func allRooms(_ words: [String], _ index: Int, _ prefix: String) async -> [String] {
    await rooms(words, left: true)
  }

  private static func rooms(_ words: [String], left: Bool) async -> [String] {
    guard let file = try? ConfigurationFile(path: value(of: "--config", in: words)),
      let account = try? file.account(named: value(of: "--account", in: words), withPassword: false)
    else { return [] }
    let folder = ConfigurationFile.dataDirectory(account: account.name)
    // A store that is not there is not made for this.
    guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("limeade.sqlite").path),
      let store = try? AccountStore(
        directory: folder, exclusive: false, contacts: ContactFile(beside: value(of: "--config", in: words)).source),
      let names = try? await store.roomWords(for: account.address, left: left, where: isGood)
    else { return [] }
    return ShellWords.offered(names.filter(isGood))
  }

  /// A name as it is shown, that is no option ("-"), no home folder ("~") and no description (":" first, for zsh).
  private static func isGood(_ name: String) -> Bool {
    guard let first = name.first, !"-~:".contains(first), name == DisplayText.line(name) else { return false }
    return !name.contains("\\") && name.last?.isWhitespace == false && !first.isWhitespace
  }

  private static func value(of option: String, in words: [String]) -> String? {
    for (index, word) in words.enumerated() {
      if word == option, index + 1 < words.count { return ShellWords.unquoted(words[index + 1]) }
      if word.hasPrefix(option + "=") { return ShellWords.unquoted(String(word.dropFirst(option.count + 1))) }
    }
    return nil
  }
}
