// TraceRedactionTests.swift: credentials are taken out of a trace however they are written (RFC 3261 §7.3.1)
import Foundation
import Testing

@testable import SIPAgent

@Suite struct TraceRedactions {
  private static func redacted(_ lines: [String]) -> String {
    var redaction = TraceRedaction()
    return lines.map { String(decoding: redaction.line(Array($0.utf8)), as: UTF8.self) }.joined()
  }

  @Test func credentialsAreRemovedInEverySpelling() {
    let text = Self.redacted([
      "send 500 bytes to tcp/[192.0.2.1]:5060 at 09:14:02.123456:", "   -----", "   REGISTER sip:example.org SIP/2.0",
      "   Authorization: Digest username=\"a\", response=\"secret1\"", "   PROXY-AUTHORIZATION : Digest x=\"secret2\"",
      "    , response=\"secret3\"", "   \tcnonce=\"secret4\"", "   Subject: one", "    two", "   authorization:secret5",
      "   Content-Length: 0", "   ", "   Authorization: in the body", "   -----",
      "recv 90 bytes from tcp/[192.0.2.1]:5060 at 09:14:02.2:", "   -----", "   SIP/2.0 200 OK",
      "   Authentication-Info: rspauth=\"secret6\"", "   -----",
    ])
    #expect(!text.contains("secret"), "\(text)")
    #expect(text.components(separatedBy: "(credentials removed)").count == 5)
    for line in ["   Subject: one\n    two\n", "   Content-Length: 0\n", "   Authorization: in the body\n"] {
      #expect(text.contains(line))
    }
  }

  @Test func controlCharactersAreMadeVisible() {
    let text = Self.redacted(["recv 1 bytes from udp/x at 1:", "   Subject: \u{1b}[31m\u{9b}x\u{202e}\r", "   \u{0}"])
    #expect(text.contains("   Subject: \\x1b[31m\\x9bx\\x202e\n   \\x00\n"))
  }
}
