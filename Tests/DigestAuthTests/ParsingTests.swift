// ParsingTests.swift: the grammar of challenges and credentials, and what is refused
import Foundation
import TestSupport
import Testing

@testable import DigestAuth

@Suite struct ParsingTests {
  @Test func `several challenges in one line are told apart, other schemes are passed over`() {
    let line = #"""
      Negotiate, Basic realm="simple, not safe", Digest realm="a", nonce="n1", qop="auth,auth-int",, \#
      algorithm=MD5, NTLM TlRMTVNTUAAC==, Digest nonce="n2" , realm = "b",algorithm="sha-256"
      """#
    let challenges = DigestChallenge.list([line])
    #expect(challenges.map(\.realm) == ["a", "b"])
    #expect(challenges.map(\.nonce) == ["n1", "n2"])
    #expect(challenges.map(\.algorithm) == [.md5, .sha256])
    #expect(challenges.map(\.qop) == [[.authentication, .authenticationWithIntegrity], []])
  }

  @Test func `a line that breaks the grammar does not hide the challenge of another line`() {
    let lines = [#"Digest realm="open"#, #"Digest realm="r", nonce="n""#]
    #expect(DigestChallenge.list(lines).map(\.realm) == ["r"])
  }

  @Test func `the topmost challenge that can be answered counts, MD5 only without another`() {
    func line(_ algorithm: String, _ nonce: String) -> String {
      #"Digest realm="r", nonce="\#(nonce)", algorithm=\#(algorithm), qop="auth""#
    }
    let lines = [line("MD5", "1"), line("SHA-256", "2"), line("SHA-256", "3"), line("MD5", "4"), line("SHA-512", "5")]
    #expect(DigestChallenge.preferred(of: lines)?.nonce == "2")
    #expect(DigestChallenge.preferred(of: [lines[0], lines[3]])?.nonce == "1")
    #expect(DigestChallenge.preferred(of: [lines[4]]) == nil)
    #expect(DigestChallenge.preferred(of: [lines[4], lines[3]])?.nonce == "4")
    #expect(DigestChallenge.preferred(of: [lines[2], line("SHA-512-256", "6")])?.nonce == "3")
    #expect(DigestChallenge.preferred(of: [line("sha-512-256", "6"), lines[2]])?.nonce == "6")
    #expect(DigestChallenge.preferred(of: ["Basic realm=\"r\""]) == nil)
  }

  @Test func `only challenges of the realm asked for count`() {
    let lines = [#"Digest realm="a", nonce="1", algorithm=SHA-256"#, #"Digest realm="b", nonce="2""#]
    #expect(DigestChallenge.preferred(of: lines, realm: "b")?.nonce == "2")
    #expect(DigestChallenge.preferred(of: lines, realm: "B")?.nonce == "2", "a domain has no case")
    #expect(DigestChallenge.preferred(of: lines, realm: "c") == nil)
  }

  @Test func `escapes are resolved on reading and written again`() throws {
    let challenge = try DigestChallenge(parsing: #"Digest realm="a\"b\\c, d", nonce="\n", opaque="""#)
    #expect(challenge.realm == #"a"b\c, d"#)
    #expect(challenge.nonce == "n")
    #expect(challenge.opaque == "")
    #expect(try DigestChallenge(parsing: challenge.headerValue) == challenge)
  }

