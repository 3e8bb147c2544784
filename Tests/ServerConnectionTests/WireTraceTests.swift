// WireTraceTests.swift: credentials are taken out of a trace however they are written (RFC 3261 §7.3.1)
import Foundation
import TestSupport
import Testing

@testable import ServerConnection

@Suite struct WireTraces {
  private static func written(_ message: Data) throws -> String {
    let folder = try TemporaryFolder()
    let path = folder.file("trace").path
    try WireTrace(path: path).note(.sent, "TCP 192.0.2.1:5060", message)
    return try String(contentsOfFile: path, encoding: .utf8)
  }

  @Test func credentialsAreRemovedInEverySpelling() throws {
    let text = try Self.written(
      Data(
        [
          "REGISTER sip:example.org SIP/2.0", "Authorization: Digest username=\"a\", response=\"secret1\"",
          "PROXY-AUTHORIZATION : Digest x=\"secret2\"", " , response=\"secret3\"", "\tcnonce=\"secret4\"",
          "Subject: one", " two", "authorization:secret5", "Authentication-Info: rspauth=\"secret6\"",
          "Content-Length: 28", "", "Authorization: in the body",
        ].joined(separator: "\r\n").utf8))
    #expect(!text.contains("secret"), "\(text)")
    #expect(text.components(separatedBy: "(removed)").count == 5)
    for line in ["\nSubject: one two\n", "\nContent-Length: 28\n", "\nAuthorization: in the body\n"] {
      #expect(text.contains(line))
    }
  }

  @Test func controlCharactersAreMadeVisible() throws {
    let text = try Self.written(Data("INVITE x SIP/2.0\r\nSubject: \u{1b}[31m\u{9b}x\u{202e}\r\n\r\n".utf8))
    #expect(text.contains("\nSubject: \\x1b[31m\\x9bx\\x202e\n"))
    #expect(text.contains(/^===== \d{4}-\d\d-\d\dT[0-9:.]+Z -> TCP 192.0.2.1:5060\n/))
  }

  @Test func whatIsNoTextIsCounted() throws {
    let text = try Self.written(Data("MESSAGE x SIP/2.0\r\n\r\n".utf8) + Data([0x78, 0x9c, 0, 1]))
    #expect(text.hasSuffix("\n(4 bytes)\n"))
  }
}
