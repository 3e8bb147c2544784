// ConfReaderTests.swift: lines that Flexisip reads otherwise than they are meant, and values that it cannot read
import FlexisipCheck
import Foundation
import Testing

/// One line in a file that works, and what is to be said of it.
struct ReadLine: Sendable, CustomTestStringConvertible {
  var section: String
  var line: String
  var key: String
  var correction: String
  var version = "2.5"
  var says = ""
  var isError = true
  var ends = true

  var testDescription: String { "\(version) [\(section)] \(line.debugDescription)" }

  static let all = [
    ReadLine(
      section: "module::Presence", line: "enabled=false\t", key: "enabled", correction: "enabled=false", says: "a tab"),
    ReadLine(
      section: "module::Presence", line: "enabled=false\u{A0}", key: "enabled", correction: "enabled=false",
      says: "U+00A0"),
    ReadLine(
      section: "module::Presence", line: "\u{A0}enabled=false", key: "enabled", correction: "enabled=false",
      says: "U+00A0"),
    ReadLine(
      section: "module::Forward", line: "default-transport=udp\t", key: "default-transport",
      correction: "default-transport=udp", ends: false),
    ReadLine(
      section: "module::DoSProtection", line: "enabled=no", key: "enabled", correction: "enabled=false",
      says: "no truth value"),
    ReadLine(
      section: "module::Registrar", line: "reg-on-response=False", key: "reg-on-response",
      correction: "reg-on-response=false"),
    ReadLine(
      section: "mdns-register", line: "enabled=no", key: "enabled", correction: "enabled=false", says: "no truth value"),
    ReadLine(section: "event-logs", line: "enabled= ", key: "enabled", correction: "enabled=false"),
    ReadLine(
      section: "module::MediaRelay", line: "force-relay=true", key: "force-relay", correction: "# force-relay=true",
      says: "unknown key"),
    ReadLine(section: "stun-server", line: "ports=3478", key: "ports", correction: "port=3478"),
    ReadLine(
      section: "module::NatHelper", line: "fix-record-routes-policies=safe", key: "fix-record-routes-policies",
      correction: "fix-record-routes-policy=safe"),
    ReadLine(
      section: "module::Router", line: "stateful=true", key: "stateful", correction: "# stateful=true", version: "2.6",
      says: "2.6.0"),
    ReadLine(
      section: "module::Router", line: "call-fork-timeout=soon", key: "call-fork-timeout",
      correction: "call-fork-timeout=90", says: "no time"),
    ReadLine(
      section: "module::Router", line: "call-fork-timeout=90ms", key: "call-fork-timeout",
      correction: "call-fork-timeout=90", says: "finer"),
    ReadLine(
      section: "module::Router", line: "call-fork-timeout=2min", key: "call-fork-timeout",
      correction: "call-fork-timeout=2", version: "2.2", isError: false, ends: false),
    ReadLine(
      section: "module::Registrar", line: "force-expires=-1", key: "force-expires", correction: "force-expires=0"),
    ReadLine(section: "global", line: "udp-mtu=big", key: "udp-mtu", correction: "udp-mtu=1460"),
    ReadLine(
      section: "global", line: "udp-mtu=big", key: "udp-mtu", correction: "udp-mtu=1460", version: "2.2", says: "as 0",
      isError: false, ends: false),
    ReadLine(
      section: "module::Registrar", line: "register-expire-randomizer-max=101", key: "register-expire-randomizer-max",
      correction: "register-expire-randomizer-max=0", says: "0 to 100"),
    ReadLine(section: "global", line: "log-level=info", key: "log-level", correction: "log-level=error"),
    ReadLine(
      section: "global", line: "aliases=sip.example.org,chat.example.org", key: "aliases",
      correction: "aliases=sip.example.org chat.example.org", version: "2.6", says: "no commas", ends: false),
    ReadLine(
      section: "cluster", line: "nodes=192.0.2.1\t192.0.2.2", key: "nodes", correction: "nodes=192.0.2.1 192.0.2.2",
      says: "a tab", ends: false),
    ReadLine(
      section: "cluster", line: "cluster-domain=<SIP_DOMAIN>", key: "cluster-domain",
      correction: "cluster-domain=sip.example.org", says: "<SIP_DOMAIN> is a placeholder", ends: false),
    ReadLine(
      section: "cluster", line: "nodes={{ node_ip }}", key: "nodes", correction: "nodes=192.0.2.1",
      says: "is a placeholder", ends: false),
    ReadLine(
      section: "module::JweAuth", line: "jwks-path=/etc/jwks", key: "", correction: "# [module::JweAuth]", says: "2.5.0"
    ),
    ReadLine(
      section: "voicemail-server", line: "max-calls=5", key: "", correction: "# [voicemail-server]", says: "2.6.0"),
    ReadLine(
      section: "module::ExternalAuthentication", line: "enabled=true", key: "",
      correction: "# [module::ExternalAuthentication]", says: "plugin"),
  ]
}

