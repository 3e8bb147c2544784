// PeerProcess.swift: a program driven line by line: the test writes to its standard input and waits for lines it prints
import Foundation
import Glibc

/// A child process whose output lines can be awaited. It ends when it is stopped or released, and with the tests.
///
/// `@unchecked Sendable`: `input` is only touched under `lock`.
public final class PeerProcess: @unchecked Sendable {
  public let name: String
  private let child: ChildProcess
  private let lines: OutputLines
  private let lock = NSLock()
  private var input: Int32

  /// - Parameters:
  ///   - environment: variables beside those of `TestEnvironment`, or in place of them.
  ///   - folder: the working directory, that of the tests when nil.
  ///   - keepsErrors: whether standard error is among the lines; otherwise it is dropped.
  ///   - descriptor: an open file that the program finds as its descriptor 3.
  public init(
    _ executable: URL, _ arguments: [String] = [], environment: [String: String] = [:], name: String? = nil,
    in folder: URL? = nil, keepsErrors: Bool = false, passing descriptor: Int32? = nil
  ) throws {
    guard FileManager.default.isExecutableFile(atPath: executable.path) else {
      throw TestFailure("\(executable.path) is not there: run the tests with scripts/test, which installs or builds it")
    }
    _ = Self.ignoreBrokenPipes
    self.name = name ?? executable.lastPathComponent
    lines = OutputLines(name: self.name)
    let (inputEnd, input) = try Self.makePipe()
    let (output, outputEnd) = try Self.makePipe()
    defer { for end in [inputEnd, outputEnd] { close(end) } }
    do {
      child = try ChildProcess(
        ChildLaunch(
          program: executable.path, arguments: arguments,
          environment: TestEnvironment.variables.merging(environment) { $1 }, folder: folder?.path,
          descriptors: [inputEnd, outputEnd, keepsErrors ? outputEnd : -1] + (descriptor.map { [$0] } ?? [])))
    } catch {
      for end in [input, output] { close(end) }
      throw error
    }
    self.input = input
    lines.read(output)
  }

  deinit {
    closeInput()
    child.stop(patience: Self.patience)
  }

  /// How long a program may take to end in order, in seconds.
  public static let patience = 5.0

  /// A program that has ended is reported by what it does not say, not by a signal to the tests.
  private static let ignoreBrokenPipes: Void = { _ = Glibc.signal(SIGPIPE, SIG_IGN) }()

  private static func makePipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw TestFailure("no pipe: \(String(cString: strerror(errno)))") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  /// Every line so far.
  public var output: [String] { lines.all }

  /// Its process number, that of another process once it has ended.
  public var identifier: Int32 { child.identifier }

  public var isRunning: Bool { child.exitCode == nil }

  public func send(_ line: String) throws {
    try lock.withLock {
      var rest = Array((line + "\n").utf8)[...]
      while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(input, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw TestFailure("\(name) does not read \"\(line)\"\n\(lines.tail)") }
        rest = rest.dropFirst(count)
      }
    }
  }

  public func closeInput() {
    lock.withLock {
      if input >= 0 { close(input) }
      input = -1
    }
  }

  /// The first line, of those that came already or that come within `seconds`, which `matches`.
  @discardableResult
  public func line(
    within seconds: Double = 20, _ what: String, where matches: @escaping @Sendable (String) -> Bool
  ) async throws -> String {
    try await lines.line(within: seconds, what, advancing: false, where: matches)
  }

  /// As `line`, but among the lines after the one that the last call of this returned.
  @discardableResult
  public func nextLine(
    within seconds: Double = 20, _ what: String, where matches: @escaping @Sendable (String) -> Bool = { _ in true }
  ) async throws -> String {
    try await lines.line(within: seconds, what, advancing: true, where: matches)
  }

  /// Ends the process: SIGTERM, and SIGKILL when that does nothing for `patience` seconds. After it, `output` is
  /// complete.
  public func stop(patience: Double = PeerProcess.patience) {
    child.stop(patience: patience)
    lines.waitForEnd(within: Self.patience)
  }

  /// Ends the process with SIGKILL, in the middle of whatever it does. After it, `output` is complete.
  public func kill() {
    child.kill()
    lines.waitForEnd(within: Self.patience)
  }

  public func signal(_ number: Int32) { child.signal(number) }

  /// Waits for the end and returns the exit code, 128 and the signal's number after a signal. After it, `output` is
  /// complete.
  public func exitCode(within seconds: Double = 30) async throws -> Int32 {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < deadline {
      if let code = child.exitCode, lines.hasEnded { return code }
      try await Task.sleep(for: .milliseconds(5))
    }
    throw TestFailure("\(name) still runs after \(seconds) s\n\(lines.tail)")
  }

  /// Runs a program to its end.
  /// - Returns: the lines it printed.
  /// - Throws: `TestFailure` with them when its exit code is not 0.
  @discardableResult
  public static func run(
    _ executable: URL, _ arguments: [String] = [], in folder: URL? = nil, keepsErrors: Bool = true,
    within seconds: Double = 30
  ) async throws -> [String] {
    let process = try PeerProcess(executable, arguments, in: folder, keepsErrors: keepsErrors)
    process.closeInput()
    let code = try await process.exitCode(within: seconds)
    guard code == 0 else { throw TestFailure("\(process.name) ended with \(code)\n\(process.lines.tail)") }
    return process.output
  }
}
