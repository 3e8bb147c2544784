// TLSServer.swift: `openssl s_server` on a free port, as the other side of a TLS connection
import Foundation
import TestSupport

@testable import ServerConnection

/// Prints what it receives, and sends each line back reversed (`-rev`).
final class TLSServer: Sendable {
  let port: Int
  let process: PeerProcess

  init(_ identity: TestAuthority.Identity, _ options: [String] = ["-rev"]) async throws {
    process = try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/openssl"),
      ["s_server", "-accept", "127.0.0.1:0", "-cert", identity.certificate.path, "-key", identity.key.path] + options,
      in: identity.certificate.deletingLastPathComponent(), keepsErrors: true)
    let line = try await process.line("ACCEPT and its port") { $0.hasPrefix("ACCEPT") }
    guard let port = line.split(separator: ":").last.flatMap({ Int($0) }) else { throw TestFailure("no port: \(line)") }
    self.port = port
  }

  /// Connects as to a server called `host`.
  func connect(as host: String, caFile: URL?) throws(ConnectionFailure) -> ServerStream {
    let address = try SocketAddress.all(of: "127.0.0.1", port: port)[0]
    return try ServerStream(to: address, tls: TLSSettings(caFile: caFile?.path), host: host)
  }
}

extension ServerStream {
  /// What arrives until `end` accepts it.
  func receive(until isComplete: (Data) -> Bool) throws -> Data {
    var all = Data()
    while !isComplete(all) {
      guard let more = try receive(within: 60) else { throw TestFailure("no more than \(all.count) bytes came") }
      if more.isEmpty { break }
      all += more
    }
    return all
  }
}
