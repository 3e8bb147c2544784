// LabCommand.swift: limeade lab: registrar, conference focus, key server and file server on loopback, in one process.
import ArgumentParser
import ChatCore
import FlexisipCheck
import Foundation
import Lab

struct LabCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "Run a small stand-in for Flexisip, its key server and file server on this machine.",
    discussion: """
      limeade lab --write-config /tmp/lab.toml
      limeade --config /tmp/lab.toml --account bob listen     (in a second terminal)
      limeade --config /tmp/lab.toml --account alice chat     (and in a third)

      Users are alice, bob and carol of sip.example.org, each with their name as password, or those of --users. \
      Linphone can register too: proxy and users are printed. SIGUSR1 restarts the conference server alone: rooms \
      stay, dialogs and subscriptions are gone, and with --room-addresses conf-id rooms are written otherwise, as \
      Flexisip does.
      """)

  @OptionGroup var options: GlobalOptions
  @Option(help: "Address to listen on.") var listen = "127.0.0.1"
  @Option(help: "SIP port, TCP and UDP, or TLS; 0 takes a free one.") var port = 0
  @Flag(help: "SIP over TLS only, with a certificate of an authority of its own; with --print-config too.")
  var tls = false
  @Option(help: "File with lines name:password.", completion: .file()) var users: String?
  @Option(help: "The SIP domain.") var domain = "sip.example.org"
  @Option(help: "Write a configuration file with an account for each user.", completion: .file())
  var writeConfig: String?
  @Option(
    help: ArgumentHelp(
      "Set one thing up wrongly, for 'limeade check'.",
      valueName: "name"))
  var fault: LabFault?
  @Option(
    help: ArgumentHelp(
      "How rooms are named: chatroom, as Flexisip without conference-focus-uris does; conf-id, as with them.",
      valueName: "kind"))
  var roomAddresses = LabConfiguration.RoomAddresses.chatroom
  @Flag(
    help: "Print flexisip.conf, from 2.6 on also flexisip-conference.conf, for the same users and addresses, and end.")
  var printConfig = false
  @Option(help: "With --print-config: write the files, with --tls certificates too, there in place of printing.")
  var configFolder: String?
  @Option(
    help: ArgumentHelp(
      "With --print-config: the Flexisip it is for, 2.1 to 2.7 (default: the one on this machine, else 2.6).",
      valueName: "version"))
  var flexisipVersion: String?

  func validate() throws {
    try options.refuseTrace()
    guard let flexisipVersion, ConfTemplate.Version(for: flexisipVersion) == nil else { return }
    throw ValidationError("--flexisip-version is a version from 2.1 on, such as 2.6")
  }

  func run() async throws {
    let users = try users.map { try UsersFile.read($0).users } ?? ["alice", "bob", "carol"].map { ($0, $0) }
    guard let port = UInt16(exactly: port) else { throw ValidationError("--port is a number from 0 to 65535") }
    var configuration = LabConfiguration(users: users.map { .init(name: $0.0, password: $0.1) })
    configuration.address = listen
    configuration.port = port
    configuration.domain = domain
    configuration.usesTLS = tls
    configuration.fault = fault
    configuration.roomAddresses = roomAddresses
    if printConfig { return try writeFlexisipConf(configuration) }
    let lab = Lab(configuration)
    let signals = Interruption.signals(and: [SIGUSR1])
    let events = lab.events
    let log = Task { [verbose = options.verbose] in
      for await event in events where verbose { Output.note(SafeLine.text(event.description)) }
    }
    defer { log.cancel() }
    let addresses: LabAddresses
    do { addresses = try await lab.start() } catch {
      throw CommandFailure(code: 69, text: "the lab cannot start: \(error)")
    }
    if let writeConfig { try Self.write(addresses, users: users, domain: domain, to: writeConfig) }
    announce(addresses, users: users.map(\.0))
    for await number in signals {
      guard number == SIGUSR1 else { break }
      await lab.restartConferenceServer()
      Output.line(
        options.json ? JSONLine.string(["event": "restarted"]) : "conference server restarted")
    }
    await lab.stop()
  }

  private func announce(_ addresses: LabAddresses, users: [String]) {
    if options.json {
      Output.line(
        JSONLine.string([
          "event": "lab", "proxy": addresses.sip, "factory": addresses.factory,
          "keyServer": addresses.keyServer?.absoluteString ?? "",
          "fileServer": addresses.fileServer?.absoluteString ?? "", "caFile": addresses.caFile ?? "", "domain": domain,
          "users": users,
        ]))
      return
    }
    Output.line("SIP proxy           \(addresses.sip)")
    Output.line("conference factory  \(addresses.factory)")
    if let keyServer = addresses.keyServer { Output.line("LIME key server     \(keyServer)") }
    if let fileServer = addresses.fileServer { Output.line("file server         \(fileServer)") }
    if let caFile = addresses.caFile { Output.line("authority (ca-file) \(caFile)") }
    if let server = addresses.conferenceServer { Output.line("conference server   \(server)") }
    Output.line("users               \(users.map { "\($0)@\(domain)" }.joined(separator: ", "))")
    if let writeConfig {
      Output.line("try                 limeade --config \(writeConfig) --account \(users.first ?? "alice") chat")
    }
    Output.line("Ctrl-C ends it")
  }

  private static func write(
    _ addresses: LabAddresses, users: [(String, String)], domain: String, to path: String
  ) throws {
    var text = "# Accounts of a limeade lab: only good while it runs.\n"
    if let first = users.first { text += "default = \(AccountWriter.quoted(first.0))\n" }
    for (name, password) in users {
      var values = [
        ("address", "sip:\(name)@\(domain)"), ("password", password), ("outbound-proxy", addresses.sip),
        ("conference-factory", addresses.factory),
      ]
      if let keyServer = addresses.keyServer { values.append(("key-server", keyServer.absoluteString)) }
      if let fileServer = addresses.fileServer { values.append(("file-server", fileServer.absoluteString)) }
      if let caFile = addresses.caFile { values.append(("ca-file", caFile)) }
      text += AccountWriter.table(name: name, values: values)
    }
    try AccountWriter.writePrivately(text, to: path)
  }
}
