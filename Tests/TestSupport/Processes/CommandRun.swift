// CommandRun.swift: a program that is started, given its input, and run to its end
import Foundation
import Glibc

/// What a finished program printed, and its exit code.
public struct CommandRun: Sendable {
  /// 128 and the signal's number after a signal.
  public let exitCode: Int32
  public let output: String
  public let errors: String

  public var lines: [String] { output.split(separator: "\n").map(String.init) }
  /// The lines of the output that are JSON objects.
  public var events: [JSONEvent] { lines.compactMap(JSONEvent.init) }

  /// Runs the program to its end; one that takes longer than `seconds` is stopped and is a failure.
  public init(
    _ executable: URL, _ arguments: [String], input: String = "", environment: [String: String] = [:],
    within seconds: Double = 60
  ) async throws {
    let folder = try TemporaryFolder()
    // Files and not pipes: nothing blocks however much is printed.
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { close(descriptor) } }
    for (name, contents) in [("stdin", input), ("stdout", ""), ("stderr", "")] {
      try Data(contents.utf8).write(to: folder.file(name))
      descriptors.append(open(folder.file(name).path, O_RDWR | O_CLOEXEC))
    }
    let child = try ChildProcess(
      ChildLaunch(
        program: executable.path, arguments: arguments,
        environment: TestEnvironment.variables.merging(environment) { $1 }, folder: nil,
        descriptors: descriptors))
    let deadline = ContinuousClock.now + .seconds(seconds)
    while child.exitCode == nil, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
    guard let exitCode = child.exitCode else {
      child.stop(patience: 1)
      let line = "\(executable.lastPathComponent) \(arguments.joined(separator: " "))"
      throw TestFailure("\(line) ran longer than \(seconds) s")
    }
    self.exitCode = exitCode
    output = String(decoding: try Data(contentsOf: folder.file("stdout")), as: UTF8.self)
    errors = String(decoding: try Data(contentsOf: folder.file("stderr")), as: UTF8.self)
  }
}
