// CopyTests.swift: encrypted copies, and what a download becomes
import Foundation
import TestSupport
import Testing

@testable import FileTransfer

@Suite struct CopyTests {
  private let folder: TemporaryFolder
  private let content = Data((0..<700_001).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })

  init() throws {
    folder = try TemporaryFolder()
    try content.write(to: folder.file("plan.bin"))
    try FileManager.default.createDirectory(at: folder.file("inbox"), withIntermediateDirectories: true)
  }

  private func path(_ name: String) -> String { folder.file(name).path }
  private var inbox: [String] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: path("inbox")).sorted() }
  }

  private func encrypted() async throws -> OutgoingFile {
    try await OutgoingFile.prepare(path("plan.bin"), copy: path("copy"), encrypted: true)
  }

  private func incoming(_ file: OutgoingFile, key: FileKey? = nil, tag: Data? = nil) -> IncomingFile {
    IncomingFile(name: file.name, key: key ?? file.key, tag: tag ?? file.tag, size: file.size)
  }

  @Test func `a copy is as long as its file, private, different, and comes back under its name`() async throws {
    let file = try await encrypted()
    let copy = try Data(contentsOf: folder.file("copy"))
    #expect(copy.count == content.count)
    #expect(copy.prefix(64) != content.prefix(64))
    #expect(try FileManager.default.attributesOfItem(atPath: path("copy"))[.posixPermissions] as? Int == 0o600)
    let saved = try await incoming(file).finish(part: path("copy"), in: path("inbox"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: saved)) == content)
    #expect(try FileManager.default.attributesOfItem(atPath: saved)[.posixPermissions] as? Int == 0o600)
    let second = try await incoming(file).finish(part: path("copy"), in: path("inbox"))
    #expect(second.hasSuffix("plan (1).bin"))
    #expect(try inbox == ["plan (1).bin", "plan.bin"])
  }

  @Test func `every copy has a key of its own`() async throws {
    let first = try await encrypted()
    let second = try await OutgoingFile.prepare(path("plan.bin"), copy: path("copy2"), encrypted: true)
    #expect(first.key?.data != second.key?.data)
    #expect(try Data(contentsOf: folder.file("copy")) != Data(contentsOf: folder.file("copy2")))
  }

  @Test func `a changed byte, another key or another tag leaves nothing`() async throws {
    let file = try await encrypted()
    let key = try #require(file.key)
    let tag = try #require(file.tag)
    func flipped(_ data: Data, _ index: Int) -> Data {
      var data = data
      data[index] ^= 1
      return data
    }
    try flipped(Data(contentsOf: folder.file("copy")), 300_000).write(to: folder.file("changed"))
    let error = FileTransferError.notAuthentic(name: "plan.bin")
    for (part, file) in [
      ("changed", incoming(file)), ("copy", incoming(file, key: FileKey(flipped(key.data, 0)))),
      ("copy", incoming(file, key: FileKey(flipped(key.data, 31)))),
      ("copy", incoming(file, tag: flipped(tag, 15))), ("copy", incoming(file, tag: tag.prefix(8))),
    ] {
      await #expect(throws: error) { try await file.finish(part: path(part), in: path("inbox")) }
    }
    await #expect(throws: FileTransferError.noTag(name: "plan.bin")) {
      try await IncomingFile(name: "plan.bin", key: key, tag: nil, size: nil)
        .finish(part: path("copy"), in: path("inbox"))
    }
    #expect(try inbox.isEmpty)
  }

  @Test func `a file of another size than announced is refused`() async throws {
    let file = try await OutgoingFile.prepare(path("plan.bin"), copy: path("copy"), encrypted: false)
    #expect(file.key == nil)
    let short = IncomingFile(name: "a", key: nil, tag: nil, size: content.count + 1)
    await #expect(throws: FileTransferError.otherSize(name: "a", announced: 700_002, found: 700_001)) {
      try await short.finish(part: path("copy"), in: path("inbox"))
    }
    #expect(try inbox.isEmpty)
  }

  @Test func `an empty file has a tag too`() async throws {
    try Data().write(to: folder.file("empty.txt"))
    let file = try await OutgoingFile.prepare(path("empty.txt"), copy: path("copy"), encrypted: true)
    #expect(file.size == 0 && file.tag?.count == 16)
    let saved = try await incoming(file).finish(part: path("copy"), in: path("inbox"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: saved)).isEmpty)
  }

  @Test func `folders, pipes, devices and missing files are refused and leave no copy`() async throws {
    try #require(mkfifo(path("pipe"), 0o600) == 0)
    for name in [path("inbox"), path("pipe"), "/dev/zero"] {
      await #expect(throws: FileTransferError.notAFile(name)) {
        try await OutgoingFile.prepare(name, copy: path("copy"), encrypted: true)
      }
    }
    await #expect(throws: FileTransferError.self) {
      try await OutgoingFile.prepare(path("absent"), copy: path("copy"), encrypted: true)
    }
    #expect(!FileManager.default.fileExists(atPath: path("copy")))
  }

  @Test func `a link of the name that is in the way is not followed`() async throws {
    let file = try await encrypted()
    try Data("mine".utf8).write(to: folder.file("mine"))
    try FileManager.default.createSymbolicLink(
      atPath: path("inbox/plan.bin"), withDestinationPath: path("mine"))
    let saved = try await incoming(file).finish(part: path("copy"), in: path("inbox"))
    #expect(saved.hasSuffix("plan (1).bin"))
    #expect(try Data(contentsOf: folder.file("mine")) == Data("mine".utf8))
  }
}
