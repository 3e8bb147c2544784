// AddressChangeTests.swift: this machine gets another address while the client runs (RFC 3261 §10, RFC 5626)
import Foundation
import TestSupport
import Testing

@Suite(.enabled("needs network namespaces") { await TwoMachines.isPossible() })
struct AddressChange {
  @Test(arguments: ["tcp", "udp"])
  func theClientComesBackByItselfFromItsNewAddress(transport: String) async throws {
    let machines = try await TwoMachines()
    defer { machines.stop() }
    let folder = try TemporaryFolder()
    let configuration = folder.file("config.toml").path
    let environment = [
      "XDG_DATA_HOME": folder.file("data").path, "XDG_STATE_HOME": folder.file("state").path,
      "XDG_RUNTIME_DIR": folder.file("run").path,
    ]
    func limeade(_ machine: TwoMachines.Machine, _ arguments: String...) throws -> PeerProcess {
      try machines.start(
        on: machine, TestPaths.limeade, arguments, environment: environment, name: "limeade \(arguments)")
    }
    let lab = try limeade(
      .server, "lab", "--json", "--listen", TwoMachines.serverAddress, "--write-config", configuration)
    try await lab.event("lab", within: 60)
    defer { lab.stop() }
    let written = try String(contentsOfFile: configuration, encoding: .utf8)
    try written.replacingOccurrences(of: "transport=tcp", with: "transport=\(transport)")
      .write(toFile: configuration, atomically: false, encoding: .utf8)
    let bob = try limeade(.client, "--config", configuration, "--account", "bob", "listen", "--json")
    defer { bob.stop() }
    try await bob.event("registered", within: 60)
    let made = try limeade(
      .server, "--config", configuration, "--account", "alice", "room", "create", "Moving",
      "sip:bob@sip.example.org")
    #expect(try await made.exitCode(within: 60) == 0)
    try await machines.changeClientAddress(from: 2, to: 3)
    let sent = try limeade(
      .server, "--config", configuration, "--account", "alice", "send", "Moving", "after the move", "--wait",
      "delivered")
    #expect(try await sent.exitCode(within: 120) == 0)
    let message = try await bob.nextEvent("message", within: 60, ["text": "after the move"])
    #expect(message["encrypted"] == "true")
  }
}
