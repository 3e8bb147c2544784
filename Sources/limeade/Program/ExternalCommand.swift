// ExternalCommand.swift: runs a command for an event, without a shell (security checklist, 25).
import Foundation

/// A command line split at blanks.
struct ExternalCommand: Sendable {
  /// Seconds that it may take.
  static let timeout = 300.0

  private let words: [String]

  init(_ commandLine: String) { words = commandLine.split(separator: " ").map(String.init) }

  /// Whether its program can be found now, by its path or in PATH.
  var isThere: Bool {
    guard let program = words.first else { return false }
    if program.contains("/") { return access(program, X_OK) == 0 }
    // The path that execvp(3) takes where there is none.
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/bin:/usr/bin"
    return path.split(separator: ":").contains { access("\($0)/\(program)", X_OK) == 0 }
  }

  /// Writes `input` and a newline to its standard input and returns what it prints, without the last end of line.
  func run(input: String) async throws -> String {
    guard let program = words.first else { throw CommandFailure.badInput("the command is empty") }
    let text = try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<String, any Error>) in
      DispatchQueue.global().async {
        // env(1) looks the program up in PATH; the words are passed as they are.
        let result = Result {
          try ExternalProgram.output(
            of: program, "/usr/bin/env", words, input: Data((input + "\n").utf8), timeout: Self.timeout,
            failure: CommandFailure.badInput)
        }
        continuation.resume(with: result)
      }
    }
    return TextLines.withoutLastEnd(text)
  }
}
