// SafeFileNameTests.swift: names from the network, and kinds of files
import Foundation
import Testing

@testable import FileTransfer

@Suite struct SafeFileNameTests {
  @Test(arguments: [
    ("report.pdf", "report.pdf"), ("日本語 ノート.txt", "日本語 ノート.txt"), ("👨‍👩‍👧.png", "👨‍👩‍👧.png"),
    ("/etc/passwd", "passwd"), ("../../.ssh/authorized_keys", "authorized_keys"), ("..\\..\\evil.exe", "evil.exe"),
    ("a/", "a"), ("..", "file"), (".", "file"), ("", "file"), ("/", "file"), ("...", "file"), (" . ", "file"),
    (".bashrc", "bashrc"), ("..bashrc", "bashrc"), (" .x", "x"), ("-rf", "_rf"), ("~root", "_root"),
    ("a\u{0}b", "ab"), ("a\nb\r\tc", "abc"), ("\u{1B}[31mred", "[31mred"), ("photo\u{202E}gnp.exe", "photognp.exe"),
    ("\u{FEFF}bom\u{200B}.txt", "bom.txt"), ("name. ", "name"), ("name...", "name"), ("a:b*c?.txt", "a_b_c_.txt"),
    ("con", "_con"), ("NUL.txt", "_NUL.txt"), ("com1.tar.gz", "_com1.tar.gz"), ("console.log", "console.log"),
    ("e\u{301}.txt", "\u{E9}.txt"), ("a\u{2028}b", "ab"),
  ])
  func `nothing of a name leads out of the folder, hides, or deceives`(name: String, safe: String) {
    #expect(SafeFileName.make(from: name) == safe)
    #expect(SafeFileName.make(from: safe) == safe)
  }

  @Test func `a missing name becomes one`() { #expect(SafeFileName.make(from: nil) == "file") }

  @Test(arguments: [
    String(repeating: "x", count: 5000) + ".tar", String(repeating: "語", count: 300) + ".txt",
    "e" + String(repeating: "\u{300}", count: 5000) + ".png", "a." + String(repeating: "b", count: 500),
  ])
  func `long names are shortened and keep a short ending`(name: String) throws {
    let safe = SafeFileName.make(from: name)
    #expect((1...SafeFileName.maximumLength).contains(safe.utf8.count))
    let ending = try #require(name.split(separator: ".").last)
    #expect(ending.count > 20 || safe.hasSuffix(".\(ending)"))
    #expect(SafeFileName.numbered(safe, 9999).utf8.count < 255)
  }

  @Test func `doubles are numbered before the ending`() {
    #expect(SafeFileName.numbered("a.txt", 0) == "a.txt")
    #expect(SafeFileName.numbered("a.txt", 1) == "a (1).txt")
    #expect(SafeFileName.numbered("a", 2) == "a (2)")
  }

  @Test(arguments: [
    ("a.PDF", "", "application/pdf"), ("a.txt", "%PDF-1.7", "text/plain"), ("scan", "%PDF-1.7", "application/pdf"),
    ("x.unknown", "PK\u{3}\u{4}", "application/zip"), ("x", "", "application/octet-stream"),
    ("clip", "\0\0\0\u{18}ftypmp42", "video/mp4"),
  ])
  func `the ending tells the type, or else the first bytes`(name: String, head: String, type: String) {
    #expect(MediaType.of(name: name, head: Data(head.utf8)) == type)
  }
}
