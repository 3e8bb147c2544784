// TLSServer.swift: `openssl s_server` on a free port, as the other side of a TLS connection
import Foundation

/// Prints what it receives, and sends each line back reversed (`-rev`).
public final class TLSServer: Sendable {
  public let port: Int
  public let process: PeerProcess

  public init(_ identity: TestAuthority.Identity, _ options: [String] = ["-rev"]) async throws {
    process = try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/openssl"),
      ["s_server", "-accept", "127.0.0.1:0", "-cert", identity.certificate.path, "-key", identity.key.path] + options,
      in: identity.certificate.deletingLastPathComponent(), keepsErrors: true)
    let line = try await process.line("ACCEPT and its port") { $0.hasPrefix("ACCEPT") }
    guard let port = line.split(separator: ":").last.flatMap({ Int($0) }) else { throw TestFailure("no port: \(line)") }
    self.port = port
  }
}
