// MachineCauseTests.swift: faults of the server's machine come first: a full disk, files that Flexisip may not read
import ChatCore
import FlexisipCheck
import Foundation
import Lab
import Logging
import MessageFormats
import TestSupport
import Testing

@Suite(.serialized, .enabled(if: getuid() == 0, "mounting a small disk and other users' processes need root"))
struct MachineCauses {
  private static func firstFailure(_ text: String) async throws -> CheckResult? {
    var configuration = LabConfiguration.example
    configuration.fault = .conferenceServerOff
    let lab = Lab(configuration)
    let addresses = try await lab.start()
    let account = AccountConfiguration(
      name: "alice", address: SIPURI(user: "alice", host: addresses.domain), password: Password("alice"),
      outboundProxy: SIPURI(addresses.sip),
      conferenceFactory: SIPURI(addresses.factory) ?? SIPURI(user: nil, host: addresses.domain))
    let results = Results()
    _ = await LiveCheck(
      account: account, conf: FlexisipConf(path: "flexisip.conf", text: text),
      logger: Logger(label: "check") { _ in SwiftLogNoOpLogHandler() }
    ) { results.add($0) }.run()
    await lab.stop()
    return results.failed.first
  }

  private static func run(_ program: String, _ arguments: [String]) throws {
    let process = try Process.run(URL(fileURLWithPath: program), arguments: arguments)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw TestFailure("\(program) \(arguments) fails") }
  }

  @Test func aFullDiskIsNamed() async throws {
    let folder = try TemporaryFolder()
    let disk = folder.file("disk").path
    try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
    try Self.run("/bin/mount", ["-t", "tmpfs", "-o", "size=256k", "limeade-test", disk])
    defer { try? Self.run("/bin/umount", [disk]) }
    let first = try await Self.firstFailure(
      "[conference-server]\ndatabase-backend=sqlite3\ndatabase-connection-string=\(disk)/conference.db\n")
    #expect(first?.step == .factory)
    #expect(first?.causes.first?.text.contains("the disk of \(disk) is full") == true, "\(String(describing: first))")
  }

  @Test func aFileOfAnotherUsersIsNamed() async throws {
    let folder = try TemporaryFolder()
    let users = folder.file("users.db")
    try "version:1\n".write(to: users, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: users.path)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder.url.path)
    // What tells a Flexisip from others is its name.
    let program = folder.file("flexisip")
    try FileManager.default.copyItem(atPath: "/bin/sleep", toPath: program.path)
    let process = try PeerProcess(
      URL(fileURLWithPath: "/usr/bin/setpriv"),
      ["--reuid=65534", "--regid=65534", "--clear-groups", program.path, "120"])
    defer { process.stop() }
    // Its name is there once setpriv(1) has become it.
    let name = "/proc/\(process.identifier)/comm"
    let end = ContinuousClock.now + .seconds(10)
    while try String(contentsOfFile: name, encoding: .utf8) != "flexisip\n", ContinuousClock.now < end {
      try await Task.sleep(for: .milliseconds(20))
    }
    let first = try await Self.firstFailure("[module::Authentication]\nfile-path=\(users.path)\n")
    let cause = first?.causes.first
    #expect(
      cause?.key == "file-path" && cause?.text.contains("may not read it") == true, "\(String(describing: first))")
  }
}
