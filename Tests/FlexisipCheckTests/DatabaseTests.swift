// DatabaseTests.swift: the databases that flexisip.conf names, against Debian's Redis and MariaDB
import FlexisipCheck
import Foundation
import TestSupport
import Testing

/// A server of Debian's on a free loopback port, with its data in a folder of its own.
private final class DatabaseServer: Sendable {
  let port: Int
  let process: PeerProcess
  private let folder: TemporaryFolder

  /// Of MariaDB.
  var socket: String { folder.file("socket").path }

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

  static func redis(password: String? = nil) async throws -> DatabaseServer {
    try await DatabaseServer("/usr/bin/redis-server", ready: "Ready to accept connections") { port, _ in
      ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        + (password.map { ["--requirepass", $0] } ?? [])
    }
  }

  static func mariaDB() async throws -> DatabaseServer {
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

@Suite(.serialized) struct DatabasesOfTheConfiguration {
  private func findings(_ server: Server, redis lines: [String]) throws -> [ConfFinding] {
    server.findings(
      try server.changing(
        "db-implementation=internal", to: (["db-implementation=redis"] + lines).joined(separator: "\n")))
  }

  @Test func redisIsSpokenTo() async throws {
    let server = try Server()
    let redis = try await DatabaseServer.redis()
    let place = ["redis-server-domain=127.0.0.1", "redis-server-port=\(redis.port)"]
    #expect(try findings(server, redis: place).isEmpty)

    let needless = try findings(server, redis: place + ["redis-auth-password=secret"])
    #expect(needless.map(\.key) == ["redis-auth-password"])
    #expect(needless.first?.correction == "redis-auth-password=")

    redis.process.stop()
    let gone = try findings(server, redis: place)
    #expect(gone.map(\.key) == ["redis-server-domain"])
  }

  @Test func theRedisPasswordIsTried() async throws {
    let server = try Server()
    let redis = try await DatabaseServer.redis(password: "right")
    let place = ["redis-server-domain=127.0.0.1", "redis-server-port=\(redis.port)"]
    #expect(try findings(server, redis: place + ["redis-auth-password=right"]).isEmpty)
    for lines in [place, place + ["redis-auth-password=wrong"]] {
      let found = try findings(server, redis: lines)
      #expect(found.map(\.key) == ["redis-auth-password"])
      #expect(found.first?.severity == .error)
    }
  }

  @Test func mariaDBIsLoggedInTo() async throws {
    let server = try Server()
    let database = try await DatabaseServer.mariaDB()
    func found(_ values: String) throws -> [ConfFinding] {
      let text = try server.changing("database-backend=", to: "database-backend=mysql")
      return server.findings(
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
          line.hasPrefix("database-connection-string=") ? "database-connection-string=\(values)" : String(line)
        }.joined(separator: "\n"))
    }
    let remote = "host='127.0.0.1' port=\(database.port)"
    for place in [remote, "unix_socket='\(database.socket)'", "host='localhost' unix_socket='\(database.socket)'"] {
      #expect(try found("db='rooms' user='flexisip' password='right' \(place)").isEmpty)
      let denied = try found("db='rooms' user='flexisip' password='wrong' \(place)")
      #expect(denied.map(\.key) == ["database-connection-string"])
      #expect(denied.first?.problem.contains("Access denied for user 'flexisip'") == true, "\(denied)")
      #expect(denied.first?.preventsStart == true)
      #expect(denied.first?.correction.contains("wrong") == false, "no password is printed")
    }
    let unknown = try found("db='halls' user='flexisip' password='right' \(remote)")
    #expect(unknown.first?.problem.contains("halls") == true, "\(unknown)")
    #expect(unknown.first?.correction.contains("db='flexisip'") == true, "\(unknown)")
    let stranger = try found("db='rooms' user='nobody' password='right' \(remote)")
    #expect(stranger.first?.problem.contains("Access denied") == true, "\(stranger)")

    database.process.stop()
    let gone = try found("db='rooms' user='flexisip' password='right' \(remote)")
    #expect(gone.map(\.key) == ["database-connection-string"])
    #expect(gone.first?.problem.contains("no MySQL or MariaDB at") == true)
  }

  /// The database of users is tried in the same way.
  @Test func theDatabaseOfUsersIsLoggedInTo() async throws {
    let server = try Server()
    let database = try await DatabaseServer.mariaDB()
    func found(_ password: String) throws -> [ConfFinding] {
      let lines = [
        "db-implementation=soci", "soci-backend=mysql",
        "soci-connection-string=db='rooms' user='flexisip' password='\(password)' host='127.0.0.1' "
          + "port='\(database.port)'",
        "soci-password-request=select password, algorithm from accounts where login = :id",
      ]
      return server.findings(try server.changing("db-implementation=file", to: lines.joined(separator: "\n")))
    }
    #expect(try found("right").isEmpty)
    let denied = try found("wrong")
    #expect(denied.map(\.key) == ["soci-connection-string"])
    #expect(denied.first?.problem.contains("every REGISTER gets 500") == true)
  }
}
