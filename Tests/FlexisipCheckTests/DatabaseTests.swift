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

  private static let attempts = 5

  private init(_ program: String, ready: String, _ arguments: @Sendable (Int, URL) -> [String]) async throws {
    let folder = try TemporaryFolder()
    self.folder = folder
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
        "--bind-address=127.0.0.1", "--skip-grant-tables", "--user=\(NSUserName())", "--innodb-buffer-pool-size=8M",
      ]
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

  @Test func mariaDBGreets() async throws {
    let server = try Server()
    let database = try await DatabaseServer.mariaDB()
    func found(port: Int) throws -> [ConfFinding] {
      let text = try server.changing("database-backend=", to: "database-backend=mysql")
      return server.findings(
        text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
          line.hasPrefix("database-connection-string=")
            ? "database-connection-string=db='rooms' user='flexisip' password='x' host='127.0.0.1' port=\(port)"
            : String(line)
        }.joined(separator: "\n"))
    }
    #expect(try found(port: database.port).isEmpty)
    database.process.stop()
    let gone = try found(port: database.port)
    #expect(gone.map(\.key) == ["database-connection-string"])
    #expect(gone.first?.preventsStart == true)
  }
}
