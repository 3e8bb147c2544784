// KeyserverCommand.swift: limeade keyserver: a LIME key server for one's own domain.
import ArgumentParser
import Foundation
import KeyServer
import MessageFormats

struct KeyserverCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keyserver", abstract: "Run a LIME key server.",
    discussion: """
      limeade keyserver --listen 127.0.0.1:25519 --database keys.sqlite --realm sip.example.org --users users.txt

      The users file has a line "name:password" for each user. Without --users nobody is asked for a password: only \
      for tests on this machine. Put a TLS proxy in front of it: it speaks plain HTTP.
      """)

  @OptionGroup var options: GlobalOptions
  @Option(help: "Address and port to listen on.") var listen = "127.0.0.1:25519"
  @Option(help: "SQLite file; without it keys are kept in memory.") var database: String?
  @Option(help: "Digest realm: the SIP domain of the devices.") var realm: String?
  @Option(help: "File with the users' passwords.") var users: String?

  func run() async throws {
    guard let colon = listen.lastIndex(of: ":"), let port = UInt16(listen[listen.index(after: colon)...]) else {
      throw ValidationError("--listen is ADDRESS:PORT")
    }
    if users != nil, realm == nil { throw ValidationError("--users needs --realm, the SIP domain") }
    let server = try KeyServer(
      configuration: .init(
        address: String(listen[..<colon]), port: Int(port), database: database, realm: realm,
        users: try users.map { try UsersFile.read($0).passwords }, logger: options.logger))
    let bound = try await server.start()
    Output.line(
      options.json
        ? "{\"event\":\"keyserver\",\"port\":\(bound)}" : "key server on \(listen[..<colon]):\(bound), Ctrl-C ends it")
    for await _ in Interruption.signals() { break }
    await server.stop()
  }
}
