// FlexisipSetupTests.swift: a proxy and a conference server with a file each, as from Flexisip 2.6 on
import FlexisipCheck
import Foundation
import MessageFormats
import TestSupport
import Testing

@Suite struct SetupOfTwoFiles {
  private static let proxy = """
    [global]
    aliases=chat.example.org
    transports=sips:0.0.0.0:5061 sip:127.0.0.1:5060;transport=tcp
    tls-certificates-file=/etc/flexisip/tls/cert.pem
    tls-certificates-private-key=/etc/flexisip/tls/key.pem
    tls-certificates-check-interval=60

    [module::Authentication]
    enabled=true
    auth-domains=chat.example.org
    trusted-hosts=127.0.0.1
    db-implementation=file
    file-path=/etc/flexisip/users.conf

    [module::Registrar]
    enabled=true
    reg-domains=chat.example.org
    db-implementation=redis

    [module::Router]
    message-database-enabled=true
    """
  private static let conference = """
    [global]
    log-level=message

    [conference-server]
    transport=sip:127.0.0.1:6064;transport=tcp
    outbound-proxy=sip:127.0.0.1:5060;transport=tcp
    conference-factory-uris=sip:conference-factory@chat.example.org
    conference-focus-uris=sip:conference-focus@chat.example.org
    supported-media-types=audio video text
    database-backend=mysql
    database-connection-string=db='rooms' user='rooms' password='secret' host='127.0.0.1'

    [module::Registrar]
    db-implementation=redis
    """

  private static func setup(
    _ proxy: String? = proxy, _ conference: String? = conference, version: String? = "2.6"
  ) -> FlexisipSetup {
    // In the order of neither.
    var files: [FlexisipConf] = []
    if let conference { files.append(FlexisipConf(path: "conference.conf", text: conference)) }
    if let proxy { files.append(FlexisipConf(path: "flexisip.conf", text: proxy)) }
    var setup = FlexisipSetup(files: files)
    setup.assign(version: version.flatMap { FlexisipVersion($0) })
    return setup
  }

  private static func findings(
    _ proxy: String? = proxy, _ conference: String? = conference, version: String? = "2.6"
  ) -> [ConfFinding] {
    ConfCheck.findings(in: setup(proxy, conference, version: version), isServersMachine: false)
  }

  @Test(arguments: ["2.6", "2.6.0", "2.7", nil]) func twoRightFilesHaveNoFinding(_ version: String?) {
    let found = Self.findings(version: version)
    #expect(found.isEmpty, "\(found.map(\.headline))")
    #expect(Self.setup(version: version).unseen.isEmpty)
  }

  @Test func eachAloneHasNoneAndSaysWhatWasNotSeen() throws {
    for version in ["2.6", nil] {
      let proxy = Self.findings(Self.proxy, nil, version: version)
      #expect(proxy.isEmpty, "\(proxy.map(\.headline))")
      let conference = Self.findings(nil, Self.conference, version: version)
      #expect(conference.isEmpty, "\(conference.map(\.headline))")
    }
    #expect(Self.setup(Self.proxy, nil).unseen.first?.contains("flexisip-conference.conf") == true)
    #expect(Self.setup(Self.proxy, nil, version: nil).unseen.first?.contains("[conference-server]") == true)
    #expect(Self.setup(nil, Self.conference).unseen.first?.contains("transports") == true)
    // Until 2.5 there is no other file.
    #expect(Self.findings(Self.proxy, nil, version: "2.5").contains { $0.section == "conference-server" })
  }

  @Test(
    arguments: [
      ("outbound-proxy=sip:127.0.0.1:5070;transport=tcp", "outbound-proxy"),
      ("conference-factory-uris=sip:conference-factory@other.example.org", "conference-factory-uris"),
      ("conference-focus-uris=sip:conference-focus@other.example.org", "conference-focus-uris"),
      ("transport=sip:127.0.0.1:5060;transport=tcp", "transport"),
      ("transport=sips:127.0.0.1:6064", "transport"),
      ("db-implementation=internal", "db-implementation"),
      ("db-implementation=redis\nredis-server-domain=192.0.2.7", "redis-server-domain"),
      ("db-implementation=redis\nredis-server-port=6380", "redis-server-port"),
      ("supported-media-types=audio video", "supported-media-types"),
    ])
  func whatDoesNotFitTheProxyIsSaidOfTheConferenceServersFile(_ line: String, _ key: String) throws {
    let start = line.prefix { $0 != "=" } + "="
    var lines = Self.conference.components(separatedBy: "\n")
    let place = try #require(lines.firstIndex { $0.hasPrefix(start) })
    lines[place] = line
    let found = Self.findings(Self.proxy, lines.joined(separator: "\n"))
    let finding = try #require(found.first { $0.severity == .error }, "\(found.map(\.headline))")
    #expect(finding.file == "conference.conf" && finding.key == key, "\(found.map(\.headline))")
    #expect(finding.line.map { $0 >= place + 1 } == true)
  }

