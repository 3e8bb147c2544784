// HTTPTests.swift: errors, authentication and hostile HTTP at the key server
import DigestAuth
import Foundation
import Lime
import TestSupport
import Testing

@testable import KeyServer

@Suite struct HTTPTests {
  private static let typed = ["-H", "Content-Type: x3dh/octet-stream"]
  private static let named = typed + ["-H", "From: \(alice)"]

  @Test func `another content type, or none, is error 0`() async throws {
    try await Peer.run { peer async throws in
      let bodies = [["-H", "Content-Type: text/plain"], ["-H", "Content-Type:"]]
      for headers in bodies {
        #expect(try await peer.curl(headers + ["-H", "From: \(alice)"], Data([1, 7, 1])).errorCode == .badContentType)
      }
      #expect(try await peer.curl(Self.named, nil).errorCode == .badContentType)
    }
  }

  @Test func `a request without device id is error 2`() async throws {
    try await Peer.run { peer async throws in
      #expect(try await peer.curl(Self.typed, Data([1, 7, 1])).errorCode == .missingSender)
    }
  }

  @Test func `either header names the device, but two names are refused`() async throws {
    try await Peer.run { peer async throws in
      _ = try await peer.post(try Keys.registration(), from: alice)
      for header in ["From", "X-Lime-user-identity"] {
        let reply = try await peer.curl(Self.typed + ["-H", "\(header): \(alice)"], Data([1, 7, 1]))
        #expect(try reply.answer.content == .oneTimeKeyIDs([1, 2]))
      }
      let both = Self.named + ["-H", "X-Lime-user-identity: \(bob)"]
      #expect(try await peer.curl(both, Data([1, 7, 1])).errorCode == .badRequest)
    }
  }

  @Test(arguments: [
    (Data([2, 7, 1]), KeyServerErrorCode.badProtocolVersion, UInt8(1)), (Data([1, 7, 9]), .badCurve, 9),
    (Data(), .badSize, 0), (Data([1]), .badSize, 0), (Data([1, 7, 1, 0]), .badSize, 1),
    (Data([1, 9, 2, 0]), .badSize, 2), (Data([1, 5, 1, 0xFF, 0xFF]), .badSize, 1),
    (Data([1, 0x42, 1]), .badRequest, 1),
    (Data([1, 6, 1, 0, 0]), .badRequest, 1),
  ])
  func `a malformed request is answered with its error and its curve`(
    body: Data, code: KeyServerErrorCode, curve: UInt8
  ) async throws {
    try await Peer.run { peer async throws in
      let reply = try await peer.curl(Self.named, body)
      #expect(try reply.errorCode == code)
      #expect(reply.body.prefix(4) == Data([1, 0xFF, curve, code.rawValue]))
    }
  }

  @Test(arguments: [[], ["-H", "Transfer-Encoding: chunked"]])
  func `a body beyond the limit is error 4, with length and chunked`(headers: [String]) async throws {
    try await Peer.run { peer async throws in
      let body = Data([1, 4, 1]) + Data(count: 64 * 1024)
      #expect(try await peer.curl(Self.named + ["-H", "Expect:"] + headers, body).errorCode == .badSize)
      #expect(try await peer.curl(Self.named, Data([1, 7, 1])).errorCode == .deviceNotFound)
    }
  }

  @Test func `a client that sends all of a large body before it reads gets the answer`() async throws {
    let length = 8 << 20
    let fields = ["Content-Type: x3dh/octet-stream", "From: \(alice)", "Content-Length: \(length)", "", ""]
    let head = (["POST / HTTP/1.1"] + fields).joined(separator: "\r\n")
    try await Peer.run { peer async throws in
      let answer = try await peer.send(raw: Data(head.utf8) + Data(count: length), hangUp: false)
      let body = try #require(answer.range(of: Data("\r\n\r\n".utf8))).upperBound
      let reply = Reply(status: 200, contentType: "x3dh/octet-stream", body: Data(answer[body...]))
      #expect(try reply.errorCode == .badSize)
    }
  }

