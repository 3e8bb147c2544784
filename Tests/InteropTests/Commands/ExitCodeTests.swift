// ExitCodeTests.swift: what goes wrong ends with the sysexits code that README.md lists, and says what to do.
import Foundation
import TestSupport
import Testing

@Suite struct ExitCodes {
  struct Case: Sendable, CustomTestStringConvertible {
    var name: String
    var account: String
    var arguments: [String]
    var exitCode: Int32
    var says: String
    var testDescription: String { name }
  }

  private static let head = "[account.a]\naddress = \"sip:alice@sip.example.org\"\npassword = \"alice\"\n"

  private static let bare = "[account.a]\naddress = \"sip:alice@sip.example.org\"\n"
  private static let connecting = ["send", "sip:bob@sip.example.org", "hi"]

  private static let configurations = [
    Case(name: "not TOML", account: "[account.a\n", arguments: ["room", "list"], exitCode: 78, says: "line 1"),
    Case(
      name: "unknown setting", account: "\(head)proxy = \"sip:x\"\n", arguments: ["room", "list"], exitCode: 78,
      says: "unknown setting 'proxy'"),
    Case(
      name: "misspelt setting", account: "\(head)\nout-bound-proxy = \"sip:x\"\n", arguments: ["room", "list"],
      exitCode: 78, says: "line 5, [account.a]: unknown setting 'out-bound-proxy'; is 'outbound-proxy' meant?"),
    Case(
      name: "misspelt table", account: "\(head)[acount.b]\n", arguments: ["room", "list"], exitCode: 78,
      says: "line 4: unknown setting 'acount'; is 'account' meant?"),
    Case(
      name: "default of no account", account: "# mine\ndefault = \"b\"\n\(head)", arguments: ["room", "list"],
      exitCode: 78, says: "line 2: there is no [account.b]; there are: a"),
    Case(
      name: "number for a string", account: "\(head)curve = 5\n", arguments: ["room", "list"], exitCode: 78,
      says: "line 4, [account.a]: curve must be a string"),
    Case(
      name: "failing password-command", account: "\(bare)password-command = \"exit 3\"\n", arguments: connecting,
      exitCode: 78, says: "line 3, [account.a]: password-command failed with exit code 3"),
    Case(
      name: "silent password-command", account: "\(bare)password-command = \"true\"\n", arguments: connecting,
      exitCode: 78, says: "password-command printed nothing"),
    Case(
      name: "slow password-command",
      account: "\(bare)password-timeout = 1\npassword-command = \"echo x; sleep 600\"\n", arguments: connecting,
      exitCode: 78, says: "password-command was ended: it took longer than 1 s"),
    Case(
      name: "endless password-command", account: "\(bare)password-command = \"yes\"\n", arguments: connecting,
      exitCode: 78, says: "password-command printed more than"),
    Case(
      name: "no password", account: bare, arguments: connecting, exitCode: 78,
      says: "no password: set password-command"),
    Case(
      name: "not a URI", account: "\(head)outbound-proxy = \"example.org\"\n", arguments: ["room", "list"],
      exitCode: 78, says: "outbound-proxy"),
    Case(
      name: "sips: over TCP",
      account: """
        [account.a]
        address = "sips:alice@sip.example.org"
        password = "x"
        outbound-proxy = "sip:localhost;transport=tcp"
        """, arguments: ["room", "list"], exitCode: 78, says: "outbound-proxy must use transport=tls"),
    Case(
      name: "not a name server", account: "\(head)name-server = \"ns.example.org\"\n", arguments: ["room", "list"],
      exitCode: 78, says: "is no IP address"),
    Case(
      name: "ca-file that is not there",
      account: "\(head)outbound-proxy = \"sip:127.0.0.1:1;transport=tls\"\nca-file = \"/nowhere/ca.pem\"\n",
      arguments: connecting, exitCode: 78, says: "ca-file /nowhere/ca.pem cannot be used"),
    Case(
      name: "ca-file without certificates",
      account: "\(head)outbound-proxy = \"sip:127.0.0.1:1;transport=tls\"\nca-file = \"/etc/hosts\"\n",
      arguments: connecting, exitCode: 78, says: "it holds no certificate in PEM form"),
    Case(
      name: "no such account", account: head, arguments: ["--account", "b", "room", "list"], exitCode: 78,
      says: "has no [account.b]"),
    Case(
      name: "no such room", account: head, arguments: ["history", "Ops"], exitCode: 65,
      says: "no room is called 'Ops'"),
    Case(name: "no keys yet", account: head, arguments: ["keys", "show"], exitCode: 69, says: "no keys yet"),
    Case(
      name: "a bot that is not there", account: head, arguments: ["listen", "--exec", "/nowhere/bot --now"],
      exitCode: 64, says: "there is no such program"),
    Case(name: "no bot", account: head, arguments: ["listen", "--exec", " "], exitCode: 64, says: "no such program"),
    Case(name: "no text", account: head, arguments: ["send"], exitCode: 64, says: "Usage"),
    Case(
      name: "trace of a lab", account: head, arguments: ["lab", "--port", "0", "--trace", "lab.trace"], exitCode: 64,
      says: "give --trace to its clients"),
    Case(
      name: "trace of a key server", account: head, arguments: ["keyserver", "--trace", "keys.trace"], exitCode: 64,
      says: "give --trace to its clients"),
    Case(
      name: "bad time", account: head, arguments: ["history", "Ops", "--since", "soon"], exitCode: 65,
      says: "--since soon"),
    Case(
      name: "bad address", account: head, arguments: ["room", "create", "Ops", "bob:@"], exitCode: 65,
      says: "'bob:@' is not a SIP address; write sip:NAME@DOMAIN"),
    Case(
      name: "host without address", account: "\(head)outbound-proxy = \"sip:nowhere.invalid;transport=tcp\"\n",
      arguments: ["send", "sip:bob@sip.example.org", "hi"], exitCode: 69, says: "nowhere.invalid has no address"),
    Case(
      name: "domain without address",
      account: "[account.a]\naddress = \"sip:alice@nowhere.invalid\"\npassword = \"x\"\n",
      arguments: ["send", "sip:bob@sip.example.org", "hi"], exitCode: 69, says: "nowhere.invalid has no address"),
  ]

