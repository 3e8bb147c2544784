// ChallengeTests.swift: which challenges are answered, and with what (RFC 3261 §22, RFC 8760 §2.4)
import DigestAuth
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(1)))
struct ChallengeTests {
  private static let own = Kamailio.domain

  private static func challenge(_ algorithm: String, _ nonce: String, realm: String = own) -> String {
    "Digest realm=\"\(realm)\", nonce=\"\(nonce)\", algorithm=\(algorithm), qop=\"auth\""
  }

  /// REGISTER is challenged with 401, all else with 407; right credentials are accepted.
  private static func server(_ challenges: [String], realm: String = own) throws -> ScriptedServer {
    try ScriptedServer { message in
      guard !message.firstLine.hasPrefix("SIP/2.0"), message.method != "ACK" else { return [] }
      let isRegister = message.method == "REGISTER"
      let credentials = message.headers.all(named: isRegister ? "Authorization" : "Proxy-Authorization")
        .compactMap { try? DigestCredentials(parsing: $0) }
      guard let answer = credentials.first else {
        let name = isRegister ? "WWW-Authenticate" : "Proxy-Authenticate"
        return [message.answer(isRegister ? "401 Unauthorized" : "407 Asked", challenges.map { "\(name): \($0)" })]
      }
      let ha1 = answer.algorithm.hexDigest(of: Array("alice:\(answer.realm):alice".utf8))
      let ha2 = answer.algorithm.hexDigest(of: Array("\(message.method):\(answer.uri)".utf8))
      let text = "\(ha1):\(answer.nonce):00000001:\(answer.cnonce ?? ""):auth:\(ha2)"
      guard answer.response == answer.algorithm.hexDigest(of: Array(text.utf8)), credentials.count == 1 else {
        return [message.answer("403 Forbidden")]
      }
      return [message.answer("200 OK", isRegister ? ["Contact: \(message.headers["Contact"] ?? "");expires=600"] : [])]
    }
  }

  private static func answered(_ server: ScriptedServer, _ method: String) -> [DigestCredentials] {
    server.messages.filter { $0.method == method }
      .flatMap { $0.headers.all(named: "Authorization") + $0.headers.all(named: "Proxy-Authorization") }
      .compactMap { try? DigestCredentials(parsing: $0) }
  }

  @Test(arguments: [
    ([challenge("SHA-512-256", "1"), challenge("MD5", "2")], "1"),
    ([challenge("SHA-512", "1"), challenge("MD5-sess", "2"), challenge("MD5", "3")], "3"),
    ([challenge("SHA3-999", "1"), challenge("SHA-256", "2"), challenge("SHA-512-256", "3")], "2"),
    ([challenge("MD5", "1"), challenge("SHA-256", "2")], "2"),
    (["Basic realm=\"\(own)\"", challenge("SHA-256", "1")], "1"),
    ([challenge("SHA-256", "1", realm: "evil.example"), challenge("MD5", "2")], "2"),
    ([challenge("MD5", "1"), challenge("SHA-256", "2", realm: "evil.example")], "1"),
    (
      [challenge("MD5", "1", realm: "SIP" + own.dropFirst("sip".count)), challenge("MD5", "2", realm: "evil.example")],
      "1"
    ),
  ])
  func ofSeveralChallengesTheTopmostOfOurRealmIsAnswered(challenges: [String], nonce: String) async throws {
    let server = try Self.server(challenges)
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    do {
      try await alice.agent.register()
      let response = try await alice.agent.message(
        to: SIPURI(user: "bob", host: Self.own), contentType: "text/plain", body: Data("hello".utf8))
      #expect(response.status == 200)
    } catch {
      await alice.agent.shutdown()
      throw error
    }
    await alice.agent.shutdown()
    for method in ["REGISTER", "MESSAGE"] {
      let answers = Self.answered(server, method)
      #expect(!answers.isEmpty)
      #expect(answers.allSatisfy { $0.nonce == nonce && $0.realm.lowercased() == Self.own }, "\(answers)")
    }
  }

  /// Whoever speaks in the server's place could have a digest for any realm.
  @Test func aForeignRealmGetsNoDigest() async throws {
    let server = try Self.server([
      Self.challenge("MD5", "1", realm: "evil.example"), Self.challenge("SHA-256", "2", realm: "b"),
    ])
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    let expected = SIPError.otherRealm(expected: Self.own, offered: ["evil.example", "b"])
    await #expect(throws: expected) { try await alice.agent.register() }
    await alice.agent.shutdown()
    #expect(Self.answered(server, "REGISTER").isEmpty)
    let text = expected.description
    #expect(text.contains("evil.example") && text.contains(Self.own) && text.contains("realm = "))
  }

  @Test func theRealmCanBeSet() async throws {
    let server = try Self.server([
      Self.challenge("MD5", "1", realm: Self.own), Self.challenge("MD5", "2", realm: "asterisk"),
    ])
    defer { server.stop() }
    let alice = try Client("alice", server: server.port) { $0.realm = "asterisk" }
    try await alice.agent.register()
    await alice.agent.shutdown()
    #expect(Self.answered(server, "REGISTER").allSatisfy { $0.realm == "asterisk" })
  }

  /// RFC 8141 §3.1: `urn:uuid:` has no case.
  @Test func ourInstanceInCapitalsIsOurs() async throws {
    let server = try ScriptedServer { message in
      let contact = (message.headers["Contact"] ?? "").prefix { $0 != ">" } + ">"
      let instance =
        (message.headers["Contact"] ?? "").split(separator: "\"").first { $0.hasPrefix("<urn:uuid:") } ?? ""
      let capitals = "<urn:uuid:" + instance.dropFirst(10).uppercased()
      return [
        message.answer(
          "200 OK",
          [
            "Contact: <sip:alice@192.0.2.7>;expires=9;+sip.instance=\"<urn:uuid:0>\";pub-gruu=\"sip:alice@a;gr=0\"",
            "Contact: \(contact);expires=77;+sip.instance=\"\(capitals)\";pub-gruu=\"sip:alice@a;gr=1\"",
          ])
      ]
    }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    let registration = try await alice.agent.register()
    #expect(registration == Registration(gruu: SIPURI("sip:alice@a;gr=1"), expires: 77))
    await alice.agent.shutdown()
  }

  /// It takes connections and bytes and says nothing.
  @Test(arguments: [false, true])
  func aServerThatNeverAnswersDoesNotHoldTheEndUp(keepingRegistration: Bool) async throws {
    let server = try ScriptedServer { _ in [] }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    let registering = Task { try await alice.agent.register() }
    while server.messages.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    let start = ContinuousClock.now
    await alice.agent.shutdown(keepingRegistration: keepingRegistration)
    #expect(start.duration(to: .now) < .seconds(3))
    await #expect(throws: SIPError.shutDown) { _ = try await registering.value }
    #expect(start.duration(to: .now) < .seconds(3))
  }
}
