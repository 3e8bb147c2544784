// Lighttpd.swift: a lighttpd of the test's own on a free loopback port
import Foundation
import Glibc

struct PeerError: Error, CustomStringConvertible {
  var description: String
}

/// Runs lighttpd with a document root and a configuration in a temporary folder until `stop`.
final class Lighttpd {
  let port: Int
  let folder: URL
  private let process: ChildProcess

  var documents: URL { folder.appendingPathComponent("documents") }

  /// - Parameter configuration: lines beside address, port and document root; `FOLDER` stands for the folder.
  init(_ configuration: String = "", files: [String: Data] = [:], in existing: URL? = nil) throws {
    folder = try existing ?? temporaryFolder()
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("documents"), withIntermediateDirectories: true)
    for (name, data) in files { try data.write(to: folder.appendingPathComponent(name)) }
    let socket = try LoopbackSocket()
    port = socket.port
    defer { socket.close() }
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
    // It gets the bound socket itself: a port only looked up could be another server's by the time it is used.
    // Connections made before it is ready wait in the socket's backlog.
    let start = #"LISTEN_FDS=1 LISTEN_PID=$$ exec /usr/sbin/lighttpd -D -f "$0""#
    process = try ChildProcess(
      ["/usr/bin/timeout", "120", "/bin/sh", "-c", start, file.path], passing: socket.descriptor)
  }

  /// lighttpd writes its logs at the end.
  func stopKeepingFolder() {
    process.stop()
  }

  func stop() {
    stopKeepingFolder()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Runs a test against a server and stops it whatever happens.
  static func run(
    _ configuration: String = "", files: [String: Data] = [:], in existing: URL? = nil,
    _ body: (Lighttpd) async throws -> Void
  ) async throws {
    let server = try Lighttpd(configuration, files: files, in: existing)
    defer { server.stop() }
    try await body(server)
  }
}

func temporaryFolder() throws -> URL {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  return folder
}

/// A TCP socket bound to a free loopback port; connections wait in its backlog and are never answered.
final class LoopbackSocket {
  let port: Int
  private(set) var descriptor: Int32

  init() throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    self.descriptor = descriptor
    var address = Self.address(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && listen(descriptor, 8) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard bound else { throw PeerError(description: "no free port: \(String(cString: strerror(errno)))") }
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close() }

  func close() {
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    descriptor = -1
  }

  private static func address(port: Int) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
