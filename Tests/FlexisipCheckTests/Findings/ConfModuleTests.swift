// ConfModuleTests.swift: modules and values that keep chat rooms from working, as seen with Flexisip 2.2.0
import FlexisipCheck
import MessageFormats
import Testing

/// A setting that is added to a file that works, and what must be found.
struct AddedSetting: Sendable, CustomTestStringConvertible {
  var section: String
  var line: String
  var isError = true
  /// Whether Flexisip ends by it, at its start or later.
  var ends = false

  var key: String { String(line.prefix { $0 != "=" }) }
  var testDescription: String { "[\(section)] \(line)" }

  static let all = [
    AddedSetting(section: "module::Redirect", line: "enabled=true"),
    AddedSetting(section: "module::B2bua", line: "enabled=true"),
    AddedSetting(section: "module::Presence", line: "enabled=true"),
    AddedSetting(section: "module::Transcoder", line: "enabled=true", ends: true),
    AddedSetting(section: "module::NatHelper", line: "contact-verified-param=gr"),
    AddedSetting(section: "module::NatHelper", line: "enabled=false", isError: false),
    AddedSetting(section: "module::Forward", line: "filter=request.method-name != 'MESSAGE'", ends: true),
    AddedSetting(section: "module::Forward", line: "params-to-remove=pn-tok gr"),
    AddedSetting(section: "module::Router", line: "message-accept-timeout=0", ends: true),
    AddedSetting(section: "module::Router", line: "message-delivery-timeout=0", isError: false),
    AddedSetting(section: "module::Registrar", line: "max-contacts-by-aor=0"),
    AddedSetting(section: "module::Forward", line: "routes-config-path=/no/such/routes", ends: true),
    AddedSetting(section: "module::Registrar", line: "force-expires=1"),
    AddedSetting(section: "module::Registrar", line: "max-expires=1"),
    AddedSetting(section: "module::Registrar", line: "reg-on-response=true"),
    AddedSetting(section: "module::Registrar", line: "service-route=<sip:192.0.2.1;transport=tcp;lr>", isError: false),
    AddedSetting(section: "module::Authentication", line: "cache-expire=0"),
    AddedSetting(section: "global", line: "transaction-timeout=1"),
    AddedSetting(section: "global", line: "plugins=nothere", isError: false, ends: true),
  ]
}

@Suite struct ConfModuleTests {
  @Test(arguments: AddedSetting.all) func whatIsInTheWayIsNamed(_ added: AddedSetting) throws {
    let server = try Server(.v22)
    var client = server.client
    client.outboundProxy = SIPURI("sip:127.0.0.1:5060;transport=tcp")
    let header = "[\(added.section)]"
    let text =
      server.template.conf.contains(header)
      ? try server.changing(header, to: "\(header)\n\(added.line)")
      : server.template.conf + "\n\(header)\n\(added.line)\n"
    let found = server.findings(text, client: client, version: "2.2")
    let finding = try #require(found.first, "nothing is found")
    #expect(found.count == 1, "\(found.map(\.headline))")
    #expect(finding.section == added.section && finding.key == added.key)
    #expect((finding.severity == .error) == added.isError && finding.preventsStart == added.ends)
    // With the line as it should be, nothing is left.
    let corrected = text.replacing("\(header)\n\(added.line)\n", with: "\(header)\n\(finding.correction)\n")
    #expect(server.findings(corrected, client: client, version: "2.2").isEmpty)
  }

  @Test func presenceAtAnotherAddressTrustsNobodyHere() throws {
    let server = try Server(.v22)
    var client = server.client
    client.outboundProxy = SIPURI("sip:127.0.0.1:5060;transport=tcp")
    let section = "\n[module::Presence]\nenabled=true\npresence-server=sip:192.0.2.9:5065;transport=tcp\n"
    #expect(server.findings(server.template.conf + section, client: client, version: "2.2").isEmpty)
  }

  @Test func theClientsAddressIsNoNodeOfTheCluster() throws {
    let server = try Server(.v22)
    var client = server.client
    client.outboundProxy = SIPURI("sip:127.0.0.1:5060;transport=tcp")
    let section = "\n[cluster]\nenabled=true\nnodes=192.0.2.9 127.0.0.1\n"
    let found = server.findings(server.template.conf + section, client: client, version: "2.2")
    #expect(found.map(\.key) == ["nodes"] && found.first?.correction == "nodes=192.0.2.9")
  }

  @Test func anUnknownBackEndIsTakenForSQLite() throws {
    let server = try Server()
    let found = server.findings(try server.changing("database-backend=", to: "database-backend=postgresql"))
    #expect(found.map(\.key) == ["database-backend"] && found.first?.severity == .warning)
    #expect(found.first?.correction == "database-backend=sqlite3")
  }

  @Test func aFactoryIsUserAndHostOnly() throws {
    let server = try Server(.v22)
    let key = "conference-factory-uris="
    let text = try server.changing(key, to: "\(key)sip:conference-factory@sip.example.org;transport=tls")
    let found = server.findings(text, version: "2.2")
    #expect(found.first?.correction == "\(key)sip:conference-factory@sip.example.org")
    #expect(found.first?.severity == .error)
  }
}