  @Test(
    arguments: [
      ("trusted-hosts=127.0.0.1", "trusted-hosts=192.0.2.7", "trusted-hosts"),
      ("db-implementation=redis", "db-implementation=internal", "db-implementation"),
      ("sip:127.0.0.1:5060;transport=tcp", "sip:127.0.0.1:5062;transport=tls", "transports"),
    ])
  func whatDoesNotFitTheConferenceServerIsSaidOfTheProxysFile(_ old: String, _ new: String, _ key: String) throws {
    let found = Self.findings(Self.proxy.replacing(old, with: new)).filter { $0.severity == .error }
    #expect(found.contains { $0.file == "flexisip.conf" && $0.key == key }, "\(found.map(\.headline))")
  }

  @Test func aDomainThatTheConferenceServerDoesNotKnowIsAWarning() {
    let text = Self.proxy.replacing("-domains=chat.example.org", with: "-domains=chat.example.org sip.example.org")
    let found = Self.findings(text)
    #expect(found.map(\.key) == ["local-domains"] && found.first?.file == "conference.conf")
    #expect(found.first?.correction == "local-domains=sip.example.org")
  }

  /// What Flexisip 2.6 starts with, and makes no conference server of.
  @Test func aFileFromBefore26IsAnErrorThere() throws {
    let server = try Server(.v25)
    let found = server.findings(server.template.conf, version: "2.7").filter { $0.severity == .error }
    #expect(found.map(\.section).contains("conference-server"), "\(found.map(\.headline))")
    #expect(found.first { $0.section == "conference-server" }?.problem.contains("flexisip-conference.conf") == true)
    let both = Self.findings(
      Self.proxy + "\n"
        + Self.conference.split(separator: "\n").dropFirst(2).dropLast(2)
        .joined(separator: "\n"))
    #expect(both.map(\.severity) == [.warning], "\(both.map(\.headline))")
    let alone = Self.findings(Self.proxy.replacing("aliases=", with: "default-servers=conference\naliases="))
    #expect(alone.first?.key == "default-servers" && alone.first?.preventsStart == true)
  }

  @Test func sectionsOfOtherServersDoNotBelongIntoTheConferenceServersFile() {
    let router = Self.findings(nil, Self.conference + "\n[module::Router]\nno-such-key=1\n[conference-server]\n")
    #expect(router.map(\.severity) == [.warning] && router.first?.section == "module::Router")
    let presence = Self.findings(nil, Self.conference + "\n[presence-server]\nexpires=600\n")
    #expect(presence.map(\.preventsStart) == [true])
  }

  @Test func thePresenceServerListensWhereTheProxySendsTo() {
    func found(_ transports: String) -> [ConfFinding] {
      let module = "\n[module::Presence]\nenabled=true\npresence-server=sip:192.0.2.9:5065;transport=tcp\n"
      var setup = FlexisipSetup(
        files: [
          FlexisipConf(path: "presence.conf", text: "[presence-server]\ntransports=\(transports)\n"),
          FlexisipConf(path: "conference.conf", text: Self.conference),
          FlexisipConf(path: "flexisip.conf", text: Self.proxy + module),
        ])
      setup.assign(version: FlexisipVersion("2.6"))
      return ConfCheck.findings(in: setup, isServersMachine: false)
    }
    #expect(found("sip:192.0.2.9:5065;transport=tcp").isEmpty)
    let wrong = found("sip:192.0.2.9:5066;transport=tcp")
    #expect(wrong.map(\.key) == ["presence-server"] && wrong.first?.file == "flexisip.conf")
    #expect(wrong.first?.correction == "presence-server=sip:192.0.2.9:5066;transport=tcp")
  }

