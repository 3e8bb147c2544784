// LabProgram.swift: `limeade lab` as a child process, and limeade run against it as a user would.
import Foundation

/// A lab with its configuration file, and a data folder of its own for the accounts.
public final class LabProgram: Sendable {
  public let folder: TemporaryFolder
  public let proxy: String
  public let factory: String
  public let keyServer: String
  private let process: PeerProcess

  public var configuration: String { folder.file("config.toml").path }
  public var environment: [String: String] {
    ["XDG_DATA_HOME": folder.file("data").path, "XDG_STATE_HOME": folder.file("state").path]
  }

  /// The file of users, where there is one.
  public var usersFile: String { folder.file("users.txt").path }

  /// Starts the lab; users are alice, bob and carol of sip.example.org.
  /// - Parameters:
  ///   - options: of `limeade lab`.
  ///   - users: others, as lines name:password.
  public init(_ options: [String] = [], users: String? = nil) async throws {
    folder = try TemporaryFolder()
    var options = options
    if let users {
      let file = folder.file("users.txt")
      try users.write(to: file, atomically: true, encoding: .utf8)
      options += ["--users", file.path]
    }
    let path = folder.file("config.toml").path
    process = try PeerProcess(
      TestPaths.limeade, ["lab", "--json", "--write-config", path] + options, name: "limeade lab")
    let ready = try await process.event("lab")
    guard let proxy = ready["proxy"], let factory = ready["factory"], let keyServer = ready["keyServer"] else {
      throw TestFailure("the lab does not say where it is: \(process.output)")
    }
    (self.proxy, self.factory, self.keyServer) = (proxy, factory, keyServer)
  }

  public func arguments(_ account: String, _ arguments: [String]) -> [String] {
    ["--config", configuration, "--account", account] + arguments
  }

  /// `limeade --account ACCOUNT ARGUMENTS`, run to its end.
  public func run(
    as account: String, _ arguments: String..., input: String = "", environment: [String: String] = [:],
    within seconds: Double = 60
  ) async throws -> CommandRun {
    try await run(as: account, arguments, input: input, environment: environment, within: seconds)
  }

  public func run(
    as account: String, _ arguments: [String], input: String = "", environment: [String: String] = [:],
    within seconds: Double = 60
  ) async throws -> CommandRun {
    try await CommandRun(
      TestPaths.limeade, self.arguments(account, arguments), input: input,
      environment: self.environment.merging(environment) { $1 }, within: seconds)
  }

  /// `limeade --account ACCOUNT ARGUMENTS`, which goes on running.
  public func start(as account: String, _ arguments: String...) throws -> PeerProcess {
    try PeerProcess(
      TestPaths.limeade, self.arguments(account, arguments), environment: environment,
      name: "limeade \(account) \(arguments.joined(separator: " "))")
  }

  /// A member that prints events as JSON, once it is registered.
  public func listener(_ account: String, _ options: String...) async throws -> PeerProcess {
    let listener = try PeerProcess(
      TestPaths.limeade, arguments(account, ["listen", "--json"] + options), environment: environment,
      name: "limeade \(account) listen")
    try await listener.event("registered")
    return listener
  }

  /// Its process number.
  public var identifier: Int32 { process.identifier }

  /// Rooms stay; dialogs and subscriptions are gone.
  public func restartConferenceServer() async throws {
    process.signal(SIGUSR1)
    try await process.event("restarted")
  }

  public func stop() { process.stop() }
}