@Suite struct ConfReading {
  private static func findings(_ text: String, _ version: String? = "2.5") -> [ConfFinding] {
    var setup = FlexisipSetup(FlexisipConf(path: "flexisip.conf", text: text))
    setup.assign(version: version.flatMap { FlexisipVersion($0) })
    return ConfCheck.findingsOfReading(setup)
  }

  @Test(arguments: ReadLine.all) func aLineThatFlexisipTakesOtherwiseIsNamed(_ line: ReadLine) throws {
    let text = "# a comment\n[\(line.section)]\n\(line.line)\n"
    let found = Self.findings(text, line.version)
    let finding = try #require(found.first, "nothing is found")
    #expect(found.count == 1, "\(found.map(\.headline))")
    #expect(finding.section == line.section && finding.key == line.key)
    #expect(finding.line == (line.key.isEmpty ? 2 : 3))
    #expect(finding.correction == line.correction)
    #expect(line.says.isEmpty || finding.problem.contains(line.says), "\(finding.problem)")
    #expect((finding.severity == .error) == line.isError && finding.preventsStart == line.ends)
    guard !line.key.isEmpty else { return }
    #expect(Self.findings("[\(line.section)]\n\(finding.correction)\n", line.version).isEmpty)
  }

  /// A tab separates nothing for Flexisip, so the section is not seen.
  @Test func whatStandsBeforeASectionHidesIt() throws {
    let found = Self.findings("[global]\naliases=a.example.org\n\t[module::Registrar]\nreg-domains=a.example.org\n")
    #expect(found.count == 1, "\(found.map(\.headline))")
    #expect(found.first?.line == 3 && found.first?.correction == "[module::Registrar]")
    #expect(found.first?.problem.contains("[global]") == true && found.first?.preventsStart == true)
    let marked = Self.findings("\u{FEFF}[global]\naliases=a.example.org\n")
    #expect(marked.map(\.line) == [1] && marked.first?.problem.contains("byte-order mark") == true)
    #expect(Self.findings("\u{FEFF}# a comment\n[global]\naliases=a.example.org\n").isEmpty)
    #expect(Self.findings("  [global]\n  aliases=a.example.org\n\taliases2=\n\t#no value\n").isEmpty)
  }

  /// The CR is the cause, and told once: of the line that keeps the server from starting.
  @Test func carriageReturnsAreToldOnce() throws {
    let lines = [
      "[global]", "aliases=a.example.org", "", "[module::Registrar]", "enabled=true", "enable-gruu=true", "",
    ]
    let found = Self.findings(lines.joined(separator: "\r\n"))
    let finding = try #require(found.first)
    #expect(found.count == 1, "\(found.map(\.headline))")
    #expect(finding.line == 5 && finding.preventsStart && finding.correction == "enabled=true")
    #expect(finding.problem.contains("'true\\r' is no truth value"))
    #expect(finding.remedy?.contains("sed") == true)
    let harmless = Self.findings("[global]\r\naliases=a.example.org\r\n")
    #expect(harmless.count == 1 && harmless.first?.preventsStart == false)
    #expect(Self.findings("# a comment\r\n[global]\r\n\r\naliases=a.example.org\n").isEmpty)
  }

