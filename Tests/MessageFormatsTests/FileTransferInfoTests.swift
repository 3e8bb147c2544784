// FileTransferInfoTests.swift: file transfer documents of RCC.07 and the recorded traffic
import Foundation
import MessageFormats
import Testing

@Suite("File transfer")
struct FileTransferInfoTests {
  @Test("a recorded message and the file server's answer name the same file")
  func recorded() throws {
    let cpim = try CPIMMessage(parsing: Corpus.data("cpim-file.cpim"))
    #expect(cpim.contentType == .fileTransfer)
    let info = try FileTransferInfo(parsing: cpim.body)
    #expect(info.file.name == "note.bin")
    #expect(info.file.size == 2000)
    #expect(info.file.contentType == "application/octet-stream")
    #expect(info.file.url == "http://127.0.0.1:8089/files/6b0130267d5a6_05379bc591b9257adb0d.bin")
    #expect(info.file.until == RFC3339.date(from: "2026-11-28T05:46:14Z"))
    #expect(info.file.key == nil && info.thumbnail == nil)
    #expect(try FileTransferInfo(parsing: Corpus.data("file-upload-answer.xml")) == info)
    // The same elements in the same order: only the line ends differ.
    func lines(_ data: Data) -> [Substring] {
      String(decoding: data, as: UTF8.self).split(whereSeparator: \.isNewline)
    }
    #expect(lines(info.serialized) == lines(cpim.body))
  }

  @Test("keys of an encrypted file, a thumbnail and a voice recording's length survive")
  func encrypted() throws {
    let file = FileTransferInfo.File(
      url: "https://h/get?a=1&b=\"2\"", size: .max, name: "<ü>.bin", contentType: "audio/wav; x=\"y\"",
      until: Date(timeIntervalSince1970: 1e9), key: Data(0..<32), authTag: Data(0..<16), playingLength: 1500)
    let info = FileTransferInfo(file, thumbnail: .init(url: "https://h/t", size: 10))
    #expect(try FileTransferInfo(parsing: info.serialized) == info)
    let text = String(decoding: info.serialized, as: UTF8.self)
    #expect(text.contains("<file-key>\(Data(0..<32).base64EncodedString())</file-key>"))
    #expect(text.contains("<file-authTag>\(Data(0..<16).base64EncodedString())</file-authTag>"))
  }

  @Test(
    "names that Linphone escapes from 5.3 on, and those that 5.1 does not",
    arguments: [
      ("my%20report.pdf", "my report.pdf"), ("%e2%82%ac.txt", "€.txt"), ("100%2525.txt", "100%25.txt"),
      ("100%.txt", "100%.txt"), ("my 100%25.txt", "my 100%25.txt"), ("€%20.txt", "€%20.txt"), ("%ff.txt", "%ff.txt"),
      ("a%00b", "a%00b"), ("%", "%"), ("a%2", "a%2"),
    ])
  func escapedNames(written: String, name: String) throws {
    var info = FileTransferInfo(.init(url: "http://h/f", name: "NAME"))
    let text = String(decoding: info.serialized, as: UTF8.self).replacing("NAME", with: written)
    #expect(try FileTransferInfo(parsing: Data(text.utf8)).file.name == name)
    info.file.name = name
    #expect(try FileTransferInfo(parsing: info.serialized) == info)
    // 5.3 and later undo each escape that they find, and nothing else: to them it is the same name.
    let sent = try #require(
      String(decoding: info.serialized, as: UTF8.self).firstMatch(of: /<file-name>(.*)<\/file-name>/))
    #expect(String(sent.1).removingPercentEncoding ?? String(sent.1) == name)
    #expect(name.contains("%") || sent.1 == name)
  }

  @Test("a bad thumbnail does not hide the file; a bad key is an error")
  func faults() throws {
    func parse(_ inner: String) throws -> FileTransferInfo {
      try FileTransferInfo(parsing: Data("<file xmlns='urn:gsma:params:xml:ns:rcs:rcs:fthttp'>\(inner)</file>".utf8))
    }
    let data = "<data url='http://h/f'/>"
    let size = "<file-size>-5</file-size>"
    let info = try parse("<file-info type='thumbnail'/><file-info type='file'>\(data)\(size)</file-info>")
    #expect(info == FileTransferInfo(.init(url: "http://h/f")))
    let long = Data(count: FileTransferInfo.maximumSecretLength + 1).base64EncodedString()
    for inner in [
      "", "<file-info type='thumbnail'>\(data)</file-info>", "<file-info type='file'/>",
      "<file-info type='file'><data url=''/></file-info>",
      "<file-info type='file'>\(data)<file-key>*</file-key></file-info>",
      "<file-info type='file'>\(data)<file-authTag></file-authTag></file-info>",
      "<file-info type='file'>\(data)<file-key>\(long)</file-key></file-info>",
      String(repeating: "<file-info type='file'>\(data)</file-info>", count: FileTransferInfo.maximumFiles + 1),
    ] {
      #expect(throws: FormatError.self, "\(inner)") { try parse(inner) }
    }
  }
}
