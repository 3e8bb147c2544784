// OtherServerTests.swift: the command on a server made by others: Kamailio with liblinphone's own focus
import Foundation
import KeyServer
import TestSupport
import Testing

@Suite struct CheckCommandOnKamailioAndLiblinphone {
  @Test func everythingThatIsTriedPasses() async throws {
    let folder = try TemporaryFolder()
    let keys = try KeyServer(configuration: KeyServerConfiguration())
    let keyServerPort = try await keys.start()
    let server = try PeerProcess(
      TestPaths.package.appendingPathComponent("Tests/Peers/conference-server"),
      ["--focus", TestPaths.peer("focus").path])
    let ready = try await server.event("ready", within: 30)
    let proxy = try #require(ready["proxy"])
    let factory = try #require(ready["factory"])

    let path = folder.url.appendingPathComponent("config.toml")
    let accounts = ["alice", "bob"].map { user in
      """
      [account.\(user)]
      address = "sip:\(user)@sip.example.org"
      password = "\(user)"
      outbound-proxy = "\(proxy)"
      conference-factory = "\(factory)"
      key-server = "http://127.0.0.1:\(keyServerPort)/"

      """
    }
    try Data(accounts.joined().utf8).write(to: path)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path.path)

    let check = try PeerProcess(
      TestPaths.limeade, ["--config", path.path, "--account", "alice", "check", "--with", "bob", "--json"],
      environment: ["XDG_DATA_HOME": folder.url.path])
    let code = try await check.exitCode(within: 90)
    #expect(code == 0, "\(check.output.joined(separator: "\n"))")
    for step in ["encrypted-message", "encrypted-reply", "offline-message", "cleanup"] {
      let result = check.output.compactMap(JSONEvent.init).first { $0["step"] == step }
      #expect(result?["result"] == "passed", "\(step)")
    }
    server.stop()
    await keys.stop()
  }
}
