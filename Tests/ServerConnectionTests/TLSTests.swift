// TLSTests.swift: certificates, names and versions, against OpenSSL's own server
import Foundation
import TestSupport
import Testing

@testable import ServerConnection

@Suite(.timeLimit(.minutes(3)))
struct TLSTests {
  @Test(arguments: [
    ("DNS:sip.example.org", "sip.example.org"), ("DNS:a.example,DNS:SIP.example.org", "sip.example.ORG"),
    ("DNS:*.example.org", "sip.example.org"), ("URI:sip:example.org,DNS:other.example", "example.org"),
    ("IP:127.0.0.1", "127.0.0.1"), ("IP:::1", "[::1]"),
  ])
  func aCertificateForTheHostIsAccepted(names: String, host: String) async throws {
    let authority = try await TestAuthority()
    let server = try await TLSServer(try await authority.issue(names))
    let stream = try server.connect(as: host, caFile: authority.certificate)
    #expect(stream.tlsVersion == "TLSv1.3")
    try stream.send(Data("emordnilap\n".utf8), within: 60)
    #expect(try stream.receive { $0.last == 10 } == Data("palindrome\n".utf8))
  }

  @Test(arguments: [
    ("DNS:sip.example.org", "example.org"), ("DNS:*.example.org", "example.org"),
    ("DNS:*.example.org", "a.sip.example.org"), ("DNS:s*.example.org", "sip.example.org"),
    ("URI:sip:alice@example.org", "example.org"), ("URI:https:example.org", "example.org"),
    ("DNS:127.0.0.1", "127.0.0.1"), ("DNS:other.example", "test server"),
  ])
  func aCertificateForAnotherHostIsRefused(names: String, host: String) async throws {
    let authority = try await TestAuthority()
    let server = try await TLSServer(try await authority.issue(names))
    let known = names.split(separator: ",").map { String($0.drop { $0 != ":" }.dropFirst()) }
    #expect(throws: ConnectionFailure.tls(.wrongName(expected: host, names: known))) {
      try server.connect(as: host, caFile: authority.certificate)
    }
  }

  @Test func theCommonNameCountsWithoutOtherNames() async throws {
    let authority = try await TestAuthority()
    let server = try await TLSServer(try await authority.issue(nil, commonName: "sip.example.org"))
    _ = try server.connect(as: "sip.example.org", caFile: authority.certificate)
  }

  @Test func theCauseOfARefusalIsTold() async throws {
    let (authority, stranger) = try await (TestAuthority(name: "first"), TestAuthority(name: "second"))
    let good = try await authority.issue("DNS:sip.example.org")
    let expired = try await TLSServer(try await authority.issue("DNS:sip.example.org", days: -1))
    #expect {
      try expired.connect(as: "sip.example.org", caFile: authority.certificate)
    } throws: { error in
      if case ConnectionFailure.tls(.expired(let since)) = error { since.hasPrefix("20") } else { false }
    }
    let server = try await TLSServer(good)
    #expect(throws: ConnectionFailure.tls(.unknownIssuer("first"))) {
      try server.connect(as: "sip.example.org", caFile: stranger.certificate)
    }
    #expect(throws: ConnectionFailure.tls(.unknownIssuer("first"))) {
      try server.connect(as: "sip.example.org", caFile: nil)
    }
    #expect(throws: ConnectionFailure.tls(.caFile(path: "/nonexistent", reason: "there is no file that can be read"))) {
      try server.connect(as: "sip.example.org", caFile: URL(fileURLWithPath: "/nonexistent"))
    }
    let reason = "it holds no certificate in PEM form"
    #expect(throws: ConnectionFailure.tls(.caFile(path: good.key.path, reason: reason))) {
      try server.connect(as: "sip.example.org", caFile: good.key)
    }
    // None of these connections harmed the server.
    _ = try server.connect(as: "sip.example.org", caFile: authority.certificate)
  }

  @Test func aSelfSignedCertificateIsRefusedUnlessItIsTheCAFile() async throws {
    let authority = try await TestAuthority(name: "sip.example.org")
    let folder = authority.certificate.deletingLastPathComponent()
    let server = try await TLSServer(
      .init(certificate: authority.certificate, key: folder.appendingPathComponent("ca.key")))
    #expect(throws: ConnectionFailure.tls(.selfSigned)) { try server.connect(as: "sip.example.org", caFile: URL?.none) }
    _ = try server.connect(as: "sip.example.org", caFile: authority.certificate)
  }

  @Test func protocolsBefore12AreRefused() async throws {
    let authority = try await TestAuthority()
    let identity = try await authority.issue("DNS:sip.example.org")
    for version in ["-tls1", "-tls1_1"] {
      let server = try await TLSServer(identity, [version, "-cipher", "ALL:@SECLEVEL=0", "-rev"])
      #expect(throws: ConnectionFailure.tls(.protocolTooOld)) {
        try server.connect(as: "sip.example.org", caFile: authority.certificate)
      }
    }
    let server = try await TLSServer(identity, ["-tls1_2", "-rev"])
    #expect(try server.connect(as: "sip.example.org", caFile: authority.certificate).tlsVersion == "TLSv1.2")
  }

  @Test func theServersNameIsSent() async throws {
    let authority = try await TestAuthority()
    let (first, second) = try await (authority.issue("DNS:first.example"), authority.issue("DNS:second.example"))
    let server = try await TLSServer(
      first,
      ["-servername", "second.example", "-cert2", second.certificate.path, "-key2", second.key.path, "-rev"])
    // Each gets its own certificate; without SNI the second would get the first one's.
    for name in ["first.example", "second.example"] { _ = try server.connect(as: name, caFile: authority.certificate) }
  }

  @Test func aServerThatWantsACertificateIsNamedAsSuch() async throws {
    let authority = try await TestAuthority()
    let server = try await TLSServer(
      try await authority.issue("DNS:sip.example.org"), ["-Verify", "1", "-verify_return_error", "-rev"])
    #expect(throws: ConnectionFailure.tls(.clientCertificateWanted)) {
      // With TLS 1.3 the refusal comes after the handshake.
      let stream = try server.connect(as: "sip.example.org", caFile: authority.certificate)
      while try stream.receive(within: 60)?.isEmpty == false {}
    }
  }

  @Test func whatIsNotTLSIsToldApart() throws {
    let silent = try LoopbackSocket.listening()
    let address = try SocketAddress.all(of: "127.0.0.1", port: silent.port)[0]
    #expect(throws: ConnectionFailure.tls(.noAnswer)) {
      try ServerStream(
        to: address, tls: TLSSettings(), host: "127.0.0.1", timeouts: .init(connect: 0.3))
    }
    let refusing = try LoopbackSocket.refusing()
    #expect(throws: ConnectionFailure.refused(reason: "Connection refused")) {
      try ServerStream.connect(host: "127.0.0.1", port: refusing.port, tls: TLSSettings())
    }
    #expect {
      try ServerStream.connect(host: "nowhere.invalid", port: 5061, tls: TLSSettings())
    } throws: { error in
      if case ConnectionFailure.unresolvable(host: "nowhere.invalid", _) = error { true } else { false }
    }
  }

  /// What an FTP, SMTP or SSH server does: it speaks first.
  @Test(arguments: ["220 mail.example.org\r\n", "SIP/2.0 400 Bad Request\r\n\r\n", ""])
  func plainTextIsRecognized(greeting: String) throws {
    let listener = try LoopbackSocket.listening()
    Thread.detachNewThread {
      let socket = accept(listener.descriptor, nil, nil)
      _ = Array(greeting.utf8).withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      var buffer = [UInt8](repeating: 0, count: 4096)
      // Closing with bytes unread would reset the connection and might destroy the greeting.
      if greeting.isEmpty {
        _ = recv(socket, &buffer, buffer.count, 0)
      } else {
        while recv(socket, &buffer, buffer.count, 0) > 0 {}
      }
      close(socket)
    }
    #expect(throws: ConnectionFailure.tls(greeting.isEmpty ? .closed : .plainText)) {
      try ServerStream.connect(host: "127.0.0.1", port: listener.port, tls: TLSSettings())
    }
  }

  @Test func megabytesArriveWhole() async throws {
    let authority = try await TestAuthority()
    let folder = authority.certificate.deletingLastPathComponent()
    let file = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7) })
    try file.write(to: folder.appendingPathComponent("file.bin"))
    let server = try await TLSServer(try await authority.issue("DNS:sip.example.org"), ["-WWW"])
    let stream = try server.connect(as: "sip.example.org", caFile: authority.certificate)
    try stream.send(Data("GET /file.bin HTTP/1.0\r\n\r\n".utf8), within: 60)
    let answer = try stream.receive { _ in false }
    #expect(answer.suffix(file.count) == file)
  }
}
