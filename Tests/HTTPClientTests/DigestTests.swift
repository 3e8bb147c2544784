// DigestTests.swift: digest authentication against lighttpd
import DigestAuth
import Foundation
import TestSupport
import Testing

@testable import HTTPClient

@Suite struct DigestTests {
  private static let realm = "sip.example.org"

  private func configuration(method: String = "digest", algorithms: String = "SHA-256|MD5") -> String {
    """
    server.modules = ("mod_auth", "mod_authn_file", "mod_accesslog", "mod_cgi")
    auth.backend = "htdigest"
    auth.backend.htdigest.userfile = "FOLDER/passwords"
    auth.require = ("/" => ("method" => "\(method)", "algorithm" => "\(algorithms)", "realm" => "\(Self.realm)",
                            "require" => "valid-user"))
    accesslog.filename = "FOLDER/access"
    accesslog.format = "%s %{Authorization}i"
    """
  }

  private var passwords: Data {
    let secret = DigestSecret.password("pass phrase")
    let lines = DigestAlgorithm.allCases.map {
      "alice:\(Self.realm):\(secret.ha1(username: "alice", realm: Self.realm, algorithm: $0) ?? "")\n"
    }
    return Data(lines.joined().utf8)
  }

  /// The access log once lighttpd has stopped and so written it: status and credentials of each request.
  private func accessLog(of server: Lighttpd) throws -> [String] {
    server.stop()
    let text = try String(contentsOf: server.folder.appendingPathComponent("access"), encoding: .utf8)
    return text.split(separator: "\n").map(String.init)
  }

  @Test(arguments: [("MD5", "MD5"), ("SHA-256", "SHA-256"), ("MD5|SHA-256", "SHA-256")])
  func `a challenge is answered with the strongest algorithm`(offered: String, used: String) async throws {
    try await Lighttpd.run(configuration(algorithms: offered), files: ["passwords": passwords]) { server in
      try Data("hello".utf8).write(to: server.documents.appendingPathComponent("a.txt"))
      let client = HTTPClient(
        credentials: HTTPCredentials(username: "alice", password: "pass phrase", realm: Self.realm))
      let response = try await client.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/a.txt?x=%20y"))
      #expect(response.status == 200)
      #expect(response.body == Data("hello".utf8))
      let log = try accessLog(of: server)
      #expect(log.count == 2)
      #expect(log.first == "401 -")
      #expect(log.last?.contains("algorithm=\(used)") == true)
    }
  }

  @Test func `the nonce serves later requests without another challenge`() async throws {
    try await Lighttpd.run(configuration(), files: ["passwords": passwords]) { server in
      try Data("hello".utf8).write(to: server.documents.appendingPathComponent("a.txt"))
      let client = HTTPClient(credentials: HTTPCredentials(username: "alice", password: "pass phrase"))
      for _ in 0..<3 {
        let response = try await client.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/a.txt"))
        #expect(response.status == 200)
      }
      let log = try accessLog(of: server)
      #expect(log.map { $0.prefix(3) } == ["401", "200", "200", "200"])
      #expect(log.last?.contains("nc=00000003") == true)
    }
  }

  @Test func `a wrong password is tried once and named in the error`() async throws {
    try await Lighttpd.run(configuration(), files: ["passwords": passwords]) { server in
      let client = HTTPClient(credentials: HTTPCredentials(username: "alice", password: "wrong"))
      await #expect(
        throws: HTTPClientError.credentialsRefused(host: "127.0.0.1", realm: Self.realm, username: "alice")
      ) {
        try await client.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
      }
      let log = try accessLog(of: server)
      #expect(log.count == 2)
    }
  }

  @Test func `another realm gets no credentials`() async throws {
    try await Lighttpd.run(configuration(), files: ["passwords": passwords]) { server in
      let client = HTTPClient(
        credentials: HTTPCredentials(username: "alice", password: "pass phrase", realm: "other.example.org"))
      let realms = [Self.realm, Self.realm]
      await #expect(
        throws: HTTPClientError.otherRealm(host: "127.0.0.1", expected: "other.example.org", offered: realms)
      ) {
        try await client.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
      }
      let log = try accessLog(of: server)
      #expect(log == ["401 -"])
    }
  }

  @Test func `another host gets no credentials, and its 401 is returned`() async throws {
    try await Lighttpd.run(configuration(), files: ["passwords": passwords]) { server in
      let client = HTTPClient(
        credentials: HTTPCredentials(username: "alice", password: "pass phrase", hosts: ["files.example.org"]))
      let response = try await client.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
      #expect(response.status == 401)
      let log = try accessLog(of: server)
      #expect(log == ["401 -"])
    }
  }

  @Test func `Basic is never answered`() async throws {
    try await Lighttpd.run(configuration(method: "basic"), files: ["passwords": passwords]) { server in
      let client = HTTPClient(credentials: HTTPCredentials(username: "alice", password: "pass phrase"))
      let error = await #expect(throws: HTTPClientError.self) {
        try await client.send(HTTPRequest(url: "http://127.0.0.1:\(server.port)/"))
      }
      guard case .noDigestOffered = error else {
        Issue.record("unexpected error \(String(describing: error))")
        return
      }
      let log = try accessLog(of: server)
      #expect(log == ["401 -"])
    }
  }

  @Test func `a POST body is sent again after the challenge`() async throws {
    let script = "#!/bin/sh\nprintf 'Content-Type: application/octet-stream\\r\\n\\r\\n'\ncat\n"
    let settings = configuration() + "\ncgi.assign = (\".sh\" => \"/bin/sh\")\n"
    try await Lighttpd.run(settings, files: ["passwords": passwords]) { server in
      try Data(script.utf8).write(to: server.documents.appendingPathComponent("echo.sh"))
      let client = HTTPClient(credentials: HTTPCredentials(username: "alice", password: "pass phrase"))
      let body = Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
      let url = "http://127.0.0.1:\(server.port)/echo.sh"
      let response = try await client.send(.post(body, to: url, contentType: "x3dh/octet-stream"))
      #expect(response.status == 200)
      #expect(response.body == body)
    }
  }
}
