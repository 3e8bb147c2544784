// ExternalProgram.swift: runs a program of the user's to its end and takes what it prints.
import Foundation

enum ExternalProgram {
  /// Longest output that is taken, in bytes.
  static let outputLimit = 64 * 1024

  /// Blocks until the program ends.
  /// - Parameters:
  ///   - name: what messages call it.
  ///   - input: for its standard input, which is that of limeade when nil.
  ///   - failure: the error for a message.
  /// - Returns: what it printed on standard output.
  static func output(
    of name: String, _ path: String, _ arguments: [String], input: Data? = nil, failure: (String) -> CommandFailure
  ) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    let stdin = Pipe()
    let stdout = Pipe()
    if input != nil { process.standardInput = stdin }
    process.standardOutput = stdout
    do { try process.run() } catch { throw failure("\(name) cannot be run: \(error.localizedDescription)") }
    if let input {
      // A program that reads nothing closes its end; SIGPIPE is ignored, so the write just fails.
      try? stdin.fileHandleForWriting.write(contentsOf: input)
      try? stdin.fileHandleForWriting.close()
    }
    let data = (try? stdout.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw failure("\(name) failed with exit code \(process.terminationStatus)")
    }
    return String(decoding: data.prefix(outputLimit), as: UTF8.self)
  }
}
