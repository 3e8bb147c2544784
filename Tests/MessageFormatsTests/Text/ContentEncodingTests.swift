// ContentEncodingTests.swift: character sets, transfer encodings, headers that a message requires (RFC 2045, RFC 3862)
import Foundation
import Testing

@testable import MessageFormats

@Suite("Content encodings")
struct ContentEncodingTests {
  private func message(_ contentHeaders: String, _ body: Data, headers: String = "") throws -> CPIMMessage {
    let head = "From: <sip:a@h;gr=1>\r\nTo: <sip:r@h>\r\n\(headers)\r\n\(contentHeaders)\r\n"
    return try CPIMMessage(parsing: Data(head.utf8) + body)
  }

  @Test(
    "a character set that iconv knows is decoded",
    arguments: [
      ("windows-1252", [0x93, 0x68, 0x69, 0x94, 0x20, 0x80], "\u{201C}hi\u{201D} €"), ("WINDOWS-1252", [0x80], "€"),
      ("iso-8859-1", [0xE9, 0x41], "éA"), ("iso-8859-15", [0xA4], "€"), ("koi8-r", [0xF0, 0xD2], "Пр"),
      ("utf-16", [0xFF, 0xFE, 0x41, 0x00, 0xE9, 0x00], "Aé"), ("utf-16be", [0x00, 0x41], "A"),
      ("shift_jis", [0x93, 0xFA, 0x96, 0x7B], "日本"), ("gb18030", [0xC4, 0xE3], "你"),
      ("iso-2022-jp", [0x1B, 0x24, 0x42, 0x46, 0x7C, 0x1B, 0x28, 0x42], "日"), ("utf8", [0xC3, 0xA9], "é"),
      ("us-ascii", [0xC3, 0xA9], "é"), ("\"UTF-8\"", [0xC3, 0xA9], "é"),
      // Faulty and cut bytes.
      ("utf-8", [0x41, 0xFF], "A\u{FFFD}"), ("shift_jis", [0x41, 0x93], "A\u{FFFD}"),
      ("windows-1252", [0x41, 0x81, 0x42], "A\u{FFFD}B"), ("utf-16be", [0x00, 0x41, 0xD8], "A\u{FFFD}"),
    ] as [(String, [UInt8], String)])
  func charset(name: String, bytes: [UInt8], expected: String) throws {
    #expect(try message("Content-Type: text/plain;charset=\(name)\r\n", Data(bytes)).text == expected)
  }

  @Test(
    "one that nobody knows is named, unless the text is UTF-8 anyway",
    arguments: ["klingon", "../../etc/passwd", "UTF-8//TRANSLIT", "utf-8,", String(repeating: "x", count: 3000)])
  func unknownCharset(name: String) throws {
    let type = "Content-Type: text/plain;charset=\"\(name)\"\r\n"
    #expect(try message(type, Data([0xE9, 0xE8])).text == "[text/plain; charset=\(name), 2 bytes]")
    #expect(try message(type, Data("été".utf8)).text == "été")
  }