  private func run(_ config: String, mode: Int = 0o600, _ arguments: [String]) async throws -> CommandRun {
    let folder = try TemporaryFolder()
    let path = folder.url.appendingPathComponent("config.toml").path
    try Data(config.utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    return try await CommandRun(
      TestPaths.limeade, ["--config", path] + arguments,
      environment: ["XDG_DATA_HOME": folder.url.appendingPathComponent("data").path])
  }

  @Test(arguments: configurations)
  func aFailureHasItsExitCodeAndSaysWhatToDo(of failure: Case) async throws {
    let run = try await run(failure.account, failure.arguments)
    #expect(run.exitCode == failure.exitCode)
    #expect(run.errors.contains(failure.says), "\(run.errors)")
    #expect(run.output.isEmpty)
  }

  @Test(arguments: ["tcp", "tls"])
  func aServerThatRefusesConnectionsIsUnreachable(over transport: String) async throws {
    let server = try LoopbackSocket.refusing()
    let run = try await run(
      "\(Self.head)outbound-proxy = \"sip:127.0.0.1:\(server.port);transport=\(transport)\"\n",
      ["send", "sip:bob@sip.example.org", "hi"])
    #expect(run.exitCode == 69)
    #expect(run.errors.contains("127.0.0.1:\(server.port)"), "\(run.errors)")
    #expect(run.errors.lowercased().contains("refused"), "\(run.errors)")
    #expect(!run.errors.contains(" 503"), "\(run.errors)")
  }

  /// Over TLS the cause is told, and what to do.
  @Test func aServerThatCannotProveItselfIsUnreachable() async throws {
    let (authority, stranger) = try await (TestAuthority(name: "Acme CA"), TestAuthority())
    let identity = try await authority.issue("DNS:sip.example.net")
    let server = try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/openssl"),
      ["s_server", "-accept", "127.0.0.1:0", "-cert", identity.certificate.path, "-key", identity.key.path],
      keepsErrors: true)
    defer { server.stop() }
    let port = try await server.line("ACCEPT and its port") { $0.hasPrefix("ACCEPT") }.split(separator: ":").last ?? ""
    for (ca, cause) in [
      (authority, "its certificate is not for 127.0.0.1 but for sip.example.net: use that name as outbound-proxy"),
      (stranger, "its certificate is issued by Acme CA, which is no known authority: put that one's certificate"),
    ] {
      // sips: is as good as transport=tls.
      for proxy in ["sip:127.0.0.1:\(port);transport=tls", "sips:127.0.0.1:\(port)"] {
        let run = try await run(
          "\(Self.head)outbound-proxy = \"\(proxy)\"\nca-file = \"\(ca.certificate.path)\"\n",
          ["send", "sip:bob@sip.example.org", "hi"])
        #expect(run.exitCode == 69)
        #expect(run.errors.contains("127.0.0.1:\(port): \(cause)"), "\(run.errors)")
      }
    }
  }

  @Test func aFileWithAPasswordThatOthersCanReadIsRefused() async throws {
    let run = try await run(Self.head, mode: 0o644, ["room", "list"])
    #expect(run.exitCode == 78)
    #expect(run.errors.contains("chmod 600"))
  }

  @Test func passwordCommandIsOnlyRunToConnect() async throws {
    let folder = try TemporaryFolder()
    let ran = folder.file("ran").path
    let reading = try await run(
      "\(Self.bare)password-command = \"touch \(ran)\"\n", ["room", "list"])
    #expect(reading.exitCode == 0, "\(reading.errors)")
    #expect(!FileManager.default.fileExists(atPath: ran))
    let sending = try await run("\(Self.bare)password-command = \"touch \(ran)\"\n", Self.connecting)
    #expect(sending.exitCode == 78)
    #expect(FileManager.default.fileExists(atPath: ran))
  }

  @Test func aMissingConfigurationSaysHowToMakeOne() async throws {
    let folder = try TemporaryFolder()
    let run = try await CommandRun(TestPaths.limeade, ["--config", folder.url.path + "/none.toml", "room", "list"])
    #expect(run.exitCode == 78)
    #expect(run.errors.contains("limeade account add"))
  }

  @Test func wrongCredentialsAreExitCode77() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let run = try await lab.run(as: "alice", "room", "leave", "x", environment: ["LIMEADE_PASSWORD": "not hers"])
    #expect(run.exitCode == 77)
    #expect(run.errors.contains("check the account's password"))
  }

  @Test func aDataFolderThatCannotBeWrittenIsExitCode73() async throws {
    let folder = try TemporaryFolder()
    let config = folder.url.appendingPathComponent("config.toml")
    try Data(Self.head.utf8).write(to: config)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: config.path)
    let run = try await CommandRun(
      TestPaths.limeade, ["--config", config.path, "room", "list"],
      environment: ["XDG_DATA_HOME": config.path])
    #expect(run.exitCode == 73)
    #expect(run.errors.contains("cannot create"))
  }
}