  @Test(arguments: [
    Data(), Data([0]), Data("\r\n\r\n".utf8), Data("GET".utf8), Data("GET / HTTP/9.9\r\n\r\n".utf8),
    Data("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n".utf8),
    Data("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n".utf8),
    Data("POST / HTTP/1.1\r\nContent-Length: 9223372036854775807\r\n\r\nx".utf8),
    Data("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\nx".utf8),
    Data("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx".utf8),
    Data("POST / HTTP/1.1\r\nContent-Type: x3dh/octet-stream\r\nFrom: a\r\nContent-Length: 3\r\n\r\n\u{1}".utf8),
    Data("POST http://[ HTTP/1.1\r\n\r\n".utf8), Data("POST /%zz?% HTTP/1.1\r\nAuthorization: Digest ,\r\n\r\n".utf8),
    Data("GET /../../etc/passwd HTTP/1.1\r\n\r\n".utf8), Data(repeating: 0x41, count: 200_000),
    Data((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 37) }),
  ])
  func `no HTTP a client can send stops the server`(bytes: Data) async throws {
    try await Peer.run { peer async throws in
      for hangUp in [true, false] { try await peer.send(raw: bytes, hangUp: hangUp) }
      #expect(try await peer.curl(Self.named, Data([1, 7, 1])).errorCode == .deviceNotFound)
    }
  }

  private func authenticated(_ algorithms: [DigestAlgorithm]) -> KeyServerConfiguration {
    let users: [String: DigestSecret] = ["alice": .password("pass phrase")]
    return KeyServerConfiguration(
      authentication: KeyServerConfiguration.Authentication(realm: "sip.example.org", algorithms: algorithms) {
        users[$0]
      })
  }

  @Test(arguments: [[DigestAlgorithm.md5], [.sha256], [.md5, .sha256]])
  func `curl is let in with the right password only`(algorithms: [DigestAlgorithm]) async throws {
    try await Peer.run(authenticated(algorithms)) { peer async throws in
      let body = try Keys.registration().serialized
      #expect(try await peer.curl(Self.named, body).status == 401)
      #expect(try await peer.curl(Self.named + ["--basic", "-u", "alice:pass phrase"], body).status == 401)
      #expect(try await peer.curl(Self.named + ["--digest", "-u", "alice:wrong"], body).status == 401)
      #expect(try await peer.curl(Self.named + ["--digest", "-u", "mallory:pass phrase"], body).status == 401)
      let reply = try await peer.curl(Self.named + ["--digest", "-u", "alice:pass phrase"], body)
      #expect(reply.body == Data([1, 9, 1]))
    }
  }

  @Test func `an authenticated user speaks for own devices only`() async throws {
    try await Peer.run(authenticated([.sha256])) { peer async throws in
      let login = Self.typed + ["--digest", "-u", "alice:pass phrase"]
      let strangers = [
        bob, "sip:alice@other.example.org;gr=a", "sip:alice@sip.example.org", "sip:alice@sip.example.org;gr=", "alice",
        "sip:alice@sip.example.org.evil.example;gr=a", "sips:alice@sip.example.org;gr=a",
      ]
      for device in strangers {
        let reply = try await peer.curl(login + ["-H", "From: \(device)"], Data([1, 7, 1]))
        #expect(try reply.errorCode == .badRequest, "\(device)")
      }
      let reply = try await peer.curl(login + ["-H", "From: \(alice)"], Data([1, 7, 1]))
      #expect(try reply.errorCode == .deviceNotFound)
    }
  }

  @Test func `a user who makes devices up uses nobody's one-time keys up`() async throws {
    let users: [String: DigestSecret] = ["alice": .password("a"), "bob": .password("b"), "mallory": .password("m")]
    let configuration = KeyServerConfiguration(authentication: .init(realm: "sip.example.org", users: users))
    try await Peer.run(configuration) { peer async throws in
      func ask(_ user: String, _ device: String, _ content: KeyServerRequest) async throws -> KeyServerAnswer {
        let login = Self.typed + ["--digest", "-u", "\(user):\(user.prefix(1))", "-H", "From: \(device)"]
        return try await peer.curl(login, content.serialized).answer
      }
      func gotKey(_ user: String, _ device: String) async throws -> Bool {
        let question = KeyServerRequest(curve: .c25519, content: .getBundles([DeviceID(bob)]))
        let answer = try await ask(user, device, question)
        return try answer.bundles(for: [DeviceID(bob)], curve: .c25519).first?.keys?.oneTimeKey != nil
      }
      _ = try await ask("bob", bob, try Keys.registration(oneTimeKeys: 40))
      for number in 0..<30 {
        #expect(try await !gotKey("mallory", "sip:mallory@sip.example.org;gr=made-up-\(number)"))
      }
      var taken = 0
      for number in 0..<30 {
        let device = "sip:mallory@sip.example.org;gr=registered-\(number)"
        _ = try await ask("mallory", device, try Keys.registration(oneTimeKeys: 0))
        if try await gotKey("mallory", device) { taken += 1 }
      }
      #expect(taken == 20)
      _ = try await ask("alice", alice, try Keys.registration(oneTimeKeys: 0))
      #expect(try await gotKey("alice", alice))
    }
  }

  @Test func `a percent-encoded user part belongs to the decoded user`() {
    #expect(KeyServerService.device("sip:a%20b@x.example;gr=1", belongsTo: "a b", realm: "X.example"))
    #expect(!KeyServerService.device("sip:a%20b@x.example;gr=1", belongsTo: "a%20b", realm: "x.example"))
    #expect(KeyServerService.device("sip:a@x.example;conf=1;gr=urn:uuid:2", belongsTo: "a", realm: "x.example"))
    #expect(!KeyServerService.device("sip:a@b@x.example;gr=1", belongsTo: "a", realm: "x.example"))
  }

  @Test func `the server listens on IPv6, stops, and starts again`() async throws {
    let server = try KeyServer(configuration: KeyServerConfiguration(address: "::1"))
    for _ in 0..<2 {
      let peer = Peer(port: try await server.start(), host: "[::1]")
      #expect(try await peer.curl(Self.named, Data([1, 7, 1])).errorCode == .deviceNotFound)
      await #expect(throws: KeyServerError.alreadyStarted) { try await server.start() }
      await server.stop()
      await #expect(throws: TestFailure.self) { try await peer.curl(Self.named, Data([1, 7, 1])) }
    }
    await server.stop()
  }

  @Test func `a port that is taken, a bad port and a bad address are named`() async throws {
    try await Peer.run { peer async throws in
      let second = try KeyServer(configuration: KeyServerConfiguration(port: peer.port))
      let error = await #expect(throws: KeyServerError.self) { try await second.start() }
      guard case .cannotListen("127.0.0.1", peer.port, _) = error else {
        Issue.record("unexpected error \(String(describing: error))")
        return
      }
    }
    #expect(throws: KeyServerError.badPort(65536)) {
      try KeyServer(configuration: KeyServerConfiguration(port: 65536))
    }
    let nowhere = try KeyServer(configuration: KeyServerConfiguration(address: "example"))
    await #expect(throws: KeyServerError.badAddress("example")) { try await nowhere.start() }
  }
}
