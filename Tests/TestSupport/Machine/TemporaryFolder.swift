// TemporaryFolder.swift: room for a test's files
import Foundation

/// A folder that is removed with its last user, unless LIMEADE_KEEP is set: then databases, logs and traces stay.
public final class TemporaryFolder: Sendable {
  public let url: URL
  /// Whether whoever runs the tests wants to look at what they leave.
  public static let isKept = ProcessInfo.processInfo.environment["LIMEADE_KEEP"] != nil

  public init() throws {
    url = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  deinit { if !Self.isKept { try? FileManager.default.removeItem(at: url) } }

  /// The URL of a file in it, which need not exist.
  public func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}
