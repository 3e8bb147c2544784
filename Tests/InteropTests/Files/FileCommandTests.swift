// FileCommandTests.swift: files on the command line, as users and scripts send and save them, against the lab.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct FileCommands {
  private static let content = Data((0..<150_000).map { UInt8(truncatingIfNeeded: $0 &* 5 >> 1) })

  @Test func filesAreSentListedAndSaved() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let (photo, note) = (lab.folder.file("photo.png"), lab.folder.file("a note.txt"))
    try Self.content.write(to: photo)
    try Data("hello\n".utf8).write(to: note)
    let inbox = lab.folder.file("inbox")
    let bob = try await lab.listener("bob", "--count", "1", "--download", inbox.path)

    let sent = try await lab.run(
      as: "alice", "send", "sip:bob@sip.example.org", "two of them", "--file", photo.path, "--file", note.path,
      "--wait", "delivered", "--json")
    #expect(sent.exitCode == 0, "\(sent.errors)")
    let uploaded = sent.events.filter { $0["event"] == "file" && $0["state"] == "uploaded" }
    #expect(uploaded.map { $0["name"] } == ["photo.png", "a note.txt"])
    #expect(uploaded.map { $0["type"] } == ["image/png", "text/plain"])
    // It ends when the message is there and its files are saved.
    #expect(try await bob.exitCode() == 0)
    try await bob.event("file", ["name": "photo.png", "state": "saved", "encrypted": "true"])
    #expect(try Data(contentsOf: inbox.appendingPathComponent("photo.png")) == Self.content)
    #expect(try Data(contentsOf: inbox.appendingPathComponent("a note.txt")) == Data("hello\n".utf8))

    let list = try await lab.run(as: "bob", "file", "list", "sip:alice", "--json")
    let id = try #require(list.events.last?["id"])
    #expect(id.hasSuffix("/2") && list.events.last?["name"] == "a note.txt" && list.events.last?["state"] == "saved")
    let history = try await lab.run(as: "bob", "history", "sip:alice")
    #expect(history.output.contains("file \(id)  a note.txt, 6 bytes, text/plain (saved as "))
    let saved = try await lab.run(as: "bob", "file", "save", id, "--to", inbox.path)
    #expect(saved.exitCode == 0, "\(saved.errors)")
    #expect(saved.lines == [inbox.appendingPathComponent("a note (1).txt").path])
    // The sender can fetch it, too.
    #expect(try await lab.run(as: "alice", "file", "save", id, "--to", inbox.path).exitCode == 0)

    #expect(try await lab.run(as: "bob", "file", "save", "nothing/9").exitCode == 65)
    #expect(try await lab.run(as: "bob", "file", "save", id, "--to", note.path).exitCode == 73)
    let absent = try await lab.run(as: "alice", "send", "sip:bob@sip.example.org", "--file", "/nonexistent")
    #expect(absent.exitCode == 65 && absent.errors.contains("/nonexistent"))
  }

  @Test func settingsOfFilesAreRead() async throws {
    let folder = try TemporaryFolder()
    let config = folder.file("config.toml")
    func run(_ line: String, _ arguments: String...) async throws -> CommandRun {
      let text = "[account.alice]\naddress = \"sip:alice@sip.example.org\"\npassword = \"x\"\n\(line)\n"
      try text.write(to: config, atomically: true, encoding: .utf8)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: config.path)
      return try await CommandRun(
        TestPaths.limeade, ["--config", config.path] + arguments, environment: ["XDG_DATA_HOME": folder.url.path])
    }
    let settings = """
      file-server = "https://files.example.org/hft.php"
      file-hosts = ["a.example.org", "b.example.org"]
      download = "auto"
      download-folder = "~/in"
      download-limit = 1000000
      """
    let shown = try await run(settings, "account", "show")
    #expect(shown.exitCode == 0 && shown.output.contains("https://files.example.org/hft.php"))
    for wrong in ["download = \"yes\"", "download-limit = 0", "file-hosts = \"a\"", "file-server = \"ftp://a/\""] {
      #expect(try await run(wrong, "account", "show").exitCode == 78, "\(wrong)")
    }
  }
}
