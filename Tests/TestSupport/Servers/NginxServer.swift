// NginxServer.swift: nginx in front of another server on this machine, as administrators set it up
import Foundation

/// Runs without root, with all its files in a folder of its own.
public final class NginxServer: Sendable {
  private static let program = URL(fileURLWithPath: "/usr/sbin/nginx")
  public static var isHere: Bool { FileManager.default.isExecutableFile(atPath: program.path) }

  public let port: Int
  private let folder: TemporaryFolder
  private let process: PeerProcess

  /// `http://127.0.0.1:40000/`
  public var url: String { "http://127.0.0.1:\(port)/" }

  /// - Parameters:
  ///   - server: lines of `server { }`.
  ///   - files: for `root html;`, by their names.
  public init(_ server: String, files: [String: String] = [:]) async throws {
    let folder = try TemporaryFolder()
    self.folder = folder
    port = try LoopbackSocket.freePort()
    let html = folder.file("html")
    try FileManager.default.createDirectory(at: html, withIntermediateDirectories: true)
    // Workers of root's nginx run as nobody.
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.url.path)
    for (name, text) in files {
      try text.write(to: html.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map {
      "\($0)_temp_path \(folder.file($0).path);"
    }
    let text = """
      daemon off;
      master_process off;
      pid \(folder.file("pid").path);
      error_log stderr;
      events {}
      http {
        access_log off;
        types { text/html html; }
        \(places.joined(separator: "\n  "))
        server {
          listen 127.0.0.1:\(port);
          root \(html.path);
          \(server)
        }
      }
      """
    let file = folder.file("nginx.conf")
    try text.write(to: file, atomically: true, encoding: .utf8)
    process = try PeerProcess(
      Self.program, ["-p", folder.url.path, "-c", file.path, "-e", "stderr"], keepsErrors: true)
    let end = ContinuousClock.now + .seconds(20)
    while (try? LoopbackSocket.connected(to: port)) == nil {
      guard ContinuousClock.now < end else { throw TestFailure("nginx does not listen") }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  public func stop() { process.stop() }
}
