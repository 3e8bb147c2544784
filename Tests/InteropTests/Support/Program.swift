// Program.swift: the limeade program with a configuration for alice and bob on a lab.
import Foundation
import Lab
import MessageFormats
import TestSupport
import Testing

/// Each command is a process of its own, as for a user. Whoever makes it stops the lab.
struct Program {
  let lab = Lab(.example)
  let folder: TemporaryFolder
  let addresses: LabAddresses
  /// Between the program and the lab, when it was asked for.
  let recorder: RecordingProxy?
  private let config: URL

  /// - Parameters:
  ///   - settings: further lines of each account's table.
  ///   - isRecorded: whether `recorder` keeps what the program sends.
  init(settings: String = "", isRecorded: Bool = false) async throws {
    folder = try TemporaryFolder()
    config = folder.url.appendingPathComponent("config.toml")
    addresses = try await lab.start()
    let addresses = addresses
    let uri = try #require(SIPURI(addresses.sip))
    recorder = isRecorded ? try RecordingProxy(to: #require(uri.port)) : nil
    let proxy = recorder.map { "sip:127.0.0.1:\($0.port);transport=tcp" } ?? addresses.sip
    let tables = ["alice", "bob"].map { user in
      """
      [account.\(user)]
      address = "sip:\(user)@\(addresses.domain)"
      password = "\(user)"
      outbound-proxy = "\(proxy)"
      conference-factory = "\(addresses.factory)"
      key-server = "\(addresses.keyServer?.absoluteString ?? "")"
      \(settings)

      """
    }
    try tables.joined().write(to: config, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: config.path)
  }

  /// The folder of an account's data.
  func data(_ user: String) -> URL { folder.url.appendingPathComponent("data/limeade/\(user)") }

  func start(_ user: String, _ arguments: String...) throws -> PeerProcess { try start(user, arguments) }

  private func start(_ user: String, _ arguments: [String]) throws -> PeerProcess {
    try PeerProcess(
      TestPaths.limeade, ["--config", config.path, "--account", user] + arguments,
      environment: [
        "XDG_DATA_HOME": folder.url.appendingPathComponent("data").path,
        "XDG_STATE_HOME": folder.url.appendingPathComponent("state").path,
      ], name: "limeade \(arguments.first ?? "")")
  }

  /// Runs a command to its end.
  func run(_ user: String, _ arguments: String...) async throws -> (code: Int32, lines: [[String: Any]]) {
    let process = try start(user, arguments + ["--json"])
    let code = try await process.exitCode()
    let lines = process.output.compactMap { try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
    return (code, lines)
  }
}
