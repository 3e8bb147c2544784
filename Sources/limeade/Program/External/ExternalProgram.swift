// ExternalProgram.swift: runs a program of the user's to its end and takes what it prints.
import Foundation

enum ExternalProgram {
  /// Longest output that is taken, in bytes.
  static let outputLimit = 64 * 1024

  /// As `data`, of a text of at most `outputLimit` bytes.
  static func output(
    of name: String, _ path: String, _ arguments: [String], input: Data? = nil, timeout: Double,
    failure: (String) -> CommandFailure
  ) throws -> String {
    String(
      decoding: try data(
        of: name, path, arguments, input: input, timeout: timeout, limit: outputLimit, failure: failure), as: UTF8.self)
  }

  /// Blocks until the program ends.
  /// - Parameters:
  ///   - name: what messages call it.
  ///   - input: for its standard input, which is that of limeade when nil.
  ///   - timeout: seconds after which it is killed.
  ///   - limit: bytes of output; a program that prints more is killed.
  ///   - failure: the error for a message.
  /// - Returns: what it printed on standard output.
  static func data(
    of name: String, _ path: String, _ arguments: [String], input: Data? = nil, timeout: Double, limit: Int,
    failure: (String) -> CommandFailure
  ) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    process.environment = EnvironmentSecrets.environmentForOthers
    let stdin = Pipe()
    let stdout = Pipe()
    if input != nil { process.standardInput = stdin }
    process.standardOutput = stdout
    do { try process.run() } catch { throw failure("\(name) cannot be run: \(error.localizedDescription)") }
    let killer = Killer(process.processIdentifier, after: timeout)
    defer { killer.cancel() }
    if let input {
      // A program that reads nothing closes its end; SIGPIPE is ignored, so the write just fails.
      try? stdin.fileHandleForWriting.write(contentsOf: input)
      try? stdin.fileHandleForWriting.close()
    }
    var data = Data()
    while data.count <= limit, let more = try? stdout.fileHandleForReading.read(upToCount: outputLimit),
      !more.isEmpty
    {
      data += more
    }
    if data.count > limit { killer.kill() }
    process.waitUntilExit()
    guard !killer.hasExpired else { throw failure("\(name) was ended: it took longer than \(timeout.brief) s") }
    guard data.count <= limit else { throw failure("\(name) printed more than \(limit) bytes") }
    guard process.terminationStatus == 0 else {
      throw failure("\(name) failed with exit code \(process.terminationStatus)")
    }
    return data
  }

  /// Ends a program and what it started when its time is over.
  ///
  /// `@unchecked Sendable`: everything mutable is only touched under `lock`.
  private final class Killer: @unchecked Sendable {
    private let process: pid_t
    private let lock = NSLock()
    private var isOver = false
    private var expired = false

    var hasExpired: Bool { lock.withLock { expired } }

    init(_ process: pid_t, after seconds: Double) {
      self.process = process
      DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { [self] in
        lock.withLock {
          guard !isOver else { return }
          expired = true
          end()
        }
      }
    }

    func kill() { lock.withLock { if !isOver { end() } } }
    func cancel() { lock.withLock { isOver = true } }

    private func end() {
      // Its process group, if it leads one: a shell's children hold the pipe open too.
      if getpgid(process) == process { Foundation.kill(-process, SIGKILL) }
      Foundation.kill(process, SIGKILL)
    }
  }
}
