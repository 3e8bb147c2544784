// ExternalCommand.swift: runs a command for an event, without a shell (security checklist, 25).
import Foundation

/// A command line split at blanks.
struct ExternalCommand: Sendable {
  /// Longest output that is taken, in bytes.
  static let outputLimit = 64 * 1024

  private let words: [String]

  init(_ commandLine: String) { words = commandLine.split(separator: " ").map(String.init) }

  /// Writes `input` and a newline to its standard input and returns what it prints, without the last newline.
  func run(input: String) async throws -> String {
    guard let program = words.first else { throw CommandFailure.badInput("--exec names no command") }
    let process = Process()
    // env(1) looks the program up in PATH; the words are passed as they are.
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + words.dropFirst()
    let stdin = Pipe()
    let stdout = Pipe()
    process.standardInput = stdin
    process.standardOutput = stdout
    do { try process.run() } catch {
      throw CommandFailure.badInput("\(program) cannot be run: \(error.localizedDescription)")
    }
    let data = await withCheckedContinuation { (continuation: CheckedContinuation<Data, Never>) in
      DispatchQueue.global().async {
        // A command that reads nothing closes its end; SIGPIPE is ignored, so the write just fails.
        try? stdin.fileHandleForWriting.write(contentsOf: Data((input + "\n").utf8))
        try? stdin.fileHandleForWriting.close()
        let data = (try? stdout.fileHandleForReading.readToEnd()) ?? Data()
        process.waitUntilExit()
        continuation.resume(returning: data)
      }
    }
    guard process.terminationStatus == 0 else {
      throw CommandFailure.badInput("\(program) failed with exit code \(process.terminationStatus)")
    }
    let text = String(decoding: data.prefix(Self.outputLimit), as: UTF8.self)
    return text.hasSuffix("\n") ? String(text.dropLast()) : text
  }
}
