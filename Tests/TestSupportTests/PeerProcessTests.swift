// PeerProcessTests.swift: programs that tests drive start, speak and end as the tests rely on
import Foundation
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(1))) struct PeerProcessTests {
  private func shell(_ script: String, keepsErrors: Bool = false) throws -> PeerProcess {
    try PeerProcess(URL(fileURLWithPath: "/bin/sh"), ["-c", script], keepsErrors: keepsErrors)
  }

  @Test func linesAreFoundAgainOrOneAfterTheOther() async throws {
    let peer = try shell("while read line; do echo \"got $line\"; done")
    for word in ["a", "b", "a"] { try peer.send(word) }
    try await peer.nextLine("a") { $0 == "got a" }
    #expect(try await peer.nextLine("any") == "got b")
    try await peer.nextLine("the second a") { $0 == "got a" }
    #expect(try await peer.line("the first a") { $0 == "got a" } == "got a")
    peer.closeInput()
    #expect(try await peer.exitCode() == 0)
    #expect(peer.output == ["got a", "got b", "got a"])
    await #expect(throws: TestFailure.self) { try await peer.nextLine("a third a") { $0 == "got a" } }
  }

  @Test func stopIsHeardAtOnceAndTheLastWordsAreKept() async throws {
    let peer = try shell("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done")
    try await peer.line("ready") { $0 == "ready" }
    let start = ContinuousClock.now
    peer.stop()
    #expect(ContinuousClock.now - start < .seconds(2))
    #expect(peer.output.last == "bye")
    #expect(try await peer.exitCode() == 3)
  }

  @Test func whatIgnoresSIGTERMIsKilledWithAllThatItStarted() async throws {
    let peer = try shell("trap '' TERM; sleep 600 & echo $!; wait; sleep 600")
    let line = try await peer.nextLine("process id")
    let grandchild = try #require(pid_t(line))
    peer.stop(patience: 0.2)
    #expect(try await peer.exitCode() == 128 + SIGKILL)
    while Self.isAlive(grandchild) { try await Task.sleep(for: .milliseconds(5)) }
  }

  @Test func aReleasedPeerEnds() async throws {
    var peer: PeerProcess? = try shell("echo $$; exec sleep 600")
    let line = try #require(try await peer?.nextLine("process id"))
    let identifier = try #require(pid_t(line))
    peer = nil
    #expect(kill(identifier, 0) == -1)
  }

  @Test func theKernelSendsSIGTERMWhenTheTestsEnd() async throws {
    let printed = try await PeerProcess.run(URL(fileURLWithPath: "/usr/bin/setpriv"), ["--dump"])
    #expect(printed.contains { $0.hasPrefix("Parent death signal") && $0.contains("TERM") })
  }

  @Test func noSignalIsBlockedAndNoDescriptorInherited() async throws {
    let printed = try await PeerProcess.run(
      URL(fileURLWithPath: "/bin/sh"), ["-c", "grep SigBlk /proc/self/status; exec ls /proc/self/fd"])
    #expect(printed.first?.hasSuffix("\t0000000000000000") == true)
    // 3 is the folder that ls reads.
    #expect(printed.dropFirst() == ["0", "1", "2", "3"])
  }

  @Test func aProgramThatIsNotThereIsNamedAndOneThatFailsTellsWhy() async throws {
    let missing = #expect(throws: TestFailure.self) { try PeerProcess(URL(fileURLWithPath: "/nonexistent/peer")) }
    #expect(missing?.description.contains("/nonexistent/peer") == true)
    let failure = await #expect(throws: TestFailure.self) {
      try await PeerProcess.run(URL(fileURLWithPath: "/bin/sh"), ["-c", "echo reason >&2; exit 4"])
    }
    #expect(failure?.description.contains("4\nreason") == true)
  }

  /// False also for a process whose new parent has not taken its exit code yet.
  private static func isAlive(_ identifier: pid_t) -> Bool {
    let status = try? String(contentsOfFile: "/proc/\(identifier)/stat", encoding: .utf8)
    return status.map { $0.split(separator: " ").dropFirst(2).first != "Z" } ?? false
  }
}
