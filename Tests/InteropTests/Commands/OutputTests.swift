// OutputTests.swift: standard output that goes away, is full, or was never there
import Foundation
import TestSupport
import Testing

@Suite struct StandardOutput {
  private func run(_ redirection: String) async throws -> CommandRun {
    let command = "'\(TestPaths.limeade.path)' lab --print-config \(redirection)"
    return try await CommandRun(URL(fileURLWithPath: "/bin/bash"), ["-c", command])
  }

  @Test func aReaderThatGoesAwayEndsTheProgramAsItDoesOthers() async throws {
    let pipe = Pipe()
    try pipe.fileHandleForReading.close()
    let process = Process()
    process.executableURL = TestPaths.limeade
    process.arguments = ["lab", "--print-config"]
    process.standardOutput = pipe
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationReason == .uncaughtSignal && process.terminationStatus == SIGPIPE)
  }

  @Test func whatCannotBeWrittenIsSaidWithExitCode73() async throws {
    for (redirection, cause) in [("> /dev/full", "No space left"), (">&-", "Bad file descriptor")] {
      let run = try await run(redirection)
      #expect(run.exitCode == 73, "\(redirection)")
      #expect(run.errors.contains("standard output cannot be written: \(cause)"), "\(run.errors)")
    }
  }
}
