// FlexisipOutput.swift: what a real flexisip or flexisip-conference prints of itself: its version and its settings
import FlexisipCheck
import Foundation
import TestSupport
import Testing

enum FlexisipOutput {
  private static func output(_ program: URL, _ argument: String) async throws -> String {
    let process = try PeerProcess(program, [argument])
    _ = try await process.exitCode()
    process.stop()
    return process.output.joined(separator: "\n")
  }

  static func version(of program: URL) async throws -> FlexisipVersion {
    let match = try #require(try await output(program, "--version").firstMatch(of: /version:\s+(\d+\.\d+\.\d+)/))
    return try #require(FlexisipVersion(String(match.1)))
  }

  /// The settings, which are printed as comments, set.
  static func defaults(of program: URL) async throws -> String {
    let lines = try await output(program, "--dump-all-default").components(separatedBy: "\n")
    #expect(lines.count > 100)
    return lines.map { $0.wholeMatch(of: /#([a-z0-9-]+=.*)/).map { String($0.1) } ?? $0 }.joined(separator: "\n")
  }

  /// Whether a program has a setting.
  static func has(_ section: String, _ key: String, of program: URL) async throws -> Bool {
    FlexisipConf(path: "", text: try await defaults(of: program)).settings.contains {
      $0.section == section && $0.key == key
    }
  }
}
