// TLSTests.swift: certificates of a private authority, checked against lighttpd with OpenSSL
import Foundation
import TestSupport
import Testing

@testable import HTTPClient

@Suite struct TLSTests {
  private func withServer(
    names: String, settings: String = "", _ body: (Lighttpd, String) async throws -> Void
  ) async throws {
    let folder = try TemporaryFolder()
    let authority = try await TestAuthority()
    let identity = try await authority.issue(names)
    try (Data(contentsOf: identity.key) + Data(contentsOf: identity.certificate)).write(to: folder.file("server.pem"))
    let configuration = """
      server.modules = ("mod_openssl")
      ssl.engine = "enable"
      ssl.pemfile = "FOLDER/server.pem"
      \(settings)
      """
    try await Lighttpd.run(configuration, in: folder) { server in
      try Data("hello".utf8).write(to: server.documents.appendingPathComponent("a.txt"))
      try await body(server, authority.certificate.path)
    }
  }

  @Test func `a server of the authority in the ca file is accepted`() async throws {
    try await withServer(names: "DNS:localhost,IP:127.0.0.1") { server, ca in
      for host in ["127.0.0.1", "localhost"] {
        let response = try await HTTPClient(caFile: ca).send(HTTPRequest(url: "https://\(host):\(server.port)/a.txt"))
        #expect(response.body == Data("hello".utf8))
      }
    }
  }

  @Test func `an unknown authority is refused`() async throws {
    try await withServer(names: "IP:127.0.0.1") { server, _ in
      let error = await #expect(throws: HTTPClientError.self) {
        try await HTTPClient().send(HTTPRequest(url: "https://127.0.0.1:\(server.port)/a.txt"))
      }
      guard case .certificate("127.0.0.1", let reason) = error else {
        Issue.record("unexpected error \(String(describing: error))")
        return
      }
      #expect(reason.contains("certificate"))
    }
  }

  @Test func `a certificate for another host is refused`() async throws {
    try await withServer(names: "DNS:other.example.org") { server, ca in
      let error = await #expect(throws: HTTPClientError.self) {
        try await HTTPClient(caFile: ca).send(HTTPRequest(url: "https://127.0.0.1:\(server.port)/a.txt"))
      }
      guard case .certificate("127.0.0.1", let reason) = error else {
        Issue.record("unexpected error \(String(describing: error))")
        return
      }
      #expect(reason.contains("127.0.0.1"))
    }
  }

  @Test func `TLS older than 1_2 is refused`() async throws {
    let old = """
      ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1", "MaxProtocol" => "TLSv1.1",
                                  "CipherString" => "ALL@SECLEVEL=0")
      """
    try await withServer(names: "IP:127.0.0.1", settings: old) { server, ca in
      let error = await #expect(throws: HTTPClientError.self) {
        try await HTTPClient(caFile: ca).send(HTTPRequest(url: "https://127.0.0.1:\(server.port)/a.txt"))
      }
      guard case .tls("127.0.0.1", _) = error else {
        Issue.record("unexpected error \(String(describing: error))")
        return
      }
    }
  }

  @Test func `a ca file that does not exist is named`() async throws {
    try await withServer(names: "IP:127.0.0.1") { server, _ in
      let error = await #expect(throws: HTTPClientError.self) {
        try await HTTPClient(caFile: "/nonexistent/ca.pem")
          .send(HTTPRequest(url: "https://127.0.0.1:\(server.port)/a.txt"))
      }
      guard case .caFile("/nonexistent/ca.pem", _) = error else {
        Issue.record("unexpected error \(String(describing: error))")
        return
      }
    }
  }
}
