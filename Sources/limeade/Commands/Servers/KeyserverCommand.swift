// KeyserverCommand.swift: limeade keyserver: a LIME key server for one's own domain.
import ArgumentParser
import DigestAuth
import Foundation
import KeyServer

struct KeyserverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keyserver", abstract: "Run a LIME key server.",
    discussion: """
      limeade keyserver --listen 127.0.0.1:25519 --database keys.sqlite \\
          --realm sip.example.org --users users.txt

      The users file has a line "name:password" for each user. Without --users nobody is asked for a password: only \
      for tests on this machine. Put a TLS proxy in front of it: it speaks plain HTTP.
      """)

  @OptionGroup var options: GlobalOptions
  @Option(help: "Address and port to listen on.") var listen = "127.0.0.1:25519"
  @Option(help: "SQLite file; without it keys are kept in memory.", completion: .file()) var database: String?
  @Option(help: "Digest realm: the SIP domain of the devices.") var realm: String?
  @Option(help: "File with the users' passwords.", completion: .file()) var users: String?

  func validate() throws { try options.refuseTrace() }

  func run() async throws {
    guard let colon = listen.lastIndex(of: ":"), let port = Int(listen[listen.index(after: colon)...]) else {
      throw ValidationError("--listen is ADDRESS:PORT")
    }
    if users != nil, realm == nil { throw ValidationError("--users needs --realm, the SIP domain") }
    var configuration = KeyServerConfiguration(address: String(listen[..<colon]), port: port)
    if let database { configuration.database = .file(path: database) }
    if let users, let realm {
      let passwords = try UsersFile.read(users).passwords
      configuration.authentication = .init(realm: realm, users: passwords.mapValues { .password($0) })
    }
    let server = try KeyServer(configuration: configuration)
    let bound = try await server.start()
    Output.line(
      options.json
        ? "{\"event\":\"keyserver\",\"port\":\(bound)}" : "key server on \(listen[..<colon]):\(bound), Ctrl-C ends it")
    for await _ in Interruption.signals() { break }
    await server.stop()
  }
}
