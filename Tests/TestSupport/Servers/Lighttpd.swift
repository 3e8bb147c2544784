// Lighttpd.swift: a lighttpd of the test's own on a free loopback port
import Foundation

/// Runs lighttpd with a document root and a configuration in a temporary folder until `stop` or its release.
public final class Lighttpd {
  public let port: Int
  private let temporary: TemporaryFolder
  private let process: PeerProcess

  public var folder: URL { temporary.url }
  public var documents: URL { temporary.file("documents") }

  /// - Parameter configuration: lines beside address, port and document root; `FOLDER` stands for the folder.
  public init(_ configuration: String = "", files: [String: Data] = [:], in existing: TemporaryFolder? = nil) throws {
    temporary = try existing ?? TemporaryFolder()
    let folder = temporary.url
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("documents"), withIntermediateDirectories: true)
    for (name, data) in files { try data.write(to: folder.appendingPathComponent(name)) }
    let socket = try LoopbackSocket.listening()
    port = socket.port
    let text = """
      server.document-root = "\(folder.path)/documents"
      server.bind = "127.0.0.1"
      server.port = \(port)
      server.systemd-socket-activation = "enable"
      server.errorlog = "\(folder.path)/errors"

      """
    let file = folder.appendingPathComponent("lighttpd.conf")
    try (text + configuration.replacingOccurrences(of: "FOLDER", with: folder.path))
      .write(to: file, atomically: true, encoding: .utf8)
    let program = URL(fileURLWithPath: "/usr/sbin/lighttpd")
    guard FileManager.default.isExecutableFile(atPath: program.path) else {
      throw TestFailure("\(program.path) is not there: install lighttpd (scripts/install-packages test)")
    }
    // It gets the bound socket itself: a port only looked up could be another server's by the time it is used.
    // Connections made before it is ready wait in the socket's backlog.
    let start = #"LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" -D -f "$1""#
    process = try PeerProcess(
      URL(fileURLWithPath: "/bin/sh"), ["-c", start, program.path, file.path], name: "lighttpd",
      passing: socket.descriptor)
  }

  /// lighttpd writes its logs at the end.
  public func stop() { process.stop() }

  /// Runs a test against a server and stops it whatever happens.
  public static func run(
    _ configuration: String = "", files: [String: Data] = [:], in existing: TemporaryFolder? = nil,
    _ body: (Lighttpd) async throws -> Void
  ) async throws {
    let server = try Lighttpd(configuration, files: files, in: existing)
    defer { server.stop() }
    try await body(server)
  }
}
