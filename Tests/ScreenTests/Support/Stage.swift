// Stage.swift: a lab with people in a room, and alice's chat on a screen
import Foundation
import TestSupport
import Testing

/// Bob and carol listen; alice, bob and carol are in an encrypted room; alice's chat shows it.
struct Stage {
  static let team = "Lab team"

  let lab: LabProgram
  let bob: PeerProcess
  let carol: PeerProcess
  let screen: TmuxScreen

  /// The command line of limeade in a shell.
  func line(_ account: String, _ arguments: String...) -> String { Self.line(lab, account, arguments) }

  static func line(_ lab: LabProgram, _ account: String, _ arguments: [String]) -> String {
    ([TestPaths.limeade.path] + lab.arguments(account, arguments)).map { "'\($0)'" }.joined(separator: " ")
  }

  /// - Parameters:
  ///   - interface: the section [ui] of alice's configuration.
  ///   - environment: of alice's shell.
  static func play(
    echo: Bool = false, interface: String = "", environment: [String: String] = [:],
    _ body: (Stage) async throws -> Void
  ) async throws {
    let lab = try await LabProgram()
    if !interface.isEmpty { try append(interface, to: lab.configuration) }
    let bob = echo ? try await lab.listener("bob", "--echo") : try await lab.listener("bob")
    let carol = try await lab.listener("carol")
    let made = try await lab.run(
      as: "alice", "room", "create", team, "sip:bob@sip.example.org", "sip:carol@sip.example.org")
    #expect(made.exitCode == 0)
    let stage = Stage(
      lab: lab, bob: bob, carol: carol,
      screen: try await TmuxScreen(environment: lab.environment.merging(environment) { $1 }))
    try await stage.screen.enter(stage.line("alice", "chat"))
    try await stage.screen.line(with: "alice@sip.example.org registered")
    try await body(stage)
    bob.stop()
    carol.stop()
    lab.stop()
  }

  static func append(_ text: String, to path: String) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try handle.seekToEnd()
    try handle.write(contentsOf: Data("\n\(text)\n".utf8))
    try handle.close()
  }
}
