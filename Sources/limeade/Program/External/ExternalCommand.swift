// ExternalCommand.swift: runs a command for an event, without a shell (security checklist, 25).
import Foundation

/// A command line split at blanks.
struct ExternalCommand: Sendable {
  /// Seconds that it may take.
  static let timeout = 300.0

  let words: [String]

  init(_ commandLine: String) { words = commandLine.split(separator: " ").map(String.init) }

  /// The program, as it was written.
  var name: String { words.first ?? "" }

  /// Whether its program can be found now, by its path or in PATH.
  var isThere: Bool {
    guard let program = words.first else { return false }
    if program.contains("/") { return access(program, X_OK) == 0 }
    // The path that execvp(3) takes where there is none.
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/bin:/usr/bin"
    return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }

  /// Writes `input` to its standard input and returns what it prints, without the last end of line.
  /// - Parameter endsLine: a newline follows the input.
  func run(input: String, endsLine: Bool = true) async throws -> String {
    guard let program = words.first else { throw CommandFailure.badInput("the command is empty") }
    let text = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<String, any Error>) in
      DispatchQueue.global().async {
        // env(1) looks the program up in PATH; the words are passed as they are.
        let result = Result {
          try ExternalProgram.output(
            of: program, "/usr/bin/env", words, input: Data((input + (endsLine ? "\n" : "")).utf8),
            timeout: Self.timeout, failure: CommandFailure.badInput)
        }
        continuation.resume(with: result)
      }
    }
    return TextLines.withoutLastEnd(text)
  }

  /// Starts it beside the terminal, which it cannot read or write, with one more argument, and leaves it running.
  /// - Parameter patience: seconds in which its failure is still told.
  /// - Throws: `CommandFailure` when it cannot be started, or ends with a failure in that time.
  func launch(_ argument: String, patience: Double) async throws {
    guard !words.isEmpty else { throw CommandFailure.badInput("the command is empty") }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words + [argument]
    process.environment = EnvironmentSecrets.environmentForOthers
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    let (ends, end) = AsyncStream.makeStream(of: Int32.self)
    process.terminationHandler = { process in
      end.yield(process.terminationStatus)
      end.finish()
    }
    do { try process.run() } catch {
      throw CommandFailure.badInput("\(name) cannot be run: \(error.localizedDescription)")
    }
    let waiting = Task {
      try? await Task.sleep(for: .seconds(patience))
      end.finish()
    }
    defer { waiting.cancel() }
    for await status in ends where status != 0 {
      throw CommandFailure.badInput("\(name) failed with exit code \(status)")
    }
  }
}
