// FlexisipDefaultsTests.swift: what a real Flexisip prints as its default configuration, read with the table of keys
import FlexisipCheck
import Foundation
import TestSupport
import Testing

@Suite struct DefaultsOfARealFlexisip {
  private static let conference = ProcessInfo.processInfo.environment["LIMEADE_FLEXISIP_CONFERENCE"].map {
    URL(fileURLWithPath: $0)
  }

  private static func output(_ program: URL, _ argument: String) async throws -> String {
    let process = try PeerProcess(program, [argument])
    _ = try await process.exitCode()
    process.stop()
    return process.output.joined(separator: "\n")
  }

  private static func version(of program: URL) async throws -> FlexisipVersion {
    let match = try #require(try await output(program, "--version").firstMatch(of: /version:\s+(\d+\.\d+\.\d+)/))
    return try #require(FlexisipVersion(String(match.1)))
  }

  /// The settings, which are printed as comments, set.
  private static func defaults(of program: URL) async throws -> String {
    let lines = try await output(program, "--dump-all-default").components(separatedBy: "\n")
    #expect(lines.count > 100)
    return lines.map { $0.wholeMatch(of: /#([a-z0-9-]+=.*)/).map { String($0.1) } ?? $0 }.joined(separator: "\n")
  }

  private static func expectNone(_ setup: FlexisipSetup) {
    let found = ConfCheck.findingsOfReading(setup)
    #expect(found.isEmpty, "\(found.map(\.headline))")
  }

  @Test(.enabled(if: FlexisipServer.isHere)) func thoseOfFlexisipHaveNoFinding() async throws {
    let program = try #require(FlexisipServer.program)
    var setup = FlexisipSetup(FlexisipConf(path: "flexisip.conf", text: try await Self.defaults(of: program)))
    setup.assign(version: try await Self.version(of: program))
    Self.expectNone(setup)
  }

  @Test(.enabled(if: conference != nil)) func thoseOfFlexisipConferenceHaveNone() async throws {
    let program = try #require(Self.conference)
    let conf = FlexisipConf(path: "flexisip-conference.conf", text: try await Self.defaults(of: program))
    var setup = FlexisipSetup(files: [], conference: conf)
    setup.assign(version: nil, conferenceVersion: try await Self.version(of: program))
    Self.expectNone(setup)
  }
}
