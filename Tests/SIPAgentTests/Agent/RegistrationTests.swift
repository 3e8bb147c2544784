// RegistrationTests.swift: REGISTER with Kamailio
import DigestAuth
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(1)))
struct RegistrationTests {
  @Test(arguments: ["tcp", "udp"])
  func aDeviceRegistersAndGetsItsGRUU(transport: String) async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    let alice = try Client("alice", server: server.port, transport: transport)
    let registration = try await alice.agent.register()
    #expect(registration.gruu?.description == "sip:alice@\(Kamailio.domain);gr=\(alice.instanceID)")
    #expect((500...600).contains(registration.expires))
    #expect(await alice.agent.registration == registration)
    await alice.agent.shutdown()
  }

  @Test(arguments: [Kamailio.Algorithms.sha256, .both], ["tcp", "udp"])
  func challengesWithSHA256AreAnswered(algorithms: Kamailio.Algorithms, transport: String) async throws {
    let server = try await Kamailio(algorithms)
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port, transport: transport) { clients in
      // 401 to REGISTER was answered; now 407 to MESSAGE.
      async let response = clients[0].agent.message(
        to: clients[1].address, contentType: "text/plain", body: Data("hello".utf8))
      let message = try await clients[1].nextMessage()
      await clients[1].agent.respond(to: message.id, status: 200)
      #expect(try await response.status == 200)
    }
  }

  @Test func aWrongPasswordFailsAtOnceAndIsTriedOnce() async throws {
    let server = try await Kamailio(.both)
    defer { server.stop() }
    let alice = try Client("alice", server: server.port, password: "not alice")
    await #expect(throws: SIPError.wrongCredentials(user: "alice", realm: Kamailio.domain)) {
      try await alice.agent.register()
    }
    await alice.agent.shutdown()
    #expect(server.finalCount("REGISTER", user: "alice") == 2)
  }

  @Test func aPasswordWithColonsAndQuotesIsUsedWhole() throws {
    let accounts = DigestAccounts.shared
    let token = try accounts.add(DigestAccounts.Account(username: "a:b\"c", password: { "x:y:z\"" }))
    defer { accounts.remove(token) }
    let responder = try RealmResponder(
      .init(parsing: "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256, qop=\"auth\""))
    let text = try #require(responder.authorize(account: token, method: "REGISTER", uri: "sip:r", body: Data()))
    #expect(text.contains(#"username="a:b\"c""#))
    let credentials = try DigestCredentials(parsing: text)
    // RFC 7616, 3.4.1.
    func hash(_ text: String) -> String { DigestAlgorithm.sha256.hexDigest(of: text.utf8) }
    let cnonce = try #require(credentials.cnonce)
    #expect(
      credentials.response
        == hash("\(hash("a:b\"c:r:x:y:z\"")):n:00000001:\(cnonce):auth:\(hash("REGISTER:sip:r"))"))
  }

  @Test func aStaleNonceIsReplacedSilently() async throws {
    let server = try await Kamailio(.both, nonceLifetime: 1)
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    try await alice.agent.register()
    // Until the nonce has expired: its lifetime is counted in seconds of the server's clock.
    try await Task.sleep(for: .seconds(2.5))
    try await alice.agent.register()
    await alice.agent.shutdown()
    // Two with and two without an answer to the challenge; the last one un-registers.
    #expect(server.finalCount("REGISTER", user: "alice") == 5)
  }

  @Test func unregisterRemovesTheBinding() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port) { clients in
      await clients[1].agent.unregister()
      #expect(await clients[1].agent.registration == nil)
      let response = try await clients[0].agent.message(
        to: clients[1].address, contentType: "text/plain", body: Data("hello".utf8))
      #expect(response.status == 480)
    }
  }

  @Test func aRegistrationIsRefreshedBeforeItExpires() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    let alice = try Client("alice", server: server.port, expires: 2)
    try await alice.agent.register()
    for _ in 0..<2 {
      guard case .registered(let registration) = try await alice.nextRegistrationState() else {
        Issue.record("not registered")
        return
      }
      #expect(registration.gruu != nil)
      #expect(!registration.isReconnected)
    }
    await alice.agent.shutdown()
  }

  @Test func aLostServerIsReportedAndFoundAgain() async throws {
    let port: Int
    let alice: Client
    do {
      let server = try await Kamailio()
      port = server.port
      alice = try Client("alice", server: port)
      try await alice.agent.register()
      server.stop()
    }
    _ = try await alice.next { event -> Bool? in
      if case .registration(.lost(_, let delay)) = event { return delay < 2 } else { return nil }
    }
    let again = try await Kamailio(port: port)
    defer { again.stop() }
    _ = try await alice.next { event -> Registration? in
      if case .registration(.registered(let registration)) = event { return registration } else { return nil }
    }
    await alice.agent.shutdown()
  }

  @Test func aServerThatIsNotThereIsUnreachable() async throws {
    let port = try LoopbackSocket.freePort()
    let alice = try Client("alice", server: port)
    await #expect {
      try await alice.agent.register()
    } throws: { error in
      if case SIPError.unreachable = error { true } else { false }
    }
    await alice.agent.shutdown()
  }

  @Test func theNameLocalhostIsResolved() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    let alice = try Client("alice", server: server.port, host: "localhost")
    try await alice.agent.register()
    await alice.agent.shutdown()
  }
}
