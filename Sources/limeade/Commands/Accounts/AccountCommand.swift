// AccountCommand.swift: limeade account add|show: the accounts of the configuration file.
import AccountService
import ArgumentParser
import ChatCore
import Foundation
import Lime
import MessageFormats

struct AccountCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "account", abstract: "Add, show and remove accounts; protect their keys.",
    subcommands: [Add.self, Show.self, Remove.self, AccountPassphraseCommand.self])

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add an account to the configuration file, after trying it.",
      discussion: """
        limeade account add work --address sip:alice@sip.example.org \\
            --outbound-proxy "sip:sip.example.org;transport=tls" \\
            --key-server https://lime.example.org/lime-server.php \\
            --password-command "pass show sip/alice"

        Without --password-command the password is asked for, or read from standard input when that is not a \
        terminal, and kept in the file (which only you can read).
        """)

    @OptionGroup var options: GlobalOptions
    @Argument(help: "What to call it.") var name: String
    @Option(help: "SIP address, sip:you@your.domain.") var address: String
    @Option(help: "A command that prints the password.") var passwordCommand: String?
    @Option(help: "Where requests go first; default: the domain.") var outboundProxy: String?
    @Option(help: "What the server asks the password for; the domain without it.") var realm: String?
    @Option(help: "Default: sip:conference-factory@<domain>.") var conferenceFactory: String?
    @Option(help: "LIME key server URL; without it nothing is encrypted.") var keyServer: String?
    @Option(help: "File transfer server URL.") var fileServer: String?
    @Option(help: "c25519 or c448.") var curve: String?
    @Option(help: "PEM file of certificate authorities.", completion: .file()) var caFile: String?
    @Flag(help: "Write it without trying to register.") var noTry = false

    func run() async throws {
      Output.onlyReports = true
      let path = options.config ?? ConfigurationFile.defaultPath
      let old = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      if !old.isEmpty {
        let file = try ConfigurationFile(path: path)
        guard !file.accountNames.contains(name) else {
          throw CommandFailure.badInput("\(path) already has [account.\(name)]")
        }
      }
      var values = [("address", address.contains(":") || !address.contains("@") ? address : "sip:\(address)")]
      if let passwordCommand {
        values.append(("password-command", passwordCommand))
      } else {
        values.append(("password", try PasswordPrompt.read()))
      }
      let optional = [
        ("realm", realm), ("outbound-proxy", outboundProxy), ("conference-factory", conferenceFactory),
        ("key-server", keyServer),
        ("file-server", fileServer), ("curve", curve), ("ca-file", caFile),
      ]
      values += optional.compactMap { key, value in value.map { (key, $0) } }
      let table = AccountWriter.table(name: name, values: values)
      let trial = AccountTrial(name: name, table: table, options: options)
      // A mistake is to show now.
      if noTry { _ = try trial.configuration() } else { try await trial.run() }
      let start = old.isEmpty ? "default = \(AccountWriter.quoted(name))\n" : old
      try AccountWriter.writePrivately(start + table, to: path)
      Output.line(
        options.json
          ? JSONLine.string(["event": "account", "account": name, "address": address, "config": path])
          : "added [account.\(name)] to \(path)")
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the account's settings, without the password.")

    @OptionGroup var options: GlobalOptions

    func run() async throws {
      let account = try options.accountConfiguration(withPassword: false)
      let holder = try await options.perform(ShowAccount())
      var rows = Self.rows(
        account, device: holder.device, data: ConfigurationFile.dataDirectory(account: account.name))
      rows.append(("held-by", holder.process == getpid() ? nil : "process \(holder.process)"))
      if options.json {
        Output.line(JSONLine.string(Dictionary(rows.compactMap { row in row.1.map { (row.0, $0) } }) { $1 }))
      } else {
        for (key, value) in rows {
          Output.line("\(key.padding(toLength: 20, withPad: " ", startingAt: 0))\(value ?? "-")")
        }
      }
    }

    /// The settings by name, without the password; nil for what is not set.
    static func rows(_ account: AccountConfiguration, device: String?, data: URL) -> [(String, String?)] {
      [
        ("account", account.name), ("address", account.address.description), ("device", device),
        ("realm", account.realm), ("outbound-proxy", account.outboundProxy?.description),
        ("conference-factory", account.conferenceFactory.description),
        ("key-server", account.keyServer?.absoluteString), ("file-server", account.fileServer?.absoluteString),
        ("curve", account.curve.name), ("ca-file", account.caFile),
        ("name-server", account.nameServer?.description), ("data", data.path),
      ]
    }
  }
}
