// PipedFileTests.swift: limeade send --file -: a pipe of any size becomes a file, without being held in memory.
import Foundation
import TestSupport
import Testing

@Suite(.serialized) struct PipedFiles {
  private static let bob = "sip:bob@sip.example.org"

  private func bash(_ line: String, _ lab: LabProgram, account: String = "alice") async throws -> CommandRun {
    let limeade = ([TestPaths.limeade.path] + lab.arguments(account, [])).map { "'\($0)'" }.joined(separator: " ")
    return try await CommandRun(
      URL(fileURLWithPath: "/bin/bash"), ["-c", "limeade() { \(limeade) \"$@\"; }; \(line)"],
      environment: lab.environment)
  }

  private func transfers(_ lab: LabProgram) -> [String] {
    let folder = lab.folder.file("data/limeade/alice/transfers").path
    return (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }

  @Test func aPipeArrivesAsAFileOfThatName() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let sent = try await bash(
      "seq 1 200000 | limeade send \(Self.bob) 'the numbers' --file - --file-name numbers.txt --wait delivered", lab)
    #expect(sent.exitCode == 0, "\(sent.errors)")
    let message = try await bob.event("message", ["text": "the numbers"])
    #expect(message["files"]?.contains("numbers.txt") == true, "\(message)")
    let id = try #require(message["id"])
    let folder = lab.folder.file("saved").path
    let saved = try await bash(
      "limeade file save \(id) --to '\(folder)' && seq 1 200000 | cmp - '\(folder)/numbers.txt'", lab, account: "bob")
    #expect(saved.exitCode == 0, "\(saved.errors) \(saved.output)")
    #expect(transfers(lab).isEmpty, "\(transfers(lab))")
    bob.stop()
  }

  @Test func memoryDoesNotGrowWithThePipe() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    #expect(try await lab.run(as: "alice", "send", Self.bob, "first", "--wait", "delivered").exitCode == 0)
    let words = ([TestPaths.limeade.path] + lab.arguments("alice", ["send", Self.bob, "--file", "-"]))
    let script = """
      import resource, subprocess, sys
      count, words = sys.argv[1], sys.argv[2:]
      source = subprocess.Popen(["head", "-c", count, "/dev/zero"], stdout=subprocess.PIPE)
      code = subprocess.call(words + ["--file-name", "zeros"], stdin=source.stdout, stdout=subprocess.DEVNULL)
      print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
      """
    func peak(_ count: Int) async throws -> Int {
      let run = try await CommandRun(
        URL(fileURLWithPath: "/usr/bin/python3"), ["-c", script, "\(count)"] + words, environment: lab.environment,
        within: 120)
      let parts = run.output.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
      #expect(parts.first == 0, "\(run.errors) \(run.output)")
      return try #require(parts.last)
    }
    let (small, large) = (try await peak(1 << 20), try await peak(96 << 20))
    #expect(large - small < 32 << 10, "\(small) KiB for 1 MiB, \(large) KiB for 96 MiB")
    bob.stop()
  }

  @Test func whatCannotBeIsRefusedBeforeAnythingIsRead() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    for line in ["--file -", "--file-name x", "- --file - --file-name x", "--file - --file - --file-name x"] {
      let run = try await bash("echo x | limeade send \(Self.bob) \(line)", lab)
      #expect(run.exitCode == 64, "\(line): \(run.exitCode) \(run.errors)")
    }
    for name in ["a/b", "", ".."] {
      let run = try await bash("echo x | limeade send \(Self.bob) --file - --file-name '\(name)'", lab)
      #expect(run.exitCode == 64, "\(name): \(run.errors)")
    }
  }

  @Test func anInterruptedPipeLeavesNothing() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let send = try lab.start(as: "alice", "send", Self.bob, "--file", "-", "--file-name", "endless")
    try send.send("some of it")
    while transfers(lab).isEmpty { try await Task.sleep(for: .milliseconds(10)) }
    send.signal(SIGINT)
    #expect(try await send.exitCode() == 130)
    #expect(transfers(lab).isEmpty)
  }

  /// What a killed one has left is removed by a later start, once it is old enough to be nobody's any more.
  @Test func whatAKilledPipeLeftIsRemovedLater() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let send = try lab.start(as: "alice", "send", Self.bob, "--file", "-", "--file-name", "endless")
    try send.send("some of it")
    while transfers(lab).isEmpty { try await Task.sleep(for: .milliseconds(10)) }
    let folder = lab.folder.file("data/limeade/alice/transfers/\(transfers(lab)[0])")
    let copy = folder.appendingPathComponent("endless")
    while !FileManager.default.fileExists(atPath: copy.path) { try await Task.sleep(for: .milliseconds(10)) }
    #expect(try FileManager.default.attributesOfItem(atPath: copy.path)[.posixPermissions] as? Int == 0o600)
    let old = [FileAttributeKey.modificationDate: Date(timeIntervalSinceNow: -7200)]
    // One that is being written is left alone, however long it takes.
    try FileManager.default.setAttributes(old, ofItemAtPath: folder.path)
    #expect(try await lab.run(as: "alice", "send", Self.bob, "beside it").exitCode == 0)
    #expect(FileManager.default.fileExists(atPath: copy.path))
    send.signal(SIGKILL)
    _ = try? await send.exitCode()
    #expect(!transfers(lab).isEmpty)
    for path in [copy.path, folder.path] { try FileManager.default.setAttributes(old, ofItemAtPath: path) }
    #expect(try await lab.run(as: "alice", "send", Self.bob, "later").exitCode == 0)
    #expect(transfers(lab).isEmpty)
    bob.stop()
  }

  @Test(.enabled("needs mount namespaces") { await MountedFolder.isPossible() })
  func aFullDiskIsSaidAndNothingStays() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let folder = lab.folder.file("small")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let words = ([TestPaths.limeade.path] + lab.arguments("alice", [])).map { "'\($0)'" }.joined(separator: " ")
    let script = """
      export XDG_DATA_HOME='\(folder.path)'
      head -c 40000000 /dev/zero | \(words) send \(Self.bob) --file - --file-name zeros; echo "code $?"
      ls '\(folder.path)'/limeade/alice/transfers | wc -l
      """
    let launch = MountedFolder.small(folder, bytes: 8 << 20, ["sh", "-uc", script])
    let run = try await CommandRun(launch.program, launch.arguments, environment: lab.environment)
    #expect(run.lines == ["code 73", "0"], "\(run.output) \(run.errors)")
    #expect(run.errors.contains("No space left on device; nothing was sent"), "\(run.errors)")
  }
}
