// Completions.swift: what the shells offer for accounts and rooms (limeade --generate-completion-script).
import AccountService
import ChatCore
import Foundation

enum Completions {
  /// Names of the configuration file's accounts.
  @Sendable static func accounts(_ words: [String], _ index: Int, _ prefix: String) -> [String] {
    (try? ConfigurationFile(path: value(of: "--config", in: words)))?.accountNames ?? []
  }

  /// Names of the account's rooms, from its database: nothing is asked of anybody.
  @Sendable static func rooms(_ words: [String], _ index: Int, _ prefix: String) async -> [String] {
    guard let file = try? ConfigurationFile(path: value(of: "--config", in: words)),
      let account = try? file.account(named: value(of: "--account", in: words), withPassword: false)
    else { return [] }
    let folder = ConfigurationFile.dataDirectory(account: account.name)
    // A store that is not there is not made for this.
    guard FileManager.default.fileExists(atPath: folder.appendingPathComponent("limeade.sqlite").path),
      let store = try? AccountStore(directory: folder, exclusive: false), let rooms = try? await store.rooms()
    else { return [] }
    return rooms.filter { $0.room.state != .left }.map { SafeLine.text($0.displayName(for: account.address)) }
  }

  private static func value(of option: String, in words: [String]) -> String? {
    for (index, word) in words.enumerated() {
      if word == option, index + 1 < words.count { return words[index + 1] }
      if word.hasPrefix(option + "=") { return String(word.dropFirst(option.count + 1)) }
    }
    return nil
  }
}
