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

  @Test func whatTheScreenDoesNotShowAsItIsIsMadeVisible() throws {
    let values: [UInt32] =
      [0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, 0x2060, 0xFEFF, 0xFFF9, 0xE0001, 0xE0041, 0xE007F]
      + Array(0x202A...0x202E) + Array(0x2066...0x206F)
    let scalars = values.compactMap(Unicode.Scalar.init)
    let text = String(String.UnicodeScalarView(scalars))
    let trace = try Self.written(Data("MESSAGE x SIP/2.0\r\nSubject: \(text)\r\n\r\n\(text)".utf8))
    #expect(!trace.unicodeScalars.contains { scalars.contains($0) })
    #expect(trace.components(separatedBy: "\\x200b").count == 3 && trace.components(separatedBy: "\\xe0041").count == 3)
    // Letters, and what emoji and some scripts are joined with, stay.
    let kept = "Grüße 日本語 👩\u{200D}💻 می\u{200C}خواهم \t."
    #expect(try Self.written(Data("MESSAGE x SIP/2.0\r\n\r\n\(kept)".utf8)).contains(kept))
  }

  @Test func whatIsNoTextIsCounted() throws {
    let text = try Self.written(Data("MESSAGE x SIP/2.0\r\n\r\n".utf8) + Data([0x78, 0x9c, 0, 1]))
    #expect(text.hasSuffix("\n(4 bytes)\n"))
  }
}
