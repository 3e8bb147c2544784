// BenchmarkServer.swift: a lab as a process of its own, and clients of both kinds on it
import ChatCore
import Foundation
import Logging
import MessageFormats
import TestSupport

/// `limeade lab` with the users asked for; each has its name as password.
final class BenchmarkServer: Sendable {
  private static let domain = "sip.example.org"

  private let folder: TemporaryFolder
  private let lab: PeerProcess
  private let proxy: String
  private let factory: String
  private let keyServer: String

  /// - Parameter verbose: the lab tells of each subscription, see `subscriptions`.
  init(users: [String], verbose: Bool = false) async throws {
    folder = try TemporaryFolder()
    let file = folder.file("users")
    try users.map { "\($0):\($0)\n" }.joined().write(to: file, atomically: false, encoding: .utf8)
    lab = try PeerProcess(
      TestPaths.limeade,
      ["lab", "--json", "--users", file.path, "--domain", Self.domain, "--write-config", folder.file("config").path]
        + (verbose ? ["--verbose"] : []), name: "lab", keepsErrors: verbose)
    let ready = try await lab.event("lab")
    guard let proxy = ready["proxy"], let factory = ready["factory"], let keyServer = ready["keyServer"] else {
      throw TestFailure("the lab does not say where it is: \(lab.output)")
    }
    (self.proxy, self.factory, self.keyServer) = (proxy, factory, keyServer)
  }

  func stop() { lab.stop() }

  /// Seconds of processor time that the lab has used.
  var processorSeconds: Double { lab.processorSeconds }

  /// Resident memory of the lab in megabytes.
  var residentMegabytes: Double { lab.residentMegabytes }

  static func address(_ user: String) -> String { "sip:\(user)@\(domain)" }

  // MARK: Clients

  /// `limeade --account USER ARGUMENTS`.
  func limeade(_ user: String, _ arguments: [String]) throws -> PeerProcess {
    try PeerProcess(
      TestPaths.limeade, ["--config", folder.file("config").path, "--account", user] + arguments,
      environment: [
        "XDG_DATA_HOME": folder.file("data").path, "XDG_STATE_HOME": folder.file("state").path,
        "XDG_RUNTIME_DIR": folder.file("run").path,
      ], name: "limeade \(user)")
  }

  /// The same, to its end.
  @discardableResult
  func run(_ user: String, _ arguments: String...) async throws -> [String] { try await run(user, arguments) }

  @discardableResult
  func run(_ user: String, _ arguments: [String]) async throws -> [String] {
    let process = try limeade(user, arguments)
    process.closeInput()
    let code = try await process.exitCode(within: 300)
    guard code == 0 else { throw TestFailure("limeade \(arguments) ended with \(code): \(process.output)") }
    return process.output
  }

  func listener(_ user: String) async throws -> PeerProcess {
    let process = try limeade(user, ["listen", "--json"])
    try await process.event("registered", within: 120)
    return process
  }

  /// An account in this process, not started; its data are where `limeade(_:_:)` has them.
  func client(_ user: String) throws -> ChatClient {
    guard let address = SIPURI(Self.address(user)), let proxy = SIPURI(proxy), let factory = SIPURI(factory),
      let keyServer = URL(string: keyServer)
    else { throw TestFailure("the lab gives addresses that are none") }
    return ChatClient(
      account: AccountConfiguration(
        name: user, address: address, password: Password(user), outboundProxy: proxy, conferenceFactory: factory,
        keyServer: keyServer),
      store: try AccountStore(
        directory: folder.file("data").appendingPathComponent("limeade/\(user)"),
        stateDirectory: folder.file("state").appendingPathComponent("limeade/\(user)")),
      logger: Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() })
  }

  /// Ready to be invited. It writes no log and looks at its sockets every millisecond.
  func linphone(_ user: String) async throws -> LinphoneClient {
    let client = try LinphoneClient(
      user: user, domain: Self.domain, proxy: proxy, factory: factory, keyServer: keyServer)
    try await client.waitUntilReady()
    try client.process.send("quick")
    return client
  }

  // MARK: Pairs

  func limeadePair(_ one: String, _ other: String) async throws -> BenchmarkPair {
    let receiver = try await listener(other)
    try await run(one, "room", "create", "Pair", Self.address(other))
    let sender = try limeade(one, ["chat", "--plain", "--json", "Pair"])
    try await sender.event("registered", within: 60)
    return BenchmarkPair(sender: .limeade(sender), receivers: [receiver])
  }

  func linphonePair(_ one: String, _ other: String) async throws -> BenchmarkPair {
    let clients = [try await linphone(one), try await linphone(other)]
    try clients[0].process.send("create Pair \(Self.address(other))")
    let room = try await clients[0].process.event("joined", within: 60)
    try await clients[1].process.event("joined", within: 60)
    // It comes in a NOTIFY after joining, and only then can be encrypted for.
    _ = try await clients[0].process.line(within: 60, "device of \(other)") {
      $0.contains(#""device-added""#) && $0.contains("sip:\(other)@")
    }
    return BenchmarkPair(
      sender: .linphone(clients[0], room: room["room"] ?? "r1"), receivers: [clients[1].process], kept: clients)
  }

  // MARK: Many rooms

  /// Makes rooms of two users, of whom `other` is there already. By the library: as many programs would take long.
  func makeRooms(_ count: Int, _ user: String, with other: String, progress: (Int) -> Void) async throws {
    guard let other = SIPURI(Self.address(other)) else { throw TestFailure("'\(other)' makes no address") }
    let client = try client(user)
    try await client.start()
    for number in 0..<count {
      _ = try await client.createRoom(named: "Room \(number)", members: [other])
      progress(number + 1)
    }
    await client.stop()
    try client.store.close()
  }

  /// How many subscriptions of a user's device the lab has taken so far.
  func subscriptions(of user: String) -> Int {
    lab.output.count { $0.contains("subscribes from version") && $0.contains("sip:\(user)@") }
  }
}
