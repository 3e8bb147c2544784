// TestPaths.swift: where the tests find the peers, the program under test, and room for files.
import Foundation

public enum TestPaths {
  /// The package's folder.
  public static let package = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// A program of Tests/Peers, as scripts/build-peers built it.
  public static func peer(_ name: String) -> URL {
    let folder = ProcessInfo.processInfo.environment["LIMEADE_PEERS"].map { URL(fileURLWithPath: $0) }
    return (folder ?? package.appendingPathComponent(".build/peers")).appendingPathComponent(name)
  }

  /// The limeade program that was built together with the running tests.
  public static let limeade = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    .deletingLastPathComponent().appendingPathComponent("limeade")
}

/// A folder that is removed with its last user.
public final class TemporaryFolder: Sendable {
  public let url: URL

  public init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(at: url) }
}
