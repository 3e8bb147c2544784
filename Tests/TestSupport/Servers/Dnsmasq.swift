// Dnsmasq.swift: Debian's dnsmasq as a name server on loopback, with records of a test's own
import Foundation

public final class Dnsmasq: Sendable {
  public let port: Int
  private let process: PeerProcess

  /// - Parameters:
  ///   - zone: all names below it that have no record do not exist.
  ///   - address: where it listens, `127.0.0.1` or `::1`.
  ///   - records: options of dnsmasq without the dashes, such as `srv-host=_sip._tcp.example.test,a.example.test,5060`.
  public init(zone: String, on address: String = "127.0.0.1", _ records: [String]) async throws {
    for _ in 0..<4 {
      let port = try LoopbackSocket.freePort()
      let process = try PeerProcess(
        URL(fileURLWithPath: "/usr/sbin/dnsmasq"),
        [
          "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces",
          "--listen-address=\(address)", "--port=\(port)", "--local=/\(zone)/",
        ] + records.map { "--" + $0 }, keepsErrors: true)
      let line = try await process.line("that it started") { $0.contains("started, version") || $0.contains("failed") }
      if line.contains("started") {
        (self.port, self.process) = (port, process)
        return
      }
      // Somebody else took the port.
    }
    throw TestFailure("dnsmasq finds no port")
  }

  public func stop() { process.stop() }
}