  @Test("a text of all bytes in any character set neither stops nor grows without end")
  func anyBytes() throws {
    let bytes = Data((0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) })
    for name in [
      "windows-1252", "utf-16", "utf-7", "iso-2022-jp", "iso-2022-cn-ext", "euc-kr", "big5-hkscs", "ibm1364",
    ] {
      let text = try message("Content-Type: text/plain;charset=\(name)\r\n", bytes).text
      #expect(text.utf8.count < 8 * bytes.count, "\(name)")
    }
  }

  @Test(
    "transfer encodings are undone",
    arguments: [
      ("quoted-printable", "caf=C3=A9 =3D =\r\nok", "café = ok"), ("Quoted-Printable", "a=0Ab=", "a\nb"),
      ("quoted-printable", "a \t\r\nb=20\r\n= \r\nc =x =4", "a\r\nb \r\nc =x =4"),
      ("base64", "Y2Fm\r\nw6k=\r\n", "café"),
      ("7bit", "a=41", "a=41"), ("8bit", "é", "é"), ("binary", "é", "é"), ("BASE64 ", "YQ==", "a"),
    ])
  func transferEncoding(name: String, body: String, expected: String) throws {
    let headers = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: \(name)\r\n"
    let message = try message(headers, Data(body.utf8))
    #expect(message.text == expected)
    // What was undone is not written as if it were still there.
    #expect(try CPIMMessage(parsing: message.serialized) == message)
    let part = MIMEPart(
      headers: [.init("Content-Type", "text/plain"), .init("Content-Transfer-Encoding", name)], body: Data(body.utf8))
    #expect(part.text == expected)
  }

  @Test("an unknown one is named", arguments: ["x-uuencode", "x"])
  func unknownTransferEncoding(name: String) throws {
    let message = try message("Content-Type: text/plain\r\nContent-Transfer-Encoding: \(name)\r\n", Data("begin".utf8))
    #expect(message.text == "[text/plain, \(name), 5 bytes]")
    #expect(try CPIMMessage(parsing: message.serialized) == message)
  }

  @Test("notifications in an encoded part are read")
  func encodedNotification() throws {
    let imdn = IMDNMessage(messageID: "abc", dateTime: nil, kind: .displayed)
    let part = MIMEPart(
      headers: [.init("Content-Type", "message/imdn+xml"), .init("Content-Transfer-Encoding", "base64")],
      body: imdn.serialized.base64EncodedData())
    let body = MultipartBody([part]).serialized(boundary: "b")
    #expect(try IMDNMessage.all(inContentType: "multipart/mixed;boundary=b", body: body).map(\.messageID) == ["abc"])
  }

  @Test(
    "what a notification is does not depend on whether it can be read",
    arguments: [
      ("message/imdn+xml", "", true), ("Message/IMDN+xml;charset=x", "junk", true), ("text/plain", "x", false),
      ("multipart/mixed;boundary=b", "--b\r\nContent-Type: message/imdn+xml\r\n\r\n?\r\n--b--\r\n", true),
      (
        "multipart/mixed;boundary=b",
        "--b\r\nContent-Type: message/imdn+xml\r\n\r\n?\r\n--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--\r\n", false
      ),
      ("multipart/mixed;boundary=b", "--b--\r\n", false),
    ])
  func notification(type: String, body: String, expected: Bool) throws {
    #expect(try message("Content-Type: \(type)\r\n", Data(body.utf8)).isNotification == expected)
  }

  @Test(
    "required headers that are not understood are told, by namespace and not by prefix",
    arguments: [
      ("", []), ("Require: imdn.Message-ID\r\n", []), ("Require: Subject, from , imdn.Forward-Info\r\n", []),
      ("Require: X-Other\r\n", ["X-Other"]), ("Require: imdn.IMDN-Route\r\n", ["imdn.IMDN-Route"]),
      ("NS: v <urn:vital>\r\nRequire: v.Option, linphone.Replaces\r\n", ["<urn:vital>.Option"]),
      ("NS: imdn <urn:not-imdn>\r\nRequire: imdn.Message-ID\r\n", ["<urn:not-imdn>.Message-ID"]),
      ("NS: i <urn:ietf:params:imdn>\r\nRequire: i.Message-ID\r\n", []),
      ("Require: A\r\nrequire: B,,\r\n", ["A", "B"]), ("Require:\r\n", []),
    ])
  func required(headers: String, expected: [String]) throws {
    let message = try message("Content-Type: text/plain\r\n", Data("x".utf8), headers: headers)
    #expect(message.notUnderstood.map(\.description) == expected)
    let again = try CPIMMessage(parsing: message.serialized)
    #expect(again == message)
    #expect(again.notUnderstood == message.notUnderstood)
  }
}
