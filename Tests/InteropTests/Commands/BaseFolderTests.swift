// BaseFolderTests.swift: where things are kept, by the XDG Base Directory Specification and HOME.
import Foundation
import TestSupport
import Testing

@Suite struct BaseFolderTests {
  private static let table = "[account.a]\naddress = \"sip:alice@sip.example.org\"\npassword = \"alice\"\n"

  /// A home folder with a configuration in the usual place.
  private static func home() throws -> TemporaryFolder {
    let home = try TemporaryFolder()
    let file = home.file(".config/limeade/config.toml")
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(table.utf8).write(to: file)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file.path)
    return home
  }

  /// Relative and empty paths are ignored, as the specification says.
  @Test(arguments: ["", "relative", "./here", "~/there"])
  func aRelativePathIsIgnored(_ path: String) async throws {
    let home = try Self.home()
    let run = try await CommandRun(
      TestPaths.limeade, ["account", "show", "--json"],
      environment: [
        "HOME": home.url.path, "XDG_CONFIG_HOME": path, "XDG_DATA_HOME": path, "XDG_STATE_HOME": path,
      ])
    #expect(run.exitCode == 0, "\(run.errors)")
    #expect(run.events.first?["data"] == home.file(".local/share/limeade/a").path, "\(run.output)")
  }

  @Test func absolutePathsAreTaken() async throws {
    let (home, other) = (try Self.home(), try TemporaryFolder())
    let run = try await CommandRun(
      TestPaths.limeade, ["account", "show", "--json"],
      environment: ["HOME": home.url.path, "XDG_DATA_HOME": other.file("data").path])
    #expect(run.events.first?["data"] == other.file("data/limeade/a").path, "\(run.output) \(run.errors)")
    let missing = try await CommandRun(
      TestPaths.limeade, ["account", "show"],
      environment: ["HOME": home.url.path, "XDG_CONFIG_HOME": other.file("config").path])
    #expect(missing.exitCode == 78 && missing.errors.contains(other.file("config/limeade/config.toml").path))
  }

  /// The same for what a user writes with "~".
  @Test func theTildeIsHome() async throws {
    let home = try Self.home()
    let run = try await CommandRun(
      TestPaths.limeade, ["history", "--all", "--output", "~/history.txt"], environment: ["HOME": home.url.path])
    #expect(run.exitCode == 0, "\(run.errors)")
    #expect(FileManager.default.fileExists(atPath: home.file("history.txt").path))
  }

  @Test func aRelativeHomeIsNone() async throws {
    let folder = try TemporaryFolder()
    let run = try await CommandRun(
      TestPaths.limeade, ["account", "show"], environment: ["HOME": "relative", "XDG_DATA_HOME": folder.url.path])
    #expect(run.exitCode == 78 && !run.errors.contains("relative/"), "\(run.errors)")
  }
}
