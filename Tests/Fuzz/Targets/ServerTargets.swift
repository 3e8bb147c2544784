import DigestAuth
import FlexisipCheck
// ServerTargets.swift: what servers and their clients say: digest, key-server messages, HTTP and SIP heads; and files
import Foundation
import HTTPServer
import KeyServer
import Lime
import SIPAgent
import TestSupport

extension FuzzTarget {
  static let digest: [FuzzTarget] = [
    .read(
      "digest-challenge",
      text([
        #"Digest realm="sip.example.org", nonce="abc", opaque="", qop="auth,auth-int", algorithm=SHA-256, stale=true"#,
        #"Basic realm="x", Digest realm="a\"b", nonce="n", algorithm=MD5, Negotiate dG9rZW4="#,
      ]), parse: parsed { DigestChallenge.preferred(of: [$0]) }, write: { Data($0.headerValue.utf8) }),
    .read(
      "digest-credentials",
      text([
        #"Digest username="bob", realm="r", nonce="n", uri="sip:h", response="0123456789abcdef0123456789abcdef", "#
          + #"algorithm=MD5, cnonce="c", qop=auth, nc=00000001, opaque="o""#
      ]), parse: { try DigestCredentials(parsing: String(decoding: $0, as: UTF8.self)) },
      write: { Data($0.headerValue.utf8) }),
    // A verifier takes no credentials that were not made with the password.
    FuzzTarget(
      "digest-verifier",
      seeds: {
        DigestVerifier(realm: "r").challenges().map { challenge in
          var responder = DigestResponder(username: "bob", password: "not this", challenge: challenge)
          return Data(responder.credentials(method: "POST", uri: "/").headerValue.utf8)
        }
      }
    ) { data in
      let credentials = try DigestCredentials(parsing: String(decoding: data, as: UTF8.self))
      let outcome = DigestVerifier(realm: "r").verify(
        credentials, method: "POST", uri: "/", secret: { _ in .password("secret") })
      if case .accepted = outcome { return false }
      return true
    },
  ]

  static let servers: [FuzzTarget] = [
    .read(
      "key-server-request", { try Exchange.recorded(\.request) }, parse: { try KeyServerRequest(parsing: $0) },
      write: \.serialized),
    FuzzTarget("key-server-answer", seeds: { try Exchange.recorded(\.response) }, acceptsSeeds: false) { data in
      let answer = try KeyServerAnswer(parsing: data)
      // The text of an error is mended where it is no UTF-8, so it may be cut elsewhere the second time.
      if case .error = answer.content { return true }
      return try KeyServerAnswer(parsing: answer.serialized) == answer
    },
    FuzzTarget(
      "http-head",
      seeds: text(["POST /lime HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nExpect: 100-continue", "GET / HTTP/1.0"])
    ) { data in
      let lines = data.split(separator: 0x0A, omittingEmptySubsequences: false).map { line in
        Array(line.last == 0x0D ? line.dropLast() : line)
      }
      let head = try HTTPRequestHead(parsing: lines)
      if case .length(let count) = head.framing { return count >= 0 }
      return true
    },
    // The same bytes at once and in two pieces give the same answers.
    FuzzTarget(
      "sip-response",
      seeds: text([
        "\r\nSIP/2.0 401 Unauthorized\r\ni: 1\r\nVia: SIP/2.0/TCP h\r\n folded\r\nl: 4\r\n\r\nbodySIP/2.0 200\r\n\r\n",
        "OPTIONS sip:h SIP/2.0\r\nContent-Length: 0\r\n\r\n",
      ])
    ) { data in
      var whole = SIPResponseReader()
      var pieces = SIPResponseReader()
      whole.append(data)
      var expected: [SIPResponseReader.Message] = []
      var found: [SIPResponseReader.Message] = []
      while let message = whole.next() { expected.append(message) }
      for piece in [data.prefix(data.count / 2), data.dropFirst(data.count / 2)] {
        pieces.append(piece)
        while let message = pieces.next() { found.append(message) }
      }
      return found == expected
    },
    // A link's own Via comes off again.
    FuzzTarget(
      "sip-datagram",
      seeds: text([
        "MESSAGE sip:a@h SIP/2.0\r\nVia: SIP/2.0/UDP p.example.org;branch=z9hG4bKa;rport\r\nv: SIP/2.0/TCP h\r\n"
          + "From: <sip:b@h>;tag=1\r\nTo: <sip:a@h>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\n\r\nbody",
        "\r\nBYE sip:a@h SIP/2.0\r\nCSeq: 2 BYE\r\nv : SIP / 2.0 / UDP\r\n 192.0.2.1 ;branch=1, SIP/2.0/TLS h\r\n\r\n",
      ])
    ) { data in
      guard let request = SIPDatagram([UInt8](data)), !request.isResponse else { throw Refused() }
      let via = DatagramVia(
        sentBy: "192.0.2.7:5070", inside: "127.0.0.1:5080", serverHost: "192.0.2.1", serverPort: 5060, mark: "1-")
      let given = via.incoming(request.head)
      _ = via.outgoing(request.head)
      _ = request.unavailable?.transaction
      guard DatagramVia.first(of: request.head) != nil else { return given == request.head }
      let answer = Array("SIP/2.0 200 OK".utf8) + given.drop { $0 != 13 }
      let sent = via.outgoing(answer)
      return sent.count < answer.count && DatagramVia.first(of: sent) != nil
    },
    FuzzTarget(
      "flexisip-conf",
      seeds: {
        let template = ConfTemplate(domain: "sip.example.org", users: [("alice", "secret")])
        return [Data(template.conf.utf8)]
      }, cost: 40
    ) { data in
      let conf = FlexisipConf(path: "flexisip.conf", text: String(decoding: data, as: UTF8.self))
      let lines = data.split(separator: 0x0A, omittingEmptySubsequences: false).count
      return ConfCheck.findings(in: conf, isServersMachine: false).allSatisfy { $0.line.map { $0 <= lines } ?? true }
    },
  ]
}

/// Requests and answers of the key-server protocol as LimeTests has them.
private struct Exchange: Decodable {
  var request: String
  var response: String

  private static let folder = TestPaths.package.appendingPathComponent("Tests/LimeTests/Vectors")

  static func recorded(_ part: (Exchange) -> String) throws -> [Data] {
    let files = ["c25519-keyserver.json", "c448-keyserver.json"].map { folder.appendingPathComponent($0) }
    let messages = try files.flatMap { try JSONDecoder().decode([Exchange].self, from: Data(contentsOf: $0)) }
    return try messages.map(part).filter { !$0.isEmpty }.map { try Data(hex: $0) }
  }
}
