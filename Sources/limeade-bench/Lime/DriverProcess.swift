// DriverProcess.swift: a driver of one implementation, given commands one at a time
import Foundation

/// A child process that answers each line with "= NUMBER" or "! REASON".
final class DriverProcess {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let name: String
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private var buffered = Data()

  init(_ executable: URL, _ arguments: [String] = []) throws {
    name = executable.lastPathComponent
    process.executableURL = executable
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    guard FileManager.default.isExecutableFile(atPath: executable.path) else {
      throw Failure(description: "\(executable.path) is missing: scripts/build-peers builds it")
    }
    try process.run()
  }

  deinit {
    try? input.fileHandleForWriting.close()
    if process.isRunning { process.waitUntilExit() }
  }

  /// The number that the driver answers.
  @discardableResult
  func run(_ command: String) throws -> Double {
    try input.fileHandleForWriting.write(contentsOf: Data((command + "\n").utf8))
    while true {
      let line = try readLine(command)
      // Lines that begin otherwise are messages of the library under test.
      if line.hasPrefix("= "), let number = Double(line.dropFirst(2)) { return number }
      if line.hasPrefix("! ") { throw Failure(description: "\(name): \(command): \(line.dropFirst(2))") }
    }
  }

  private func readLine(_ command: String) throws -> String {
    while true {
      if let end = buffered.firstIndex(of: 0x0A) {
        defer { buffered = Data(buffered[(end + 1)...]) }
        return String(decoding: buffered[..<end], as: UTF8.self)
      }
      let more = output.fileHandleForReading.availableData
      guard !more.isEmpty else { throw Failure(description: "\(name) ended during \(command)") }
      buffered += more
    }
  }
}
