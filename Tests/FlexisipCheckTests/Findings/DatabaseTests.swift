// DatabaseTests.swift: the databases that flexisip.conf names, against Debian's Redis and MariaDB
import FlexisipCheck
import Foundation
import TestSupport
import Testing

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
