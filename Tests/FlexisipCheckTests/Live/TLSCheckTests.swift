// TLSCheckTests.swift: what is said of a server's certificate, against `openssl s_server`
import ChatCore
import FlexisipCheck
import Foundation
import Logging
import MessageFormats
import TestSupport
import Testing

@Suite struct CertificatesOfServers {
  private static func check(
    _ server: TLSServer, authority: TestAuthority, onlySIP: Bool = false
  ) async throws -> Results {
    let results = Results()
    let port = server.port
    let account = AccountConfiguration(
      name: "alice", address: try #require(SIPURI("sip:alice@sip.example.org")), password: Password("alice"),
      outboundProxy: SIPURI("sip:127.0.0.1:\(port);transport=tls"),
      keyServer: onlySIP ? nil : URL(string: "https://127.0.0.1:\(port)/"),
      fileServer: onlySIP ? nil : URL(string: "https://127.0.0.1:\(port)/hft"), caFile: authority.certificate.path)
    _ = await LiveCheck(account: account, logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }) { result in
      results.add(result)
      // Nothing more can be had from it.
      if result.step == .tls, result.outcome == .passed { server.process.kill() }
    }.run()
    return results
  }

  @Test(arguments: [("IP:127.0.0.1", -1, "expired"), ("DNS:other.example.org", 2, "not for 127.0.0.1")])
  func aBadCertificateIsExplained(names: String, days: Int, words: String) async throws {
    let authority = try await TestAuthority()
    let server = try await TLSServer(try await authority.issue(names, days: days))
    let results = try await Self.check(server, authority: authority)
    #expect(Set(results.failed.map(\.step)) == [.tls, .keyServerTLS, .fileServerTLS])
    for result in results.failed {
      #expect(result.causes.first?.text.contains(words) == true, "\(result)")
    }
    #expect(results.failed.first?.causes.first?.key == "tls-certificates-file")
  }

  @Test func anUnknownAuthorityGoesIntoTheCAFile() async throws {
    let theirs = try await TestAuthority(name: "theirs")
    defer { withExtendedLifetime(theirs) {} }
    let server = try await TLSServer(try await theirs.issue("IP:127.0.0.1"))
    let results = try await Self.check(server, authority: try await TestAuthority(name: "ours"))
    #expect(Set(results.failed.map(\.step)) == [.tls, .keyServerTLS, .fileServerTLS])
    #expect(results.failed.first?.causes.first?.text.contains("ca-file") == true, "\(results.failed)")
  }

  @Test func aCertificateThatEndsSoonIsMentioned() async throws {
    let authority = try await TestAuthority()
    let server = try await TLSServer(try await authority.issue("IP:127.0.0.1"))
    let results = try await Self.check(server, authority: authority, onlySIP: true)
    let tls = try #require(results.list.first { $0.step == .tls })
    #expect(tls.outcome == .passed)
    #expect(tls.seen.contains("TLSv1.3") && tls.seen.contains("renew"), "\(tls.seen)")
  }
}
