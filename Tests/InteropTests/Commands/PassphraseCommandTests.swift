// PassphraseCommandTests.swift: the passphrase of an account's keys from the command line
import Foundation
import TestSupport
import Testing

@Suite struct PassphraseCommand {
  private let folder: TemporaryFolder
  private var config: String { folder.url.appendingPathComponent("config.toml").path }

  init() throws {
    folder = try TemporaryFolder()
    try configure("")
  }

  private func configure(_ settings: String) throws {
    // Nothing listens there: a command that gets as far as connecting has unlocked the keys.
    let account = """
      [account.a]
      address = "sip:alice@sip.example.org"
      password = "alice"
      outbound-proxy = "sip:nowhere.invalid;transport=tcp"
      \(settings)
      """
    try Data(account.utf8).write(to: URL(fileURLWithPath: config))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: config)
  }

  private func run(
    _ arguments: String..., input: String = "", passphrase: String? = nil
  ) async throws -> CommandRun {
    var environment = [
      "XDG_DATA_HOME": folder.url.appendingPathComponent("data").path,
      "XDG_STATE_HOME": folder.url.appendingPathComponent("state").path,
    ]
    environment["LIMEADE_PASSPHRASE"] = passphrase
    return try await CommandRun(
      TestPaths.limeade, ["--config", config] + arguments, input: input, environment: environment, within: 120)
  }

  private func send(passphrase: String? = nil) async throws -> CommandRun {
    try await run("send", "sip:bob@sip.example.org", "hi", passphrase: passphrase)
  }

  @Test func itIsSetGivenChangedAndRemoved() async throws {
    #expect(try await run("account", "passphrase", "--remove").exitCode == 65)
    #expect(try await run("account", "passphrase").exitCode == 65)
    let set = try await run("account", "passphrase", "--json", input: "open sesame\n")
    #expect(set.exitCode == 0, "\(set.errors)")
    #expect(set.events.first?["passphrase"] == "set")

    let without = try await send()
    #expect(without.exitCode == 78)
    #expect(without.errors.contains("passphrase-command"), "\(without.errors)")
    let wrong = try await send(passphrase: "open")
    #expect(wrong.exitCode == 77)
    #expect(wrong.errors.contains("wrong passphrase"), "\(wrong.errors)")
    #expect(try await send(passphrase: "open sesame").exitCode == 69)
    #expect(try await run("room", "list").exitCode == 0)

    try configure("passphrase-command = \"sleep 300\"\npassword-timeout = 1")
    let slow = try await send()
    #expect(slow.exitCode == 78 && slow.errors.contains("passphrase-command"), "\(slow.errors)")
    try configure("passphrase-command = \"echo open sesame\"")
    #expect(try await send().exitCode == 69)
    #expect(try await run("account", "passphrase", input: "other\n").exitCode == 0)
    #expect(try await send().exitCode == 77)
    try configure("passphrase-command = \"false\"")
    #expect(try await send().exitCode == 78)
    #expect(try await run("account", "passphrase", "--remove", passphrase: "open sesame").exitCode == 77)
    #expect(try await run("account", "passphrase", "--remove", passphrase: "other").exitCode == 0)
    #expect(try await send().exitCode == 69)
  }
}