  @Test func messagesThatWaitAreLostByARestartWithRedisToo() {
    let found = Self.findings(Self.proxy.replacing("message-database-enabled=true", with: "message-fork-late=true"))
    #expect(found.map(\.key) == ["message-database-enabled"] && found.map(\.severity) == [.warning])
    #expect(found.first?.correction == "message-database-enabled=true")
  }
}

@Suite struct TransportLists {
  @Test(
    arguments: [
      ("tcp:0.0.0.0:5060", "sip:0.0.0.0:5060;transport=tcp"), ("udp://192.0.2.1", "sip:192.0.2.1;transport=udp"),
      ("tls:192.0.2.1:5061", "sips:192.0.2.1:5061"), ("127.0.0.1:5060", "sip:127.0.0.1:5060"),
      ("sip:192.0.2.1:5061;transport=tls", "sips:192.0.2.1:5061"),
    ])
  func aCorrectionKeepsTheOthersOfTheLine(_ wrong: String, _ right: String) throws {
    let server = try Server()
    let others = "sip:127.0.0.1:5060;transport=tcp sip:192.0.2.9"
    let found = server.findings(try server.changing("transports=", to: "transports=\(others) \(wrong)"))
    let first = try #require(found.first)
    #expect(found.count == 1 && first.preventsStart, "\(found.map(\.headline))")
    #expect(first.correction == "transports=\(others) \(right)")
  }
}

@Suite struct PrintedConfiguration {
  @Test(arguments: ["2.2", "2.2.6", "2.3", "2.3.5", "2.4", "2.4.5", "2.5", "2.5.2", "2.6", "2.7"])
  func whatIsPrintedForAVersionIsRightForIt(_ version: String) throws {
    var template = ConfTemplate(domain: "sip.example.org", users: [("alice", "secret")], host: "192.0.2.10")
    template.version = try #require(.init(for: version))
    var setup = FlexisipSetup(
      files: [FlexisipConf(path: "flexisip.conf", text: template.conf)],
      conference: template.conferenceConf.map { FlexisipConf(path: "flexisip-conference.conf", text: $0) })
    setup.assign(version: FlexisipVersion(version))
    let found = ConfCheck.findings(in: setup, isServersMachine: false)
    let isSplit = version >= "2.6"
    #expect((template.conferenceConf != nil) == isSplit)
    #expect(found.allSatisfy { $0.severity == .warning }, "\(found.map(\.headline))")
    #expect(found.map(\.key) == [isSplit ? "message-database-enabled" : "db-implementation"])
    #expect(setup.unseen.isEmpty)
    #expect(!template.conf.contains("[conference-server]\n") == isSplit)
  }

  @Test func for26TheCommandWritesBothFilesWithTheUnitsAndTheRedisThatTheyShare() async throws {
    let folder = try TemporaryFolder()
    let run = try PeerProcess(
      TestPaths.limeade,
      ["lab", "--print-config", "--flexisip-version", "2.6", "--config-folder", folder.url.path], keepsErrors: true)
    #expect(try await run.exitCode() == 0, "\(run.output)")
    let proxy = try String(contentsOf: folder.file("flexisip.conf"), encoding: .utf8)
    let conference = try String(contentsOf: folder.file("flexisip-conference.conf"), encoding: .utf8)
    for text in [proxy, conference] {
      #expect(text.contains("\nredis-server-domain=localhost\nredis-server-port=6379\n"))
    }
    #expect(proxy.contains("flexisip-proxy") && conference.contains("flexisip-conference.service"))
    let files = [
      "--flexisip-conf", folder.file("flexisip.conf").path, "--conference-conf",
      folder.file("flexisip-conference.conf").path,
    ]
    let check = try PeerProcess(
      TestPaths.limeade, ["check", "--json", "--elsewhere", "--flexisip-version", "2.6"] + files)
    let first = try await check.event("configuration")
    #expect(first["file"] == folder.file("flexisip.conf").path)
    #expect(try await check.exitCode() == 0)
    let alone = try PeerProcess(
      TestPaths.limeade, ["check", "--json", "--elsewhere", "--flexisip-version", "2.6"] + files.prefix(2))
    let unseen = try await alone.event("unseen")
    #expect(unseen["what"]?.contains("flexisip-conference.conf") == true)
    #expect(try await alone.exitCode() == 0)
  }
}
