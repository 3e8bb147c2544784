// StorageTests.swift: a full disk and read-only data: a clear error, nothing lost, and it goes on afterwards
import Foundation
import TestSupport
import Testing

@Suite(.serialized, .enabled("needs mount namespaces") { await MountedFolder.isPossible() })
struct Storage {
  private static let size = 4 << 20
  private static let bob = "sip:bob@sip.example.org"

  /// Data and state of one account in a folder of their own.
  private static func environment(_ folder: URL) -> [String: String] {
    ["XDG_DATA_HOME": folder.path + "/data", "XDG_STATE_HOME": folder.path + "/state"]
  }

  /// Takes all that is left of a file system.
  private static func fill(_ file: String) throws {
    guard FileManager.default.createFile(atPath: file, contents: nil) else { throw TestFailure("no \(file)") }
    let handle = try #require(FileHandle(forWritingAtPath: file))
    for count in [65_536, 4096, 1] { while (try? handle.write(contentsOf: Data(count: count))) != nil {} }
    try handle.close()
  }

  @Test func whatCannotBeStoredIsNotAcknowledgedAndComesWhenThereIsSpaceAgain() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let folder = try TemporaryFolder()
    let launch = MountedFolder.small(
      folder.url, bytes: Self.size, [TestPaths.limeade.path] + lab.arguments("bob", ["listen", "--json"]))
    let bob = try PeerProcess(launch.program, launch.arguments, environment: Self.environment(folder.url), name: "bob")
    try await bob.event("registered", within: 60)
    func send(_ text: String) async throws {
      let sent = try await lab.run(as: "alice", "send", Self.bob, input: text)
      #expect(sent.exitCode == 0, "\(sent.errors)")
    }
    try await send("before")
    try await bob.event("message", within: 60, ["text": "before"])

    let filler = "/proc/\(bob.identifier)/root\(folder.url.path)/filler"
    try Self.fill(filler)
    // More than what the database may still find in its own files.
    let long = String(repeating: "long ", count: 12_000)
    try await send(long)
    try await bob.line(within: 60, "an error that says that the disk is full") {
      JSONEvent($0)?["event"] == "error" && $0.contains("the disk is full")
    }
    #expect(!bob.output.contains { $0.contains("long long") })

    try FileManager.default.removeItem(atPath: filler)
    try await send("after")
    // The server kept the long one, because it was not acknowledged.
    try await bob.event("message", within: 60, ["text": "after"])
    try await bob.event("message", within: 60, ["text": long])
    bob.stop()
    let messages = bob.output.compactMap { JSONEvent($0) }.filter { $0["event"] == "message" }
    #expect(messages.compactMap { $0["text"] }.sorted() == ["after", "before", long])
    #expect(messages.allSatisfy { $0["encrypted"] == "true" && $0["state"] != "undecryptable" })
  }

  @Test func aFullDiskIsExitCode73AndCostsNothing() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let folder = try TemporaryFolder()
    let program = ([TestPaths.limeade.path] + lab.arguments("alice", [])).map { "'\($0)'" }.joined(separator: " ")
    let long = String(repeating: "long ", count: 12_000)
    // All in one namespace, as its file system goes with the last process.
    let script = """
      cd '\(folder.url.path)'
      \(program) send \(Self.bob) before
      dd if=/dev/zero of=filler bs=1024 2>/dev/null || true
      code=0; \(program) send \(Self.bob) '\(long)' || code=$?
      echo "full: $code"
      rm filler
      \(program) send \(Self.bob) after
      \(program) history \(Self.bob) --json
      """
    let launch = MountedFolder.small(folder.url, bytes: Self.size, ["sh", "-euc", script])
    let run = try await CommandRun(launch.program, launch.arguments, environment: Self.environment(folder.url))
    #expect(run.exitCode == 0, "\(run.errors)")
    #expect(run.lines.contains("full: 73"), "\(run.output.suffix(2000)) \(run.errors)")
    #expect(run.errors.contains("the disk is full"), "\(run.errors)")
    try await bob.event("message", within: 60, ["text": "after"])
    // Nothing was half sent, and no key is missing or used twice: bob can read what came.
    bob.stop()
    let messages = bob.output.compactMap { JSONEvent($0) }.filter { $0["event"] == "message" }
    #expect(messages.compactMap { $0["text"] } == ["before", "after"])
    #expect(run.events.filter { $0["event"] == "message" }.compactMap { $0["text"] } == ["before", "after"])
  }

  @Test(arguments: ["data/limeade/alice", "data/limeade/alice/limeade.sqlite"])
  func dataThatCannotBeWrittenIsExitCode73AndIsAsItWas(_ path: String) async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let folder = try TemporaryFolder()
    let environment = Self.environment(folder.url)
    #expect(try await lab.run(as: "alice", "send", Self.bob, "before", environment: environment).exitCode == 0)
    let command = [TestPaths.limeade.path] + lab.arguments("alice", ["send", Self.bob, "never"])
    let launch = MountedFolder.readOnly(folder.file(path), command)
    let refused = try await CommandRun(launch.program, launch.arguments, environment: environment)
    #expect(refused.exitCode == 73)
    #expect(refused.errors.lowercased().replacing("-", with: " ").contains("read only"), "\(refused.errors)")
    #expect(try await lab.run(as: "alice", "send", Self.bob, "after", environment: environment).exitCode == 0)
    try await bob.event("message", within: 60, ["text": "after"])
    bob.stop()
    let messages = bob.output.compactMap { JSONEvent($0) }.filter { $0["event"] == "message" }
    #expect(messages.compactMap { $0["text"] } == ["before", "after"])
  }
}
