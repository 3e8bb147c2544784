// TLSTests.swift: SIP over TLS with Kamailio
import Foundation
import MessageFormats
import ServerConnection
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(3)))
struct TLSTests {
  /// A client that goes to Kamailio by TLS; its certificate is for 127.0.0.1, localhost and ::1.
  private static func client(
    _ user: String, _ server: Kamailio, _ authority: TestAuthority?, host: String = "127.0.0.1", sips: Bool = false
  ) throws -> Client {
    try Client(user, server: server.tlsPort, transport: "tls", host: host) { configuration in
      configuration.caFile = authority?.certificate.path
      if sips { configuration.outboundProxy = SIPURI("sips:\(host):\(server.tlsPort)") }
    }
  }

  private static let names = "DNS:localhost,IP:127.0.0.1,IP:::1"

  @Test func requestsGoBothWaysOverOneConnection() async throws {
    let authority = try await TestAuthority()
    let server = try await Kamailio(.both, tls: try await authority.issue(Self.names))
    defer { server.stop() }
    let alice = try Self.client("alice", server, authority)
    let bob = try Self.client("bob", server, authority, host: "localhost", sips: true)
    let registration = try await alice.agent.register()
    #expect(registration.gruu?.description == "sip:alice@\(Kamailio.domain);gr=\(alice.instanceID)")
    try await bob.agent.register()
    for (sender, receiver) in [(alice, bob), (bob, alice)] {
      let body = Data((0..<60_000).map { UInt8(truncatingIfNeeded: $0) })
      async let response = sender.agent.message(
        to: receiver.address, contentType: "application/octet-stream", body: body)
      let message = try await receiver.nextMessage()
      #expect(message.body == body)
      await receiver.agent.respond(to: message.id, status: 200)
      #expect(try await response.status == 200)
    }
    await alice.agent.shutdown()
    await bob.agent.shutdown()
    let requests = server.finalRequests()
    #expect(requests.count >= 6)
    for request in requests where !request.hasPrefix("OPTIONS") {
      // Via and Contact name the transport that is used, and no trace of the loopback link.
      #expect(request.contains(" tls SIP/2.0/TLS 127.0.0.1:") || request.contains(" tls SIP/2.0/TLS [::1]:"))
      if request.hasPrefix("REGISTER"), !request.hasSuffix("<null>") { #expect(request.contains(";transport=tls>")) }
    }
  }

  @Test func aServerThatCannotProveItselfGetsNoRequest() async throws {
    let (authority, stranger) = try await (TestAuthority(name: "first"), TestAuthority(name: "second"))
    let server = try await Kamailio(tls: try await authority.issue("DNS:sip.example.net"))
    defer { server.stop() }
    for (known, expected) in [
      (authority, TLSFailure.wrongName(expected: "127.0.0.1", names: ["sip.example.net"])),
      (stranger, .unknownIssuer("first")),
    ] {
      let alice = try Self.client("alice", server, known)
      await #expect(throws: SIPError.insecure(server: "127.0.0.1:\(server.tlsPort)", expected)) {
        try await alice.agent.register()
      }
      await alice.agent.shutdown()
    }
    #expect(server.finalRequests().allSatisfy { $0.hasPrefix("OPTIONS") })
  }

  @Test func aPortForTCPIsNoPortForTLS() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    let alice = try Client("alice", server: server.port, transport: "tls") { $0.connectTimeout = 2 }
    await #expect {
      try await alice.agent.register()
    } throws: { error in
      // Kamailio closes the connection or waits for the rest of the "request".
      if case SIPError.insecure(_, let failure) = error {
        [.closed, .noAnswer, .plainText].contains(failure)
      } else {
        false
      }
    }
    await alice.agent.shutdown()
  }

  @Test func aServerThatComesBackWithAnotherCertificateIsNotUsed() async throws {
    let (authority, stranger) = try await (TestAuthority(), TestAuthority())
    let server = try await Kamailio(tls: try await authority.issue(Self.names))
    let alice = try Self.client("alice", server, authority)
    try await alice.agent.register()
    server.stop()
    let impostor = try await Kamailio(
      port: server.port, tls: try await stranger.issue(Self.names), tlsPort: server.tlsPort)
    // Not at first: while it starts, connections are refused.
    _ = try await alice.next { event -> Bool? in
      if case .registration(.lost(.insecure(_, .unknownIssuer), _)) = event { true } else { nil }
    }
    #expect(impostor.finalRequests().allSatisfy { $0.hasPrefix("OPTIONS") })
    let again = try await Kamailio(
      port: server.port, tls: try await authority.issue(Self.names), tlsPort: server.tlsPort)
    defer { again.stop() }
    _ = try await alice.next { event -> Registration? in
      if case .registration(.registered(let registration)) = event { registration } else { nil }
    }
    await alice.agent.shutdown()
  }

  @Test func aCAFileThatIsNoneIsABadConfiguration() async throws {
    let alice = try Client("alice", server: 5061, transport: "tls") { $0.caFile = "/nonexistent" }
    await #expect(
      throws: SIPError.invalidConfiguration(
        "ca-file /nonexistent cannot be used: there is no file that can be read")
    ) { try await alice.agent.register() }
    await alice.agent.shutdown()
  }
}
