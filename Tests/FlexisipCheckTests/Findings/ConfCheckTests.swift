// ConfCheckTests.swift: a flexisip.conf that works has no findings; each single change is found, with its line
import FlexisipCheck
import Foundation
import MessageFormats
import TestSupport
import Testing

/// A working file of 2.5 with its users, in a folder of its own.
struct Server {
  let folder: TemporaryFolder
  let template: ConfTemplate
  let client: ConfClient

  init(_ version: ConfTemplate.Version = .v25) throws {
    folder = try TemporaryFolder()
    var template = ConfTemplate(domain: "sip.example.org", users: [("alice", "secret"), ("bob", "bob")])
    template.folder = folder.url.path
    template.version = version
    try Data(template.usersFile.utf8).write(to: URL(fileURLWithPath: template.usersPath))
    self.template = template
    client = try ConfClient(
      address: #require(SIPURI("sip:alice@sip.example.org")),
      conferenceFactory: #require(SIPURI("sip:conference-factory@sip.example.org")))
  }

  /// Without the warnings of what a restart loses, which the template gets; what else listens on the machine does not
  /// matter.
  func findings(_ text: String, client: ConfClient? = nil, version: String? = nil) -> [ConfFinding] {
    ConfCheck.findings(
      in: FlexisipConf(path: "flexisip.conf", text: text), client: client ?? self.client, triesListeners: false,
      version: version
    ).filter { !["db-implementation", "message-database-enabled"].contains($0.key) || $0.severity == .error }
  }

  /// The file with the line of a key replaced (or taken out), in the first place that has it.
  func changing(_ line: String, to new: String?) throws -> String {
    var lines = template.conf.components(separatedBy: "\n")
    let place = try #require(lines.firstIndex { $0.hasPrefix(line) }, "no line \(line)")
    lines[place] = new ?? "#"
    return lines.joined(separator: "\n")
  }
}

@Suite struct ConfAddressTests {
  /// Others can take the focus's name, so only its address may exempt it from challenges.
  @Test func aServerThatOthersReachTrustsAnAddressAndNoName() throws {
    let server = try Server()
    var template = server.template
    template.host = "192.0.2.10"
    #expect(template.conf.contains("\ntrusted-hosts=127.0.0.1\n"))
    #expect(!template.conf.contains("\nfilter="))
    #expect(template.conf.contains(" sip:127.0.0.1:5060;transport=tcp\n"))
    #expect(template.conf.contains("\noutbound-proxy=sip:127.0.0.1:5060;transport=tcp\n"))
    #expect(server.findings(template.conf).isEmpty, "\(server.findings(template.conf))")
  }

  /// The conference server binds no address: what it sends on one machine comes from where it goes to.
  @Test func theFocusComesFromTheAddressOfTheProxyOnItsMachine() throws {
    let server = try Server()
    let text = try server.changing("filter=", to: "trusted-hosts=127.0.0.2")
      .replacing("transport=sip:127.0.0.1:6064", with: "transport=sip:127.0.0.2:6064")
    let found = server.findings(text)
    #expect(found.map(\.key) == ["trusted-hosts"])
    #expect(found.first?.correction == "trusted-hosts=127.0.0.2 127.0.0.1")
  }
}

@Suite struct ConfRealmTests {
  @Test func aRealmExpressionThatFindsNothingInTheClientsAddressIsNamed() throws {
    let server = try Server(.v22)
    func findings(_ expression: String) throws -> [ConfFinding] {
      let lines = "auth-domains=sip.example.org\nrealm-regex=\(expression)"
      return server.findings(try server.changing("auth-domains=", to: lines)).filter { $0.key == "realm-regex" }
    }
    #expect(try findings("sip:.*@(.*)").isEmpty)
    let found = try #require(try findings("sip:foo@(.*)").first)
    #expect(found.severity == .error)
    #expect(found.problem.contains("sip:alice@sip.example.org"))
    #expect(try findings("sip:(").first?.severity == .warning)
  }
}

/// A line of the working file, what it becomes, and what is to be said about it.
struct ConfMistake: Sendable, CustomTestStringConvertible {
  var line: String
  var becomes: String?
  var section: String
  var key: String
  var correction: String
  /// Whether `line` is the one that is pointed at.
  var isThere = true

  var testDescription: String { "\(line) -> \(becomes ?? "(gone)")" }

