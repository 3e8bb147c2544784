// ServiceUnitTests.swift: the user unit is one that systemd takes, and gives the service no more than it needs
import Foundation
import TestSupport
import Testing

@Suite struct ServiceUnit {
  private static let systemdAnalyze = URL(fileURLWithPath: "/usr/bin/systemd-analyze")

  /// With a program that is there, as an installed one would be.
  private static func unit(in folder: TemporaryFolder) throws -> String {
    let source = TestPaths.package.appendingPathComponent("Resources/systemd/limeade@.service")
    let text = try String(contentsOf: source, encoding: .utf8)
    let path = folder.file("limeade@.service").path
    try text.replacing("/usr/bin/limeade", with: TestPaths.limeade.path).write(
      toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  @Test func systemdFindsNothingToCorrectAndLittleExposure() async throws {
    let folder = try TemporaryFolder()
    let path = try Self.unit(in: folder)
    let verified = try await CommandRun(Self.systemdAnalyze, ["verify", "--man=no", "--recursive-errors=no", path])
    #expect(verified.exitCode == 0 && verified.errors.isEmpty, "\(verified.errors)")
    // Tenths of the level of 0 to 10; without the settings it is 9.
    let security = try await CommandRun(Self.systemdAnalyze, ["security", "--offline=true", "--threshold=30", path])
    #expect(security.exitCode == 0, "\(security.output)")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    for setting in ["ProtectSystem=strict", "PrivateTmp=yes", "RestrictAddressFamilies=", "MemoryMax="] {
      #expect(text.contains("\n\(setting)"))
    }
  }

  /// What PrivateTmp=, PrivateUsers= and ProtectSystem= make of the service, and what other commands want of it.
  @Test(.enabled("needs mount namespaces") { await MountedFolder.isPossible() })
  func aServiceWithATmpOfItsOwnSendsTheFilesOfOtherCommands() async throws {
    let lab = try await LabProgram()
    defer { lab.stop() }
    let bob = try await lab.listener("bob")
    let command = ([TestPaths.limeade.path] + lab.arguments("alice", ["listen", "--json"])).map { "'\($0)'" }
    let home = lab.folder.file("").path
    let program = TestPaths.limeade.deletingLastPathComponent().path
    // The account's folders and the program stay where they are, wherever that is, as an installed one and the home
    // folder do beside a private /tmp.
    let script = """
      mount -t tmpfs keep /mnt && mkdir /mnt/home /mnt/program '\(home)/keep' \
      && mount --bind '\(home)' /mnt/home && mount --bind '\(program)' /mnt/program \
      && mount -t tmpfs tmp /tmp && mkdir -p '\(home)' '\(program)' \
      && mount --bind /mnt/home '\(home)' && mount --bind /mnt/program '\(program)' \
      && exec \(command.joined(separator: " "))
      """
    let service = try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/unshare"), ["--user", "--map-root-user", "--mount", "bash", "-c", script],
      environment: lab.environment, name: "service", keepsErrors: true)
    try await service.event("registered")
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-given-\(UUID().uuidString).txt")
    try Data("content".utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let sent = try await lab.run(
      as: "alice", "send", "sip:bob@sip.example.org", "a file", "--file", file.path, "--wait", "delivered")
    #expect(sent.exitCode == 0, "\(sent.errors)")
    let event = try await bob.event("message", ["text": "a file"])
    #expect(event["files"]?.contains(file.lastPathComponent) == true)
    let left = try FileManager.default.subpathsOfDirectory(atPath: lab.folder.file("data").path)
    #expect(!left.contains { $0.contains("given-") }, "\(left)")
    service.stop()
    bob.stop()
  }
}
