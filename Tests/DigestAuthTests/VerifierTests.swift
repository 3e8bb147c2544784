// VerifierTests.swift: the server side against the client side of digest authentication
import Foundation
import Testing

@testable import DigestAuth

@Suite struct VerifierTests {
  private static let realm = "sip.example.org"

  private func secret(_ username: String) -> DigestSecret? {
    username == "alice" ? .password("pass phrase") : nil
  }

  private func responder(
    for verifier: DigestVerifier, algorithm: DigestAlgorithm = .sha256, username: String = "alice",
    password: String = "pass phrase"
  ) throws -> DigestResponder {
    let challenge = try #require(verifier.challenges().first { $0.algorithm == algorithm })
    return DigestResponder(
      username: username, password: password, challenge: try DigestChallenge(parsing: challenge.headerValue))
  }

  @Test(arguments: DigestAlgorithm.allCases)
  func `an answer to a challenge is accepted`(algorithm: DigestAlgorithm) throws {
    let verifier = DigestVerifier(realm: Self.realm, algorithms: DigestAlgorithm.allCases)
    var responder = try responder(for: verifier, algorithm: algorithm)
    for count in UInt32(1)...3 {
      let credentials = try DigestCredentials(
        parsing: responder.credentials(method: "REGISTER", uri: "sip:x").headerValue)
      #expect(credentials.nc == count)
      #expect(
        verifier.verify(credentials, method: "REGISTER", uri: "sip:x", secret: secret) == .accepted(username: "alice"))
    }
  }

  @Test func `a stored HA1 serves in place of the password, for its algorithm only`() throws {
    let verifier = DigestVerifier(realm: Self.realm)
    let hash = try #require(
      DigestSecret.password("pass phrase").ha1(username: "alice", realm: Self.realm, algorithm: .sha256))
    let stored = DigestSecret.ha1([.sha256: hash.uppercased()])
    var strong = try responder(for: verifier)
    #expect(
      verifier.verify(strong.credentials(method: "A", uri: "b"), method: "A", uri: "b") { _ in stored }
        == .accepted(username: "alice"))
    var weak = try responder(for: verifier, algorithm: .md5)
    #expect(
      verifier.verify(weak.credentials(method: "A", uri: "b"), method: "A", uri: "b") { _ in stored }
        == .refused(.unknownUser("alice")))
    let fresh = try #require(verifier.challenges().first { $0.algorithm == .sha256 })
    var client = DigestResponder(username: "alice", ha1: hash, challenge: fresh)
    #expect(
      verifier.verify(client.credentials(method: "A", uri: "b"), method: "A", uri: "b", secret: secret)
        == .accepted(username: "alice"))
  }

  @Test func `anything of the request that was changed is refused`() throws {
    let verifier = DigestVerifier(realm: Self.realm)
    var responder = try responder(for: verifier)
    let good = responder.credentials(method: "MESSAGE", uri: "sip:bob@x")
    func outcome(method: String = "MESSAGE", uri: String? = "sip:bob@x", _ change: (inout DigestCredentials) -> Void)
      -> DigestVerifier.Outcome
    {
      var credentials = good
      change(&credentials)
      return verifier.verify(credentials, method: method, uri: uri, secret: secret)
    }
    let wrong = DigestVerifier.Outcome.refused(.wrongPassword(username: "alice"))
    #expect(outcome(method: "INVITE") { _ in } == wrong)
    #expect(outcome { $0.cnonce = "other" } == wrong)
    #expect(outcome { $0.nc = 2 } == wrong)
    #expect(outcome { $0.nonce += "=" } == wrong)
    #expect(outcome(uri: nil) { $0.uri = "sip:eve@x" } == wrong)
    #expect(outcome { $0.uri = "sip:eve@x" } == .refused(.otherURI("sip:eve@x")))
    #expect(outcome { $0.response = String($0.response.reversed()) } == wrong)
    #expect(outcome { $0.username = "eve" } == .refused(.unknownUser("eve")))
    #expect(outcome { $0.realm = "other" } == .refused(.otherRealm("other")))
    #expect(outcome { $0.qop = nil } == .refused(.protectionNotOffered))
    #expect(outcome { $0.qop = .authenticationWithIntegrity } == .refused(.protectionNotOffered))
    #expect(outcome { _ in } == .accepted(username: "alice"))
  }

  @Test func `an algorithm that was not offered is refused`() throws {
    let verifier = DigestVerifier(realm: Self.realm, algorithms: [.sha256])
    var challenge = try #require(verifier.challenges().first)
    challenge.algorithm = .md5
    var responder = DigestResponder(username: "alice", password: "pass phrase", challenge: challenge)
    let credentials = responder.credentials(method: "A", uri: "b")
    #expect(
      verifier.verify(credentials, method: "A", uri: "b", secret: secret) == .refused(.algorithmNotOffered(.md5)))
  }

  @Test func `an old nonce is stale, but only with the right password`() throws {
    let clock = Clock()
    let verifier = DigestVerifier(realm: Self.realm, nonceLifetime: 60, now: clock.now)
    var good = try responder(for: verifier)
    var bad = try responder(for: verifier, password: "wrong")
    clock.advance(60)
    #expect(
      verifier.verify(good.credentials(method: "A", uri: "b"), method: "A", uri: "b", secret: secret)
        == .accepted(username: "alice"))
    clock.advance(0.1)
    #expect(
      verifier.verify(good.credentials(method: "A", uri: "b"), method: "A", uri: "b", secret: secret) == .stale)
    #expect(
      verifier.verify(bad.credentials(method: "A", uri: "b"), method: "A", uri: "b", secret: secret)
        == .refused(.wrongPassword(username: "alice")))
  }

  @Test func `a request sent twice is stale the second time`() throws {
    let verifier = DigestVerifier(realm: Self.realm)
    var responder = try responder(for: verifier)
    let credentials = responder.credentials(method: "A", uri: "b")
    #expect(
      verifier.verify(credentials, method: "A", uri: "b", secret: secret) == .accepted(username: "alice"))
    #expect(verifier.verify(credentials, method: "A", uri: "b", secret: secret) == .stale)
  }

  @Test func `a nonce of another verifier is stale, even of the same realm`() throws {
    var responder = try responder(for: DigestVerifier(realm: Self.realm))
    let credentials = responder.credentials(method: "A", uri: "b")
    let verifier = DigestVerifier(realm: Self.realm)
    #expect(verifier.verify(credentials, method: "A", uri: "b", secret: secret) == .stale)
  }

  @Test func `without qop an answer is that of RFC 2069 and can be accepted again`() throws {
    let verifier = DigestVerifier(realm: Self.realm, offersProtection: false)
    var responder = try responder(for: verifier)
    let credentials = responder.credentials(method: "A", uri: "b")
    #expect(credentials.qop == nil)
    for _ in 0..<2 {
      #expect(
        verifier.verify(credentials, method: "A", uri: "b", secret: secret) == .accepted(username: "alice"))
    }
  }

  @Test func `all algorithms are offered with one nonce in the order given`() {
    let challenges = DigestVerifier(realm: "r", algorithms: [.md5, .sha256]).challenges(stale: true)
    #expect(challenges.map(\.algorithm) == [.md5, .sha256])
    #expect(Set(challenges.map(\.nonce)).count == 1)
    #expect(challenges.map(\.stale) == [true, true])
  }

  @Test func `only auth-int offered puts the body into the digest`() {
    let challenge = DigestChallenge(realm: "r", nonce: "n", qop: [.authenticationWithIntegrity])
    func response(_ body: String) -> String? {
      DigestCredentials(
        answering: challenge, username: "u", secret: .password("p"), method: "POST", uri: "/", body: Data(body.utf8),
        cnonce: "c", count: 1)?.response
    }
    let hash = DigestAlgorithm.md5.hexDigest(of:)
    let expected = hash("\(hash("u:r:p")):n:00000001:c:auth-int:\(hash("POST:/:\(hash("x"))"))")
    #expect(response("x") == expected)
    #expect(response("y") != expected)
  }

  @Test func `a secret shows nothing of itself`() {
    var text = ""
    dump(DigestSecret.password("hunter2"), to: &text)
    dump(
      DigestResponder(username: "u", password: "hunter2", challenge: DigestChallenge(realm: "r", nonce: "n")),
      to: &text)
    text += "\(DigestSecret.password("hunter2"))"
    #expect(!text.contains("hunter2"))
    #expect(!text.contains(DigestAlgorithm.md5.hexDigest(of: "u:r:hunter2")))
  }
}