  static let all: [ConfMistake] = [
    ConfMistake(
      line: "transports=", becomes: "transports=sip:127.0.0.1:5062;transport=tcp", section: "conference-server",
      key: "outbound-proxy", correction: "outbound-proxy=sip:127.0.0.1:5062;transport=tcp", isThere: false),
    ConfMistake(
      line: "outbound-proxy=", becomes: "outbound-proxy=sip:127.0.0.1:5070;transport=tcp", section: "conference-server",
      key: "outbound-proxy", correction: "outbound-proxy=sip:127.0.0.1:5060;transport=tcp"),
    ConfMistake(
      line: "conference-factory-uris=", section: "conference-server", key: "conference-factory-uris",
      correction: "conference-factory-uris=sip:conference-factory@sip.example.org", isThere: false),
    ConfMistake(
      line: "conference-factory-uris=", becomes: "conference-factory-uris=sip:factory@sip.example.org",
      section: "conference-server", key: "conference-factory-uris",
      correction: "conference-factory-uris=sip:factory@sip.example.org sip:conference-factory@sip.example.org"),
    ConfMistake(
      line: "conference-focus-uris=", becomes: "conference-focus-uris=sip:conference-focus@other.example.org",
      section: "conference-server", key: "conference-focus-uris",
      correction: "conference-focus-uris=sip:conference-focus@sip.example.org"),
    ConfMistake(
      line: "filter=", becomes: "trusted-hosts=0.0.0.0", section: "module::Authentication", key: "trusted-hosts",
      correction: "trusted-hosts=127.0.0.1"),
    ConfMistake(
      line: "filter=", section: "module::Authentication", key: "trusted-hosts", correction: "trusted-hosts=127.0.0.1",
      isThere: false),
    ConfMistake(
      line: "filter=", becomes: "trusted-hosts=127.0.0.0/8", section: "module::Authentication", key: "trusted-hosts",
      correction: "trusted-hosts=127.0.0.1"),
    ConfMistake(
      line: "filter=", becomes: "trusted-hosts=192.0.2.7", section: "module::Authentication", key: "trusted-hosts",
      correction: "trusted-hosts=192.0.2.7 127.0.0.1"),
    ConfMistake(
      line: "default-servers=", becomes: "default-servers=proxy", section: "module::Registrar",
      key: "db-implementation", correction: "db-implementation=redis", isThere: false),
    ConfMistake(
      line: "auth-domains=", becomes: "auth-domains=sip.example.com", section: "module::Authentication",
      key: "auth-domains", correction: "auth-domains=sip.example.com sip.example.org"),
    ConfMistake(
      line: "reg-domains=", becomes: "reg-domains=localhost", section: "module::Registrar", key: "reg-domains",
      correction: "reg-domains=sip.example.org"),
    ConfMistake(
      line: "available-algorithms=", becomes: "available-algorithms=SHA256", section: "module::Authentication",
      key: "available-algorithms", correction: "available-algorithms=MD5 SHA-256"),
    ConfMistake(
      line: "enable-gruu=", becomes: "enable-gruu=false", section: "module::Registrar", key: "enable-gruu",
      correction: "enable-gruu=true"),
    ConfMistake(
      line: "enable-gruu=", becomes: "enable-gruu=yes", section: "module::Registrar", key: "enable-gruu",
      correction: "enable-gruu=true"),
    ConfMistake(
      line: "reg-domains=", becomes: "reg-domain=sip.example.org", section: "module::Registrar", key: "reg-domain",
      correction: "reg-domains=sip.example.org"),
    ConfMistake(
      line: "[conference-server]", becomes: "[conference-sever]", section: "conference-sever", key: "",
      correction: "[conference-server]"),
    ConfMistake(
      line: "database-connection-string=", becomes: "database-connection-string=/no/such/folder/rooms.db",
      section: "conference-server", key: "database-connection-string",
      correction: "database-connection-string=/var/opt/belledonne-communications/lib/flexisip/rooms.db"),
    ConfMistake(
      line: "transport=", becomes: "transport=sip:127.0.0.1:5060;transport=tcp", section: "conference-server",
      key: "transport", correction: "transport=sip:127.0.0.1:6064;transport=tcp"),
    ConfMistake(
      line: "file-path=", becomes: "file-path=/no/such/users.db", section: "module::Authentication", key: "file-path",
      correction: "file-path=/etc/flexisip/users.db"),
    ConfMistake(
      line: "reg-domains=", becomes: "reg-domains=sip.example.com\nreg-domains+=sip.example.org",
      section: "module::Registrar", key: "reg-domains", correction: "reg-domains=sip.example.com sip.example.org"),
    ConfMistake(
      line: "auth-domains=", becomes: "auth-domains=sip.example.com \\\n  sip.example.org",
      section: "module::Authentication", key: "auth-domains", correction: "auth-domains=sip.example.com sip.example.org"
    ),
    ConfMistake(
      line: "enable-gruu=", becomes: "enable-gruu=true # needed", section: "module::Registrar", key: "enable-gruu",
      correction: "enable-gruu=true"),
    ConfMistake(
      line: "enable-gruu=", becomes: "enable-gruu=true\nenable-gruu=true", section: "module::Registrar",
      key: "enable-gruu", correction: "enable-gruu=true"),
  ]
}

@Suite struct ConfCheckFindings {
  @Test func aFileThatWorksHasNone() throws {
    let server = try Server()
    #expect(server.findings(server.template.conf) == [])
  }

