// CheckFormatTests.swift: the check's reports as readers that are not ours understand them
import FlexisipCheck
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct CheckFormats {
  private static let steps = CheckStep.allCases.count

  private static func healthyAndBroken(
    _ body: (LabProgram, _ isBroken: Bool) async throws -> Void
  ) async throws {
    for isBroken in [false, true] {
      let lab = try await LabProgram(isBroken ? ["--fault", "factory-not-listed"] : [])
      defer { lab.stop() }
      try await body(lab, isBroken)
    }
  }

  private static func check(_ lab: LabProgram, _ format: String, _ more: String...) async throws -> CommandRun {
    try await lab.run(
      as: "alice", ["check", "--with", "bob", "--timeout", "3", "--format", format] + more)
  }

  @Test func pythonReadsTheJUnitReport() async throws {
    let script = """
      import sys, xml.etree.ElementTree as E
      suite = E.parse(sys.argv[1]).getroot().find("testsuite")
      cases = suite.findall("testcase")
      failed = [c.get("name") for c in cases if c.find("failure") is not None]
      skipped = [c for c in cases if c.find("skipped") is not None]
      assert int(suite.get("tests")) == len(cases) and int(suite.get("failures")) == len(failed)
      assert int(suite.get("skipped")) == len(skipped) and all(float(c.get("time")) >= 0 for c in cases)
      print(len(cases), " ".join(failed))
      """
    try await Self.healthyAndBroken { lab, isBroken in
      let file = lab.folder.file("report.xml")
      let run = try await Self.check(lab, "junit", "--output", file.path)
      #expect(run.exitCode == (isBroken ? 76 : 0) && run.output.isEmpty, "\(run.errors)")
      let read = try await CommandRun(URL(fileURLWithPath: "/usr/bin/python3"), ["-c", script, file.path])
      #expect(read.output == (isBroken ? "\(Self.steps) factory\n" : "\(Self.steps) \n"), "\(read.errors)")
      let files = try FileManager.default.contentsOfDirectory(atPath: lab.folder.url.path)
      #expect(!files.contains { $0.hasSuffix(".part") })
    }
  }

  @Test func proveReadsTheTAPReport() async throws {
    try await Self.healthyAndBroken { lab, isBroken in
      let run = try await Self.check(lab, "tap")
      #expect(run.exitCode == (isBroken ? 76 : 0))
      let file = lab.folder.file("report.tap")
      try run.output.write(to: file, atomically: true, encoding: .utf8)
      let prove = try await CommandRun(
        URL(fileURLWithPath: "/usr/bin/prove"), ["--exec", "cat", "--verbose", file.path])
      #expect((prove.exitCode == 0) == !isBroken, "\(prove.output)")
      #expect(prove.output.contains("Tests=\(Self.steps)"), "\(prove.output)")
      #expect(!prove.output.contains("Parse errors") && prove.output.contains("# SKIP "))
      guard isBroken else { return }
      let number = try #require(prove.output.firstMatch(of: /Failed test:? +(\d+)\n/), "\(prove.output)").output.1
      #expect(run.output.contains("not ok \(number) - the conference factory makes a room"))
    }
  }

  @Test func aPluginHasTheExitCodesOfOne() async throws {
    try await Self.healthyAndBroken { lab, isBroken in
      let run = try await Self.check(lab, "nagios")
      #expect(run.exitCode == (isBroken ? 2 : 0))
      let first = try #require(run.lines.first)
      let parts = first.split(separator: "|")
      try #require(parts.count == 2, "\(first)")
      #expect(parts[0].hasPrefix(isBroken ? "FLEXISIP CRITICAL - the conference factory" : "FLEXISIP OK - "))
      #expect(parts[1].wholeMatch(of: /( '?[a-z-]+'?=[0-9.]+s?(;[0-9]*){0,2})+/) != nil, "\(first)")
    }
    let folder = try TemporaryFolder()
    let none = try await CommandRun(
      TestPaths.limeade, ["--config", folder.file("none").path, "check", "--format", "nagios"])
    #expect(none.exitCode == 3 && none.output.hasPrefix("FLEXISIP UNKNOWN - "))
    // A file with an error, and one with warnings only.
    let wrong = folder.file("flexisip.conf")
    try "[global]\nno-such-key=1\n".write(to: wrong, atomically: true, encoding: .utf8)
    let file = try await CommandRun(
      TestPaths.limeade, ["check", "--format", "nagios", "--elsewhere", "--flexisip-conf", wrong.path])
    #expect(file.exitCode == 2 && file.output.hasPrefix("FLEXISIP CRITICAL - \(wrong.path):"), "\(file.output)")
  }

  @Test func metricsAreThoseOfEachStep() async throws {
    try await Self.healthyAndBroken { lab, isBroken in
      let file = lab.folder.file("limeade.prom")
      let run = try await Self.check(lab, "prometheus", "--output", file.path)
      #expect(run.exitCode == (isBroken ? 76 : 0))
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(text.hasSuffix("\n"))
      var names: Set<Substring> = []
      var samples: [Substring: Double] = [:]
      for line in text.split(separator: "\n") {
        if let type = line.wholeMatch(of: /# TYPE ([a-z_]+) gauge/) {
          #expect(names.insert(type.output.1).inserted, "twice: \(line)")
        } else if !line.hasPrefix("# HELP ") {
          let sample = try #require(
            line.wholeMatch(of: /([a-z_]+)\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\} ([0-9.]+)/), "\(line)")
          #expect(names.contains(sample.output.1))
          #expect(samples.updateValue(Double(sample.output.2) ?? -1, forKey: line.prefix { $0 != " " }) == nil)
        }
      }
      let account = #"account="sip:alice@sip.example.org""#
      #expect(samples["limeade_check_success{\(account)}"] == (isBroken ? 0 : 1))
      #expect(samples[#"limeade_check_step_result{\#(account),step="factory",result="failed"}"#] == (isBroken ? 1 : 0))
      #expect(samples.count { $0.key.hasPrefix("limeade_check_step_result") } == 3 * Self.steps)
      #expect((samples["limeade_check_end_timestamp_seconds{\(account)}"] ?? 0) > 1_700_000_000)
      let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
      #expect(mode.map { $0 & 0o044 } == 0o044, "node_exporter is another user")
    }
  }

  @Test func whatDoesNotGoTogetherIsUsage() async throws {
    for arguments in [
      ["--format", "junit", "--json"], ["--output", "x"], ["--format", "xml"], ["--watch", "60"],
      ["--watch", "5", "--with", "bob"], ["--watch", "60", "--with", "bob", "--format", "tap"],
    ] {
      let run = try await CommandRun(TestPaths.limeade, ["check"] + arguments)
      #expect(run.exitCode == 64, "\(arguments): \(run.output)\(run.errors)")
    }
  }
}