  @Test func `stale is read and written`() throws {
    let challenge = try DigestChallenge(parsing: #"Digest realm="r", nonce="n", stale=TRUE"#)
    #expect(challenge.stale)
    #expect(challenge.headerValue.contains("stale=true"))
    #expect(try !DigestChallenge(parsing: #"Digest realm="r", nonce="n", stale=false"#).stale)
  }

  @Test(arguments: [
    ("", DigestError.malformed("empty header")), ("Basic realm=\"r\"", .unsupportedScheme("Basic")),
    (#"Digest nonce="n""#, .missingParameter("realm")), (#"Digest realm="r""#, .missingParameter("nonce")),
    (#"Digest realm="r", nonce="n", realm="s""#, .repeatedParameter("realm")),
    (#"Digest realm="r", nonce="n", algorithm=MD5-sess"#, .unsupportedAlgorithm("MD5-sess")),
    (#"Digest realm="r", nonce="n", qop="auth-conf""#, .unsupportedQualityOfProtection("auth-conf")),
    (#"Digest realm="r" nonce="n""#, .malformed("parameters are not separated by commas at byte 17")),
    (#"Digest realm="r", nonce="n"#, .malformed("quoted string does not end")),
    (#"Digest realm="r", nonce="n\"#, .malformed("broken escape")),
    ("Digest realm=\"r\r\nX: y\", nonce=\"n\"", .malformed("control character in a quoted string")),
    ("Digest realm=\"r\\\n\", nonce=\"n\"", .malformed("broken escape")),
    (String(repeating: "a", count: 9000), .tooLarge), (String(repeating: "a,", count: 17), .tooLarge),
    ("Digest " + (0..<33).map { "p\($0)=1" }.joined(separator: ","), .tooLarge),
  ])
  func `a challenge that cannot be used says why`(line: String, error: DigestError) {
    #expect(throws: error) { try DigestChallenge(parsing: line) }
    #expect(DigestChallenge.list([line]).isEmpty)
  }

  @Test(arguments: [
    "response=\"0123\"", "response=\"\(String(repeating: "g", count: 32))\"",
    "response=\"\(String(repeating: "0", count: 64))\"", "qop=auth, nc=1, cnonce=\"c\"", "qop=auth, cnonce=\"c\"",
    "qop=auth, nc=00000001", "qop=auth, nc=0000000g, cnonce=\"c\"", "qop=auth-conf, nc=00000001, cnonce=\"c\"",
    "algorithm=SHA-512-256", "userhash=true", "uri=\"/other\"",
  ])
  func `credentials with a wrong parameter are refused`(parameter: String) {
    let base = #"Digest username="u", realm="r", nonce="n", uri="/", "#
    let response = parameter.hasPrefix("response") ? "" : #"response="\#(String(repeating: "0", count: 32))", "#
    #expect(throws: DigestError.self) { try DigestCredentials(parsing: base + response + parameter) }
  }

  @Test func `a user name cannot add a header line`() throws {
    var responder = DigestResponder(
      username: "alice\r\nX: \"y\\", password: "p", challenge: DigestChallenge(realm: "r", nonce: "n"))
    let text = responder.credentials(method: "GET", uri: "/").headerValue
    #expect(!text.contains { $0.isNewline })
    #expect(try DigestCredentials(parsing: text).username == "aliceX: \"y\\")
  }

  @Test func `no bytes make the parser trap`() {
    var generator = SeededGenerator(seed: 7)
    let seeds = [
      #"Digest realm="a\"b", nonce="n", qop="auth,auth-int", algorithm=MD5, stale=true, Basic dGVzdA=="#,
      #"Digest username="u", realm="r", nonce="n", uri="/", response="00", nc=00000001, qop=auth, cnonce="c""#,
    ]
    var understood = 0
    for round in 0..<4000 {
      var bytes = Array(seeds[round % seeds.count].utf8)
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0...2, using: &generator) {
        case 0: bytes[index] = UInt8.random(in: .min ... .max, using: &generator)
        case 1: bytes.remove(at: index)
        default: bytes.insert(contentsOf: bytes[index...].prefix(5), at: index)
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      for challenge in DigestChallenge.list([text]) {
        understood += 1
        // Whatever was understood is written so that it reads the same.
        #expect((try? DigestChallenge(parsing: challenge.headerValue)) == challenge)
      }
      _ = try? DigestCredentials(parsing: text)
    }
    #expect(understood > 100)
  }
}