  @Test func registrationsThatARestartForgetsAreAWarning() throws {
    let server = try Server()
    let findings = ConfCheck.findings(
      in: FlexisipConf(path: "flexisip.conf", text: server.template.conf), client: server.client,
      triesListeners: false)
    #expect(findings.map(\.key) == ["db-implementation"] && findings.map(\.severity) == [.warning])
    #expect(findings.first?.correction == "db-implementation=redis")
  }

  @Test func aFileOf22WithoutFocusURIsIsOnlyWarnedAbout() throws {
    let server = try Server(.v22)
    let findings = server.findings(server.template.conf)
    #expect(findings.map(\.key) == ["conference-focus-uris"])
    #expect(findings.map(\.severity) == [.warning])
  }

  @Test(arguments: ConfMistake.all) func aSingleMistakeIsTheFirstErrorWithItsLine(_ mistake: ConfMistake) throws {
    let server = try Server()
    let text = try server.changing(mistake.line, to: mistake.becomes)
    let errors = server.findings(text).filter { $0.severity == .error }
    let first = try #require(errors.first { $0.section == mistake.section && $0.key == mistake.key }, "\(errors)")
    #expect(first.correction.components(separatedBy: "\n").first == mistake.correction)
    let line = try #require(first.line)
    let written = text.components(separatedBy: "\n")
    if mistake.isThere, let becomes = mistake.becomes {
      #expect(becomes.components(separatedBy: "\n").contains(written[line - 1]))
    }
    #expect(errors.count == 1, "\(errors.map(\.headline))")
  }

