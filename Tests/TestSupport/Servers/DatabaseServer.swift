// DatabaseServer.swift: Debian's Redis and MariaDB for the length of a test
import Foundation

/// A server of Debian's on a free loopback port, with its data in a folder of its own.
public final class DatabaseServer: Sendable {
  public let port: Int
  public let process: PeerProcess
  private let folder: TemporaryFolder

  /// Of MariaDB.
  public var socket: String { folder.file("socket").path }

  private static let attempts = 5

  private init(
    _ program: String, ready: String, _ arguments: @Sendable (Int, URL) -> [String],
    prepare: (URL) async throws -> Void = { _ in }
  ) async throws {
    let folder = try TemporaryFolder()
    self.folder = folder
    try await prepare(folder.url)
    for attempt in 1... {
      // The port can be taken by another before the program has it.
      let port = try LoopbackSocket.freePort()
      let process = try PeerProcess(
        URL(fileURLWithPath: program), arguments(port, folder.url), in: folder.url, keepsErrors: true)
      do {
        try await process.line(within: 60, ready) { $0.contains(ready) }
        (self.port, self.process) = (port, process)
        return
      } catch {
        process.stop()
        if attempt == Self.attempts { throw error }
      }
    }
    throw TestFailure("unreachable")
  }

  public static func redis(password: String? = nil) async throws -> DatabaseServer {
    try await DatabaseServer("/usr/bin/redis-server", ready: "Ready to accept connections") { port, _ in
      ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        + (password.map { ["--requirepass", $0] } ?? [])
    }
  }

  public static func mariaDB() async throws -> DatabaseServer {
    try await DatabaseServer("/usr/sbin/mariadbd", ready: "ready for connections") { port, folder in
      [
        "--no-defaults", "--datadir=\(folder.path)", "--socket=\(folder.path)/socket", "--port=\(port)",
        "--bind-address=127.0.0.1", "--user=\(NSUserName())", "--innodb-buffer-pool-size=8M",
      ]
    } prepare: { folder in
      // What mariadb-install-db does, which needs programs of other packages.
      let tables = try ["mysql_system_tables", "mysql_system_tables_data"].map {
        try String(contentsOfFile: "/usr/share/mysql/\($0).sql", encoding: .utf8)
      }
      let sql =
        ["create database mysql;", "use mysql;", "SET @auth_root_socket=NULL;"] + tables
        + ["CREATE DATABASE rooms;", "FLUSH PRIVILEGES;"]
        + ["%", "localhost"].map { "GRANT ALL ON rooms.* TO 'flexisip'@'\($0)' IDENTIFIED BY 'right';" }
      try (sql.joined(separator: "\n") + "\n")
        .write(to: folder.appendingPathComponent("bootstrap.sql"), atomically: true, encoding: .utf8)
      try await PeerProcess.run(
        URL(fileURLWithPath: "/bin/sh"),
        [
          "-c",
          "exec /usr/sbin/mariadbd --no-defaults --bootstrap --datadir=. --user=\(NSUserName()) "
            + "--innodb-buffer-pool-size=8M --innodb-log-file-size=4M <bootstrap.sql",
        ], in: folder)
    }
  }
}
