// CommandRun.swift: a program that is started, given its input, and run to its end.
import Foundation

/// What a finished program printed, and its exit code.
public struct CommandRun: Sendable {
  public let exitCode: Int32
  public let output: String
  public let errors: String

  public var lines: [String] { output.split(separator: "\n").map(String.init) }
  /// The lines of the output that are JSON objects.
  public var events: [JSONEvent] { lines.compactMap(JSONEvent.init) }

  /// Runs the program to its end; one that takes longer than `seconds` is killed and is a failure.
  public init(
    _ executable: URL, _ arguments: [String], input: String = "", environment: [String: String] = [:],
    within seconds: Double = 60
  ) async throws {
    let folder = try TemporaryFolder()
    func file(_ name: String, _ contents: String = "") throws -> FileHandle {
      let url = folder.url.appendingPathComponent(name)
      try Data(contents.utf8).write(to: url)
      return try FileHandle(forUpdating: url)
    }
    // Files and not pipes: nothing blocks however much is printed.
    let (stdout, stderr) = (try file("stdout"), try file("stderr"))
    let process = Process()
    process.executableURL = executable
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = try file("stdin", input)
    process.standardOutput = stdout
    process.standardError = stderr
    try process.run()
    let deadline = ContinuousClock.now + .seconds(seconds)
    while process.isRunning {
      if ContinuousClock.now > deadline {
        kill(process.processIdentifier, SIGKILL)
        throw PeerProcess.Failure(
          description: "\(executable.lastPathComponent) \(arguments.joined(separator: " ")) still ran after \(seconds) s")
      }
      try await Task.sleep(for: .milliseconds(5))
    }
    func text(_ name: String) throws -> String {
      String(decoding: try Data(contentsOf: folder.url.appendingPathComponent(name)), as: UTF8.self)
    }
    exitCode = process.terminationStatus
    output = try text("stdout")
    errors = try text("stderr")
  }
}