  @Test func aCommentBehindATruthValueKeepsItFromStarting() {
    #expect(Self.findings("[module::Registrar]\nenabled=true # on\n").map(\.preventsStart) == [true])
    #expect(Self.findings("[global]\naliases=a.example.org # one\n").map(\.preventsStart) == [false])
    let before = Self.findings("[global]\n\t# aliases=a.example.org\n")
    #expect(before.map(\.preventsStart) == [true] && before.first?.correction == "# aliases=a.example.org")
  }

  /// A key with nothing behind it is none.
  @Test func anEmptyValueIsNoSecondOneAndLeavesTheDefault() {
    #expect(Self.findings("[module::Registrar]\nfilter=\nreg-domains=a.example.org\nfilter=is_request\n").isEmpty)
    #expect(Self.findings("[module::Registrar]\nenabled=\n").isEmpty)
    let conf = FlexisipConf(path: "flexisip.conf", text: "[module::Registrar]\nenabled=\n")
    #expect(conf.setting("module::Registrar", "enabled") == nil)
  }

  @Test func ofTwoValuesTheLastCountsBefore24AndLaterNoneDoes() throws {
    let text = "[module::Registrar]\nreg-domains=other.example.org\nreg-domains=a.example.org\n"
    let old = Self.findings(text, "2.3.5")
    #expect(old.map(\.severity) == [.warning] && old.map(\.line) == [3])
    #expect(FlexisipConf(path: "", text: text).setting("module::Registrar", "reg-domains")?.value == "a.example.org")
    for version in ["2.4.0", "2.7", nil] {
      #expect(Self.findings(text, version).map(\.preventsStart) == [true])
    }
  }

  @Test func listsHaveCommasUntil25() {
    let text = "[module::Registrar]\nreg-domains=a.example.org,b.example.org\n"
    #expect(Self.findings(text, "2.5.2").isEmpty)
    #expect(Self.findings(text, "2.6").map(\.severity) == [.error])
    #expect(Self.findings(text, nil).map(\.severity) == [.warning])
    let network = "[global]\ntransports=sip:192.0.2.1;network=192.0.2.0/24,198.51.100.0/24 sip:192.0.2.2\n"
    #expect(Self.findings(network, "2.6").isEmpty)
  }

  @Test func aLineOfTooManyBytesIsCut() {
    let long = "[global]\naliases=\(String(repeating: "a ", count: 1100))\n"
    #expect(Self.findings(long, "2.2").map(\.line) == [2])
    #expect(Self.findings(long, "2.5").isEmpty)
  }

  @Test func oldNamesAreNamedWithTheirSuccessors() throws {
    let renamed = Self.findings("[module::NatHelper]\ncontact-verified-param=verified\n", "2.5")
    #expect(renamed.map(\.correction) == ["contact-correction-param=verified"] && renamed.first?.severity == .warning)
    let moved = Self.findings("[event-logs]\nflexiapi-host=api.example.org\n", "2.6")
    #expect(moved.first?.correction == "[global::flexiapi]\nurl=api.example.org")
    let gone = Self.findings("[module::Router]\nfork=true\n[global]\ntls-certificates-dir=/etc/tls\n", "2.6")
    #expect(gone.map(\.preventsStart) == [true, true])
    #expect(gone.map(\.correction) == ["# fork=true", "tls-certificates-file=/etc/tls"])
    #expect(Self.findings("[event-logs]\ndir=/var/log\n", "2.2").first?.correction == "filesystem-directory=/var/log")
  }
}
