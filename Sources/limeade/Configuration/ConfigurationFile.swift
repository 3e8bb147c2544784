// ConfigurationFile.swift: config.toml (TOML 1.0): reading, checking and adding accounts (design: configuration).
import ChatCore
import FileTransfer
import FlexisipCheck
import Foundation
import Lime
import MessageFormats
import ServerConnection
import TOMLKit

/// The parsed configuration file.
struct ConfigurationFile {
  let path: String
  let text: String
  private let table: TOMLTable
  private let lines: ConfigurationLines

  /// What may stand outside the accounts' tables.
  static let keys = ["default", "account", "ui"]

  static var defaultPath: String {
    "\(BaseFolders.configuration)/limeade/config.toml"
  }

  /// Where an account keeps its database: `$XDG_DATA_HOME/limeade/<account>/`.
  static func dataDirectory(account: String) -> URL {
    URL(fileURLWithPath: BaseFolders.data).appendingPathComponent("limeade").appendingPathComponent(account)
  }

  /// Where the record of use of the database is kept: `$XDG_STATE_HOME/limeade/<account>/`.
  static func stateDirectory(account: String) -> URL {
    URL(fileURLWithPath: BaseFolders.state).appendingPathComponent("limeade").appendingPathComponent(account)
  }

  init(path: String?) throws {
    self.path = path ?? Self.defaultPath
    do { text = try String(contentsOfFile: self.path, encoding: .utf8) } catch {
      throw CommandFailure.badConfiguration(
        """
        no configuration at \(self.path): 'limeade account add NAME --address sip:…' writes one, and 'limeade lab \
        --write-config FILE' makes one to try
        """)
    }
    do { table = try TOMLTable(string: text) } catch let error as TOMLParseError {
      throw CommandFailure.badConfiguration(
        "\(self.path), line \(error.source.begin.line): \(error.description)")
    } catch { throw CommandFailure.badConfiguration("\(self.path): \(error)") }
    lines = ConfigurationLines(text)
    for key in table.keys where !Self.keys.contains(key) {
      throw failure(key, "unknown setting '\(key)'" + Self.remedy(for: key, known: Self.keys))
    }
    if let value = table["default"], value.string == nil {
      throw failure("default", "default must be a string in quotes")
    }
    try refuseReadablePassword()
  }

  /// The section [ui].
  var interface: TOMLTable? { table["ui"]?.table }

  private func failure(_ key: String, _ text: String) -> CommandFailure {
    let line = lines.number(of: key, in: [])
    return .badConfiguration("\(path)\(line.map { ", line \($0)" } ?? ""): \(text)")
  }

  static func remedy(for key: String, known: [String]) -> String {
    let meant = EditDistance.nearest(to: key, of: known).map { "is '\($0)' meant? " } ?? ""
    return "; \(meant)known are \(known.joined(separator: ", "))"
  }

  var accountNames: [String] { table["account"]?.table?.keys.sorted() ?? [] }

  var defaultAccount: String? {
    table["default"]?.string ?? (accountNames.count == 1 ? accountNames.first : nil)
  }

  /// The account called `name`, or the default one.
  /// - Parameter withPassword: false leaves the password empty, and password-command is not run.
  func account(named name: String?, withPassword: Bool = true) throws -> AccountConfiguration {
    if name == nil, let missing = table["default"]?.string, !accountNames.contains(missing) {
      throw failure(
        "default", "there is no [account.\(missing)]; there are: \(NameList.text(accountNames))")
    }
    guard let name = name ?? defaultAccount else {
      throw CommandFailure.badConfiguration(
        accountNames.isEmpty
          ? "\(path) has no [account.NAME]; 'limeade account add NAME --address sip:…' adds one"
          : "\(path) has several accounts and no `default`; choose with --account: \(NameList.text(accountNames))")
    }
    guard let entry = table["account"]?.table?[name]?.table else {
      throw CommandFailure.badConfiguration(
        "\(path) has no [account.\(name)]; it has: \(NameList.text(accountNames))")
    }
    return try AccountEntry(name: name, table: entry, path: path, lines: lines).configuration(
      withPassword: withPassword)
  }

