// AccountRemoveCommand.swift: limeade account remove: out of the configuration file, and with --purge out of the world.
import ArgumentParser
import ChatCore
import Foundation
import TOMLKit

extension AccountCommand {
  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take an account out of the configuration file.",
      discussion: """
        The account's data stay where they are, and the device stays in its rooms: with the same account added again \
        everything is there.

        limeade account remove old --purge
            also takes the device out of its rooms and its keys off the key server, and
            deletes keys, messages and files; this cannot be undone
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "The account's name.", completion: .custom(Completions.accounts)) var name: String
    @Flag(help: "Give the device up, and delete its keys and messages.") var purge = false

    func run() async throws {
      Output.onlyReports = true
      let path = options.config ?? ConfigurationFile.defaultPath
      var options = options
      options.account = name
      let account = try options.accountConfiguration(withPassword: false)
      let rest = try Self.remove(name, from: path)
      let data = ConfigurationFile.dataDirectory(account: account.name)
      if purge { try await Self.giveUp(options, data: data, stateOf: account.name) }
      try AccountWriter.writePrivately(rest, to: path)
      if options.json {
        return Output.line(
          JSONLine.string(["event": "account", "account": name, "config": path, "removed": true, "purged": purge]))
      }
      Output.line("took [account.\(name)] out of \(path)")
      if !purge, FileManager.default.fileExists(atPath: data.path) { Output.line("its data stay in \(data.path)") }
    }

    /// The file's text without the account.
    /// - Throws: exit code 65 when anything else of it would change.
    private static func remove(_ name: String, from path: String) throws -> String {
      let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      let old = try? TOMLTable(string: text)
      let isDefault = old?["default"]?.string == name
      let rest = ConfigurationLines(text).text(without: ["account", name], andKey: isDefault ? "default" : nil)
      if let old, let new = try? TOMLTable(string: rest) {
        old["account"]?.table?.remove(at: name)
        if old["account"]?.table?.isEmpty == true { old.remove(at: "account") }
        if isDefault { old.remove(at: "default") }
        if old.convert(to: .json) == new.convert(to: .json) { return rest }
      }
      throw CommandFailure.badInput(
        "[account.\(name)] is written in a way that is not understood: take it out of \(path)")
    }

    private static func giveUp(_ options: GlobalOptions, data: URL, stateOf account: String) async throws {
      let client = try options.client()
      do {
        try await client.start()
        try await client.giveUp()
      } catch {
        await client.stop()
        throw CommandFailure(
          code: ExitStatus.code(of: error),
          text: "\(ExitStatus.text(of: error)); nothing was removed: without --purge it can be")
      }
      do {
        try client.store.close()
        try FileManager.default.removeItem(at: data)
        let state = ConfigurationFile.stateDirectory(account: account)
        if FileManager.default.fileExists(atPath: state.path) { try FileManager.default.removeItem(at: state) }
      } catch { throw CommandFailure.cannotWrite("\(data.path) cannot be deleted: \(error.localizedDescription)") }
    }
  }
}
