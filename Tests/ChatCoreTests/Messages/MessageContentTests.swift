// MessageContentTests.swift: texts and files in the forms of others, and in ours.
import Foundation
import MessageFormats
import Testing

@testable import ChatCore

@Suite struct MessageContentTests {
  private static let room = SIPURI(user: "room", host: "sip.example.org")

  private static func xml(_ name: String) -> String {
    """
    <?xml version="1.0"?><file xmlns="urn:gsma:params:xml:ns:rcs:rcs:fthttp"><file-info type="file">\
    <file-size>5</file-size><file-name>\(name)</file-name><content-type>IMAGE/png; x=y</content-type>\
    <data url="http://files.example.org/1" until="2020-01-01T00:00:00Z"/></file-info></file>
    """
  }

  private static func content(_ type: String, _ body: String) throws -> MessageContent {
    let type = try #require(ContentType(type))
    return MessageContent(CPIMMessage(from: room, to: room, dateTime: Date(), contentType: type, body: Data(body.utf8)))
  }

  @Test func `a file has a safe name and what the sender says`() throws {
    let content = try Self.content("application/vnd.gsma.rcs-ft-http+xml", Self.xml("../.ssh/&#x202E;key"))
    let file = try #require(content.files.first)
    #expect(content.text.isEmpty && content.files.count == 1)
    #expect(file.name == "key" && file.size == 5 && file.contentType == "image/png")
    #expect(file.isExpired && !file.isEncrypted && file.isOffered && file.state == .offered)
  }

  @Test func `a NUL ends no text`() throws {
    #expect(try Self.content("text/plain", "before\0after").text == "before\u{FFFD}after")
    let parts = "--B\r\nContent-Type: text/plain\r\n\r\na\0b\r\n--B--\r\n"
    #expect(try Self.content("multipart/mixed;boundary=B", parts).text == "a\u{FFFD}b")
    var edit = CPIMMessage(from: Self.room, to: Self.room, dateTime: Date(), body: Data("new\0text".utf8))
    edit.replaces = "id"
    let change = MessageChange(edit, room: "r", sender: "s", now: Date())
    #expect(change?.text == "new\u{FFFD}text")
  }

  @Test func `several parts are a text and files; what is unknown is named`() throws {
    let parts = [
      "Content-Type: text/plain\r\n\r\nfirst",
      "Content-Type: application/vnd.gsma.rcs-ft-http+xml\r\n\r\n" + Self.xml("a"),
      "Content-Type: x/y\r\n\r\n123", "Content-Type: text/plain\r\n\r\nlast",
    ]
    let body = parts.map { "--B\r\n\($0)\r\n" }.joined() + "--B--\r\n"
    let content = try Self.content("multipart/mixed;boundary=B", body)
    #expect(content.text == "first\n[x/y, 3 bytes]\nlast")
    #expect(content.files.map(\.name) == ["a"])
    // One that is cut off is named as a whole.
    let cut = try Self.content("multipart/mixed;boundary=B", String(body.dropLast(9)))
    #expect(cut.files.isEmpty && cut.text.hasPrefix("[multipart/mixed, "))
  }

  @Test func `no more files are taken than can be shown`() throws {
    let part = "--B\r\nContent-Type: application/vnd.gsma.rcs-ft-http+xml\r\n\r\n\(Self.xml("a"))\r\n"
    let body = String(repeating: part, count: 100) + "--B--\r\n"
    #expect(try Self.content("multipart/mixed;boundary=B", body).files.count == MessageContent.maximumFiles)
  }

  @Test(arguments: ["", "look\r\n-----------------------------14737809831466499882746641449--"], [1, 3])
  func `what is written is read back`(text: String, count: Int) throws {
    let offer = FileTransferInfo.File(url: "https://files.example.org/a?b=c&d", size: 7, name: "<a> & b.txt")
    var file = MessageFile(offer)
    file.key = Data(repeating: 1, count: 32)
    file.tag = Data(repeating: 2, count: 16)
    file.name = "_a_ & b.txt"
    let content = MessageContent(text: text, files: Array(repeating: file, count: count))
    var cpim = CPIMMessage(from: Self.room, to: Self.room, dateTime: Date(), body: Data())
    content.write(to: &cpim)
    let read = MessageContent(try CPIMMessage(parsing: cpim.serialized))
    #expect(read.text == text)
    #expect(read.files == content.files)
  }

  @Test func `no key stands in a description`() {
    var file = MessageFile(FileTransferInfo.File(url: "https://files.example.org/a", name: "a"))
    file.key = Data(repeating: 0x41, count: 32)
    let texts = ["\(file)", String(reflecting: file), "\(file.jsonFields)"]
    #expect(texts.allSatisfy { !$0.contains("AAAA") && !$0.contains("QUFB") && !$0.contains("32 bytes") })
    var dumped = ""
    dump(file, to: &dumped)
    #expect(!dumped.contains("65"))
  }
}
