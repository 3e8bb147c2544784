// TemporaryFolder.swift: room for a test's files
import Foundation

/// A folder that is removed with its last user.
public final class TemporaryFolder: Sendable {
  public let url: URL

  public init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// The URL of a file in it, which need not exist.
  public func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}
