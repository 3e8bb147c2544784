// RefusalTests.swift: registrars that refuse: too brief, overloaded, other password
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(1)))
struct RefusalTests {
  /// 423 with Min-Expires: asked for again, for so long.
  @Test func aRegistrationThatIsTooBriefIsMadeLonger() async throws {
    let server = try await Kamailio(
      extra: """
        modparam("registrar", "min_expires", 90)
        modparam("registrar", "min_expires_mode", 1)
        """)
    defer { server.stop() }
    let alice = try Client("alice", server: server.port, expires: 60)
    let registration = try await alice.agent.register()
    #expect((80...90).contains(registration.expires))
    await alice.agent.shutdown()
  }

  /// Registers for two seconds, then answers the refresh and all after it with `refusal`.
  private func afterRefresh(
    _ refusal: @escaping @Sendable (RawMessage) -> Data,
    _ body: (Client, ScriptedServer) async throws -> Void
  ) async throws {
    let counter = Counter()
    let server = try ScriptedServer { message in
      guard message.method == "REGISTER" else { return [message.answer("200 OK")] }
      if counter.next() > 1 { return [refusal(message)] }
      return [message.answer("200 OK", ["Contact: \(message.headers["Contact"] ?? "");expires=2"])]
    }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port, expires: 2)
    try await alice.agent.register()
    do { try await body(alice, server) } catch {
      await alice.agent.shutdown()
      throw error
    }
    await alice.agent.shutdown()
  }

  @Test func anOverloadedServerSaysWhenToComeBack() async throws {
    let busy: @Sendable (RawMessage) -> Data = {
      $0.answer("503 Service Unavailable", ["Retry-After: 300 (maintenance);duration=60"])
    }
    try await afterRefresh(busy) { alice, server in
      let wait = try await alice.next { event -> Double? in
        if case .registration(.lost(.refused(503, _), let delay)) = event { delay } else { nil }
      }
      #expect((300...375).contains(wait))
      // Whatever it still sent would arrive before the answer to this.
      _ = try await alice.agent.options(alice.address)
      #expect(server.messages.count { $0.method == "REGISTER" } == 2, "the first one and the refresh")
    }
  }

  /// As Flexisip refuses a wrong password.
  @Test func forbiddenAfterACredentialIsAWrongPassword() async throws {
    let server = try ScriptedServer { message in
      guard message.method == "REGISTER" else { return [message.answer("200 OK")] }
      return [
        message.headers["Authorization"] == nil
          ? message.answer(
            "401 Unauthorized", ["WWW-Authenticate: Digest realm=\"\(Kamailio.domain)\", nonce=\"n\", qop=\"auth\""])
          : message.answer("403 Forbidden")
      ]
    }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    await #expect(throws: SIPError.wrongCredentials(user: "alice", realm: Kamailio.domain)) {
      try await alice.agent.register()
    }
    await alice.agent.shutdown()
    #expect(server.messages.count { $0.method == "REGISTER" } == 2)
  }

  /// The password was changed: two attempts, the second with credentials, and no more.
  @Test func aChangedPasswordIsNotTriedAgainAndAgain() async throws {
    let challenge: @Sendable (RawMessage) -> Data = { message in
      message.answer(
        "401 Unauthorized",
        ["WWW-Authenticate: Digest realm=\"\(Kamailio.domain)\", nonce=\"\(UUID().uuidString)\", qop=\"auth\""])
    }
    try await afterRefresh(challenge) { alice, server in
      let error = try await alice.next { event -> SIPError? in
        if case .registration(.failed(let error)) = event { error } else { nil }
      }
      #expect(error == .wrongCredentials(user: "alice", realm: Kamailio.domain))
      // Whatever it still sent would arrive before the answer to this.
      _ = try await alice.agent.options(alice.address)
      #expect(
        server.messages.count { $0.method == "REGISTER" } == 3,
        "\(server.messages.map { ($0.firstLine, $0.headers) })")
    }
  }

  /// `@unchecked Sendable`: `value` is only touched under `lock`.
  private final class Counter: @unchecked Sendable {
    private let lock = NSLock()
    private var value = 0

    func next() -> Int {
      lock.withLock {
        value += 1
        return value
      }
    }
  }
}
