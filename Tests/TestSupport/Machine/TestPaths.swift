// TestPaths.swift: where the tests find the peers and the program under test
import Foundation

public enum TestPaths {
  /// The package's folder.
  public static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A program of Tests/Peers, as scripts/build-peers built it.
  public static func peer(_ name: String) -> URL {
    let folder = ProcessInfo.processInfo.environment["LIMEADE_PEERS"].map { URL(fileURLWithPath: $0) }
    return (folder ?? package.appendingPathComponent(".build/peers")).appendingPathComponent(name)
  }

  /// The limeade program that was built together with the running tests.
  public static let limeade = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("limeade")
}
