// PeerProcess.swift: a program driven line by line: the test writes to its standard input and waits for lines it prints.
import Foundation

/// A child process whose output lines can be awaited. Killed when released or stopped.
///
/// `@unchecked Sendable`: everything mutable is only touched under `lock`.
public final class PeerProcess: @unchecked Sendable {
  public struct Failure: Error, CustomStringConvertible {
    public var description: String
  }

  private struct Waiter {
    var matches: @Sendable (String) -> Bool
    var continuation: CheckedContinuation<String, any Error>
  }

  public let name: String
  private let process = Process()
  private let input = Pipe()
  private let lock = NSLock()
  private var lines: [String] = []
  private var waiters: [UUID: Waiter] = [:]
  private var hasEnded = false

  public init(
    _ executable: URL, _ arguments: [String] = [], environment: [String: String] = [:], name: String? = nil
  ) throws {
    self.name = name ?? executable.lastPathComponent
    let output = Pipe()
    process.executableURL = executable
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    guard FileManager.default.isExecutableFile(atPath: executable.path) else {
      throw Failure(description: "\(executable.path) is not there: run the tests with scripts/test, which builds it")
    }
    signal(SIGPIPE, SIG_IGN)
    try process.run()
    let handle = output.fileHandleForReading
    Thread.detachNewThread { [weak self] in
      var rest = Data()
      // Not read(upToCount:), which waits until it has that many bytes.
      while case let chunk = handle.availableData, !chunk.isEmpty {
        rest.append(chunk)
        while let newline = rest.firstIndex(of: 10) {
          self?.take(String(decoding: rest[rest.startIndex..<newline], as: UTF8.self))
          rest = rest[rest.index(after: newline)...]
        }
      }
      self?.ended()
    }
  }

  deinit { stop() }

  /// Every line so far.
  public var output: [String] { lock.withLock { lines } }

  public func send(_ line: String) throws { try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

  public func closeInput() { try? input.fileHandleForWriting.close() }

  /// The first line, of those that came already or that come within `seconds`, which `matches`.
  @discardableResult
  public func line(
    within seconds: Double = 20, _ what: String, where matches: @escaping @Sendable (String) -> Bool
  ) async throws -> String {
    let id = UUID()
    let timeout = Task { [weak self] in
      try await Task.sleep(for: .seconds(seconds))
      self?.fail(id, "\(self?.name ?? "peer"): no \(what) within \(seconds) s")
    }
    defer { timeout.cancel() }
    return try await withCheckedThrowingContinuation { continuation in
      let known = lock.withLock { () -> Result<String, any Error>? in
        if let line = lines.first(where: matches) { return .success(line) }
        if hasEnded { return .failure(Failure(description: "\(name) ended before \(what) came\n\(tail)")) }
        waiters[id] = Waiter(matches: matches, continuation: continuation)
        return nil
      }
      if let known { continuation.resume(with: known) }
    }
  }

  /// Ends the process: SIGTERM, and SIGKILL when that does nothing for three seconds.
  public func stop() {
    guard process.isRunning else { return }
    process.terminate()
    let deadline = Date().addingTimeInterval(3)
    while process.isRunning, Date() < deadline { usleep(10_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  /// Waits for the end and returns the exit code.
  public func exitCode(within seconds: Double = 30) async throws -> Int32 {
    let deadline = Date().addingTimeInterval(seconds)
    while process.isRunning {
      guard Date() < deadline else { throw Failure(description: "\(name) still runs after \(seconds) s\n\(tail)") }
      try await Task.sleep(for: .milliseconds(20))
    }
    return process.terminationStatus
  }

  private var tail: String { lines.suffix(15).joined(separator: "\n") }

  private func take(_ line: String) {
    let ready = lock.withLock { () -> [Waiter] in
      lines.append(line)
      let ready = waiters.filter { $0.value.matches(line) }
      for id in ready.keys { waiters[id] = nil }
      return Array(ready.values)
    }
    for waiter in ready { waiter.continuation.resume(returning: line) }
  }

  private func ended() {
    let left = lock.withLock { () -> [Waiter] in
      hasEnded = true
      defer { waiters = [:] }
      return Array(waiters.values)
    }
    for waiter in left { waiter.continuation.resume(throwing: Failure(description: "\(name) ended\n\(tail)")) }
  }

  private func fail(_ id: UUID, _ text: String) {
    let (waiter, tail) = lock.withLock { (waiters.removeValue(forKey: id), self.tail) }
    waiter?.continuation.resume(throwing: Failure(description: "\(text)\n\(tail)"))
  }
}