  private func refuseReadablePassword() throws {
    let holdsPassword = accountNames.contains { table["account"]?.table?[$0]?.table?["password"] != nil }
    guard holdsPassword, let mode = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int,
      mode & 0o077 != 0
    else { return }
    throw CommandFailure.badConfiguration(
      "\(path) holds a password and others can read it: chmod 600 \(path), or use password-command")
  }
}

/// One `[account.NAME]` table.
private struct AccountEntry {
  let name: String
  let table: TOMLTable
  let path: String
  let lines: ConfigurationLines

  static let keys = [
    "address", "password", "password-command", "passphrase-command", "realm", "outbound-proxy", "conference-factory",
    "key-server", "file-server", "curve", "ca-file", "name-server", "expires", "require-trust", "password-timeout",
    "new-devices", "receipts", "typing", "file-hosts", "download", "download-folder", "download-limit",
    "conference-domains", "invitations",
  ]

  func configuration(withPassword: Bool) throws -> AccountConfiguration {
    for key in table.keys where !Self.keys.contains(key) {
      throw failure(key, "unknown setting '\(key)'" + ConfigurationFile.remedy(for: key, known: Self.keys))
    }
    guard var address = try uri("address"), address.user != nil else {
      throw failure("address", "address is missing: address = \"sip:you@your.domain\"")
    }
    let proxy = try outboundProxy(for: address)
    // From here on sips: has had its effect. In messages the address is the sip: one that Flexisip and Linphone know.
    address.isSecure = false
    var configuration = AccountConfiguration(
      name: name, address: address, password: withPassword ? try password() : Password(""), outboundProxy: proxy,
      conferenceFactory: try uri("conference-factory"), keyServer: try url("key-server"),
      fileServer: try url("file-server"), caFile: try string("ca-file"))
    configuration.passphraseCommand = try string("passphrase-command")
    configuration.realm = try realm()
    configuration.passwordTimeout = try passwordTimeout()
    if let curve = try string("curve") {
      guard let known = Curve(name: curve) else { throw failure("curve", "curve = \"\(curve)\": it is c25519 or c448") }
      configuration.curve = known
    }
    configuration.nameServer = try nameServer()
    if let value = table["require-trust"] {
      guard let isOn = value.bool else { throw failure("require-trust", "require-trust is true or false") }
      configuration.requiresTrust = isOn
    }
    if let text = try string("new-devices") {
      guard let policy = NewDevicePolicy(rawValue: text) else {
        throw failure(
          "new-devices",
          "new-devices = \"\(text)\": it is \(NewDevicePolicy.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      configuration.newDevices = policy
    }
    if let text = try string("receipts") {
      guard let policy = ReceiptPolicy(rawValue: text) else {
        throw failure("receipts", "receipts = \"\(text)\": it is all, delivered or none")
      }
      configuration.receipts = policy
    }
    if let value = table["typing"] {
      guard let isOn = value.bool else { throw failure("typing", "typing is true or false") }
      configuration.typing = isOn
    }
    if let text = try string("invitations") {
      guard let policy = InvitationPolicy(rawValue: text) else {
        throw failure("invitations", "invitations = \"\(text)\": it is accept or ask")
      }
      configuration.invitations = policy
    }
    configuration.conferenceDomains = try hosts("conference-domains", example: "conference.example.org")
    try readFileSettings(into: &configuration)
    if let value = table["expires"] {
      guard let expires = value.int, (60...604_800).contains(expires) else {
        throw failure("expires", "expires is a number of seconds from 60 to 604800")
      }
      configuration.expires = expires
    }
    return configuration
  }

  /// A sips: address is reached over TLS only.
  private func outboundProxy(for address: SIPURI) throws -> SIPURI? {
    let named = try uri("outbound-proxy")
    guard address.isSecure else { return named }
    var proxy = named ?? address
    proxy.user = nil
    let transport = proxy[parameter: "transport"]?.lowercased()
    guard proxy.isSecure || transport == nil || transport == "tls" else {
      throw failure("outbound-proxy", "address is a sips: address, so outbound-proxy must use transport=tls")
    }
    proxy.isSecure = true
    return proxy
  }

  private func realm() throws -> String? {
    guard let realm = try string("realm") else { return nil }
    guard !realm.isEmpty, !realm.unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
      throw failure("realm", "realm is the name that the server asks for the password with, such as a domain")
    }
    return realm
  }

  private func hosts(_ key: String, example: String) throws -> [String] {
    guard let value = table[key] else { return [] }
    guard let hosts = value.array?.map({ $0.string }), !hosts.contains(nil) else {
      throw failure(key, "\(key) is a list of host names: \(key) = [\"\(example)\"]")
    }
    return hosts.compactMap { $0 }
  }

  private func nameServer() throws -> NameServer? {
    guard let text = try string("name-server") else { return nil }
    guard let server = NameServer(text) else {
      throw failure(
        "name-server",
        "name-server = \"\(text)\" is no IP address with or without a port (192.0.2.53:53, [2001:db8::53]:53)")
    }
    return server
  }

  private func readFileSettings(into configuration: inout AccountConfiguration) throws {
    configuration.fileHosts = try hosts("file-hosts", example: "files.example.org")
    if let wrong = configuration.fileHosts.first(where: { !DownloadPolicy.isHost($0) }) {
      throw failure(
        "file-hosts", "file-hosts: \"\(wrong)\" is no host name with or without a port (files.example.org:8443)")
    }
    if let mode = try string("download") {
      guard ["ask", "auto"].contains(mode) else {
        throw failure("download", "download = \"\(mode)\": it is ask or auto")
      }
      configuration.downloadsAutomatically = mode == "auto"
    }
    configuration.downloadFolder = try string("download-folder").map(BaseFolders.expanded)
    if let value = table["download-limit"] {
      guard let limit = value.int, limit > 0 else {
        throw failure("download-limit", "download-limit is a number of bytes")
      }
      configuration.downloadLimit = limit
    }
  }

  private func password() throws -> Password {
    if let given = EnvironmentSecrets.value(of: EnvironmentSecrets.password) { return Password(given) }
    if let password = try string("password") { return Password(password) }
    if let command = try string("password-command") {
      let text = try SecretCommand.run("password-command", command, timeout: try passwordTimeout()) {
        failure("password-command", $0)
      }
      return Password(text)
    }
    throw failure("password", "no password: set password-command (or password, or LIMEADE_PASSWORD in the environment)")
  }

  private func passwordTimeout() throws -> Double {
    guard let value = table["password-timeout"] else { return AccountConfiguration.defaultPasswordTimeout }
    guard let seconds = value.int, (1...3600).contains(seconds) else {
      throw failure("password-timeout", "password-timeout is a number of seconds from 1 to 3600")
    }
    return Double(seconds)
  }

  private func string(_ key: String) throws -> String? {
    guard let value = table[key] else { return nil }
    guard let string = value.string else { throw failure(key, "\(key) must be a string in quotes") }
    return string
  }

  private func uri(_ key: String) throws -> SIPURI? {
    guard let text = try string(key) else { return nil }
    guard let uri = SIPURI(text) else { throw failure(key, "\(key) = \"\(text)\" is not a SIP URI (sip:user@domain)") }
    return uri
  }

  private func url(_ key: String) throws -> URL? {
    guard let text = try string(key) else { return nil }
    guard let url = URL(string: text), ["http", "https"].contains(url.scheme ?? ""), url.host != nil else {
      throw failure(key, "\(key) = \"\(text)\" is not an http(s) URL")
    }
    return url
  }

  private func failure(_ key: String, _ text: String) -> CommandFailure {
    let line = lines.number(of: key, in: ["account", name])
    return .badConfiguration("\(path)\(line.map { ", line \($0)" } ?? ""), [account.\(name)]: \(text)")
  }
}

/// Runs `password-command` or `passphrase-command` and takes the first line it prints.
enum SecretCommand {
  /// - Parameter timeout: seconds.
  static func run(
    _ name: String, _ command: String, timeout: Double, failure: (String) -> CommandFailure
  ) throws -> String {
    let text = try ExternalProgram.output(of: name, "/bin/sh", ["-c", command], timeout: timeout, failure: failure)
    guard let line = TextLines.all(of: text).first, !line.isEmpty else { throw failure("\(name) printed nothing") }
    return line
  }
}
