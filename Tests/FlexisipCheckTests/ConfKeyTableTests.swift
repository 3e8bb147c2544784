// ConfKeyTableTests.swift: which keys each version of Flexisip and flexisip-conference knows, and what their defaults are
import FlexisipCheck
import Testing

@Suite struct ConfKeyTable {
  /// What a program prints as its default configuration, with the settings that it has in comments set.
  private static func defaults(_ program: FlexisipProgram) -> String {
    FlexisipKeys.table.values.sorted { $0.name < $1.name }.compactMap { section -> String? in
      guard FlexisipKeys.knowledge(of: section.name, by: program) == .known,
        !["module::ExternalAuthentication", "module::JweAuth"].contains(section.name)
      else { return nil }
      let keys = section.keys.keys.sorted().compactMap { name -> String? in
        guard FlexisipKeys.knowledge(of: name, in: section.name, by: program) == .known,
          let key = FlexisipKeys.key(name, in: section.name, by: program), key.successor == nil
        else { return nil }
        return "\(name)=\(key.defaultValue)"
      }
      return "[\(section.name)]\n\(keys.joined(separator: "\n"))\n"
    }.joined(separator: "\n")
  }

  private static func reading(_ text: String, _ version: String) throws -> [ConfFinding] {
    var setup = FlexisipSetup(FlexisipConf(path: "flexisip.conf", text: text))
    setup.assign(version: FlexisipVersion(version))
    return ConfCheck.findingsOfReading(setup)
  }

  @Test(arguments: FlexisipKeyTable.releases) func theDefaultConfigurationOfAVersionHasNoFinding(_ release: String)
    throws
  {
    let text = Self.defaults(FlexisipProgram(kind: .flexisip, version: FlexisipVersion(release)))
    #expect(text.components(separatedBy: "\n").count > 250)
    let found = try Self.reading(text, release)
    #expect(found.isEmpty, "\(found.map(\.headline))")
  }

  @Test(arguments: FlexisipKeyTable.conferenceReleases)
  func theDefaultConfigurationOfTheConferenceServerHasNone(_ release: String) throws {
    let version = try #require(FlexisipVersion(release))
    let text = Self.defaults(FlexisipProgram(kind: .conference, version: version))
    #expect(text.contains("\n[conference-server]\n") && !text.contains("[module::Router]"))
    var setup = FlexisipSetup(files: [], conference: FlexisipConf(path: "flexisip-conference.conf", text: text))
    setup.assign(version: nil, conferenceVersion: version)
    let found = ConfCheck.findingsOfReading(setup)
    #expect(found.isEmpty, "\(found.map(\.headline))")
  }

  /// As the vendor's tags have them.
  @Test(
    arguments: [
      ("2.4.0", "global", "memory-usage-log-interval", false), ("2.4.1", "global", "memory-usage-log-interval", true),
      ("2.3.4", "global", "tcp-max-read-size", false), ("2.3.5", "global", "tcp-max-read-size", true),
      ("2.4.0", "global", "tcp-max-read-size", false), ("2.4.1", "global", "tcp-max-read-size", true),
      ("2.4.5", "global", "use-rfc2543-record-route", true), ("2.5.0", "global", "use-rfc2543-record-route", false),
      ("2.3.4", "module::Registrar", "max-contacts-per-registration", true),
      ("2.3.3", "module::Registrar", "max-contacts-per-registration", false),
      ("2.7.0", "module::Registrar", "max-contacts-by-aor", true),
      ("2.6.0", "module::Registrar", "redis-connection", true),
      ("2.5.2", "module::Registrar", "redis-connection", false),
      ("2.5.2", "module::Router", "stateful", true), ("2.6.0", "module::Router", "stateful", false),
      ("2.6.0", "global", "watchdog-notify-interval", true), ("2.6.0", "global", "tls-certificates-dir", false),
      ("2.6.0", "global", "connection-establishment-timeout", false),
      ("2.7.0", "global", "connection-establishment-timeout", true),
      ("2.2.0", "module::MediaRelay", "force-relay", false), ("2.2.0", "module::MediaRelay", "nortpproxy", true),
      ("2.2.0", "conference-server", "conference-focus-uris", false),
      ("2.3.0", "conference-server", "conference-focus-uris", true),
    ])
  func aKeyIsKnownToThePatchRelease(_ version: String, _ section: String, _ key: String, _ isKnown: Bool) throws {
    let program = FlexisipProgram(kind: .flexisip, version: FlexisipVersion(version))
    #expect((FlexisipKeys.knowledge(of: key, in: section, by: program) == .known) == isKnown)
    let found = try Self.reading("[\(section)]\n\(key)=1\n", version).filter { $0.problem.contains("know") }
    #expect(found.contains { $0.key == key } == !isKnown, "\(found.map(\.headline))")
  }

  /// The conference server's newest keys, which its own file has and flexisip.conf never had.
  @Test func flexisipConferenceHasKeysOfItsOwn() throws {
    func found(_ line: String, _ version: String) throws -> [ConfFinding] {
      let text = "[conference-server]\n\(line)\n"
      var setup = FlexisipSetup(files: [], conference: FlexisipConf(path: "flexisip-conference.conf", text: text))
      setup.assign(version: nil, conferenceVersion: FlexisipVersion(version))
      return ConfCheck.findingsOfReading(setup)
    }
    for line in ["supported-audio-codecs=opus", "supported-video-codec=vp8"] {
      #expect(try found(line, "1.1").isEmpty)
      #expect(try found(line, "1.0").first?.preventsStart == true)
    }
    #expect(try found("cleanup-expired-conferences=true", "1.0").isEmpty)
    #expect(try found("conference-factory-uri=sip:a@b", "1.0").first?.preventsStart == true)
    let audio = try #require(try found("supported-audio-codec=opus", "1.1").first)
    #expect(audio.correction == "supported-audio-codecs=opus")
  }

  /// Without a patch release the newest of the minor version is meant.
  @Test func aVersionWithoutItsPatchReleaseIsTheNewest() throws {
    #expect(try Self.reading("[global]\nmemory-usage-log-interval=5\n", "2.4").isEmpty)
    #expect(FlexisipVersion("2.7.0-alpha")?.description == "2.7.0" && FlexisipVersion("2.6")?.description == "2.6")
    #expect(FlexisipVersion("new") == nil && FlexisipVersion("2") == nil)
  }
}