@Suite struct NonceCountWindowTests {
  private let start = Date(timeIntervalSince1970: 1000)

  @Test func `counts may overtake each other within the last 64, each once`() {
    var window = NonceCountWindow(capacity: 4)
    let counts: [UInt32] = [5, 3, 3, 5, 4, 69, 6, 5, 70, 6, 68, 0, .max, .max, 1]
    let first = counts.map { window.use("n", issued: start, count: $0) }
    #expect(
      first == [true, true, false, false, true, true, true, false, true, false, true, false, true, false, false])
  }

  @Test func `a full table forgets its older half, which is then used up`() {
    var window = NonceCountWindow(capacity: 4)
    for index in 0..<4 { _ = window.use("n\(index)", issued: start + Double(index), count: 1) }
    let uses: [(Int, UInt32)] = [(4, 1), (0, 2), (1, 2), (3, 2), (4, 1)]
    let first = uses.map { window.use("n\($0.0)", issued: start + Double($0.0), count: $0.1) }
    #expect(first == [true, false, false, true, false])
  }
}

@Suite struct NonceTests {
  @Test func `a nonce gives its time back to its maker, to nobody else and not when changed`() throws {
    let factory = DigestNonceFactory(realm: "r")
    let date = Date(timeIntervalSince1970: 1_700_000_000.25)
    let nonce = factory.nonce(at: date)
    #expect(factory.dateIssued(nonce) == date)
    #expect(DigestNonceFactory(realm: "r").dateIssued(nonce) == nil)
    #expect(factory.nonce(at: date) != nonce)
    let bytes = try #require(Data(base64Encoded: nonce))
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1
      #expect(factory.dateIssued(changed.base64EncodedString()) == nil)
    }
    for other in ["", "n", "FK6r7gAAAABRZYx0AAD3X1evIX4AAAAA"] { #expect(factory.dateIssued(other) == nil) }
  }
}

/// Sendable because the time is touched only under the lock.
private final class Clock: @unchecked Sendable {
  private let lock = NSLock()
  private var time = Date(timeIntervalSince1970: 1_700_000_000)

  @Sendable func now() -> Date { lock.withLock { time } }
  func advance(_ seconds: TimeInterval) { lock.withLock { time += seconds } }
}