  @Test func correctingTheLineTakesTheFindingAway() throws {
    let server = try Server()
    for mistake in ConfMistake.all where mistake.isThere && mistake.becomes?.contains("\n") == false {
      let broken = try server.changing(mistake.line, to: mistake.becomes)
      for finding in server.findings(broken) where finding.key == mistake.key && finding.severity == .error {
        guard !finding.correction.hasPrefix("database-connection"), !finding.correction.hasPrefix("file-path") else {
          continue  // paths of a real server
        }
        var lines = broken.components(separatedBy: "\n")
        lines[try #require(finding.line) - 1] = finding.correction
        let left = server.findings(lines.joined(separator: "\n"))
        #expect(!left.contains { $0.key == mistake.key && $0.problem == finding.problem }, "\(mistake.testDescription)")
      }
    }
  }

  @Test func trustingTheLoopbackIsAWarningForAClientThatComesFromThere() throws {
    let server = try Server()
    let text = try server.changing("filter=", to: "trusted-hosts=127.0.0.1")
    #expect(server.findings(text) == [])
    let local = ConfClient(
      address: server.client.address, outboundProxy: SIPURI("sip:127.0.0.1:5060;transport=tcp"),
      conferenceFactory: server.client.conferenceFactory)
    #expect(server.findings(text, client: local).map(\.key) == ["trusted-hosts"])
  }

  @Test func aUserWhoIsNotInTheFileIsNamed() throws {
    let server = try Server()
    let carol = ConfClient(
      address: try #require(SIPURI("sip:carol@sip.example.org")), conferenceFactory: server.client.conferenceFactory)
    let finding = try #require(server.findings(server.template.conf, client: carol).first)
    #expect(finding.problem.contains("carol@sip.example.org"))
  }

  @Test func switchingTheConferenceServerOffCountsInVersionsThatReadIt() throws {
    let old = try Server(.v22)
    let finding = old.findings(try old.changing("enabled=true", to: "enabled=false")).first
    #expect(finding?.key == "enabled" && finding?.severity == .error)
    let new = try Server(.v25)
    #expect(new.findings(try new.changing("enabled=true", to: "enabled=false")).map(\.severity) == [.warning])
  }

  @Test func aKeyThatTheVersionDoesNotKnowKeepsItFromStarting() throws {
    let server = try Server(.v25)
    let finding = try #require(
      server.findings(server.template.conf, version: "2.2.0").first { $0.key == "conference-focus-uris" })
    #expect(finding.severity == .error && finding.preventsStart)
    #expect(server.findings(server.template.conf, version: "2.5").isEmpty)
  }

  @Test func wildcardTransportsTakeEveryLocalAddressOfTheirPort() throws {
    let server = try Server()
    #expect(server.findings(try server.changing("transports=", to: "transports=sip:*")) == [])
    #expect(server.findings(try server.changing("transports=", to: "transports=sips:sip.example.org sip:*:5060")) == [])
    let secureOnly = server.findings(try server.changing("transports=", to: "transports=sips:sip.example.org:5061"))
    #expect(secureOnly.map(\.key) == ["outbound-proxy"])
  }
}

@Suite struct ConfCertificates {
  @Test func certificatesThatAreNotThereAreNamed() throws {
    let server = try Server()
    var template = server.template
    template.usesTLS = true
    let keys = ["tls-certificates-file", "tls-certificates-private-key"]
    #expect(server.findings(template.conf).map(\.key) == keys)
    try Data("-----BEGIN CERTIFICATE-----\n".utf8).write(to: URL(fileURLWithPath: template.certificatePath))
    try Data("-----BEGIN PRIVATE KEY-----\n".utf8).write(to: URL(fileURLWithPath: template.keyPath))
    #expect(server.findings(template.conf) == [])

    let exchanged = template.conf.replacing("key=\(template.keyPath)", with: "key=\(template.certificatePath)")
    #expect(server.findings(exchanged).map(\.key) == [keys[1]])
    let half = template.conf.replacing("\ntls-certificates-private-key=", with: "\n#")
    #expect(server.findings(half).map(\.key) == [keys[1]])
    #expect(server.findings(half).first?.preventsStart == true)
  }
}

@Suite struct ConfigurationForFlexisip {
  private static func print(into folder: TemporaryFolder) async throws {
    let run = try PeerProcess(
      TestPaths.limeade,
      ["lab", "--print-config", "--flexisip-version", "2.5", "--tls", "--config-folder", folder.url.path],
      keepsErrors: true)
    #expect(try await run.exitCode() == 0, "\(run.output)")
  }

  @Test func withTLSItHasACertificateThatStays() async throws {
    let folder = try TemporaryFolder()
    try await Self.print(into: folder)
    let certificate = try Data(contentsOf: folder.file("server.pem"))
    try await PeerProcess.run(
      URL(fileURLWithPath: "/usr/bin/openssl"),
      ["verify", "-CAfile", "ca.pem", "-verify_ip", "127.0.0.1", "-verify_hostname", "sip.example.org", "server.pem"],
      in: folder.url)
    try await PeerProcess.run(
      URL(fileURLWithPath: "/bin/sh"),
      ["-euc", "test \"$(openssl x509 -in server.pem -noout -pubkey)\" = \"$(openssl pkey -in server.key -pubout)\""],
      in: folder.url)
    for name in ["server.key", "users.db", "flexisip.conf"] {
      let mode = try FileManager.default.attributesOfItem(atPath: folder.file(name).path)[.posixPermissions] as? Int
      #expect(mode == 0o600)
    }
    let check = try PeerProcess(TestPaths.limeade, ["check", "--flexisip-conf", folder.file("flexisip.conf").path])
    #expect(try await check.exitCode() == 0, "\(check.output)")
    try await Self.print(into: folder)
    #expect(try Data(contentsOf: folder.file("server.pem")) == certificate)
  }
}

@Suite struct CheckCommandOnAFile {
  @Test func exitsWith78AndAJSONFindingForABrokenFileAndWith0ForAGoodOne() async throws {
    let server = try Server()
    let path = server.folder.url.appendingPathComponent("flexisip.conf")
    try Data(server.template.conf.utf8).write(to: path)
    let good = try PeerProcess(TestPaths.limeade, ["check", "--flexisip-conf", path.path])
    #expect(try await good.exitCode() == 0)

    try Data(try server.changing("enable-gruu=", to: "enable-gruu=false").utf8).write(to: path)
    let broken = try PeerProcess(TestPaths.limeade, ["check", "--json", "--flexisip-conf", path.path])
    let finding = try await broken.event("finding")
    #expect(finding["key"] == "enable-gruu")
    #expect(finding["correction"] == "enable-gruu=true")
    #expect(try await broken.exitCode() == 78)
  }
}
