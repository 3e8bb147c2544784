// ChildProcess.swift: a program started with no signal blocked, which does not outlive the tests
import Foundation
import Glibc

/// What to start, and with which descriptors.
struct ChildLaunch: Sendable {
  var program: String
  var arguments: [String]
  var environment: [String: String]
  var folder: String?
  /// The child's descriptors 0, 1, 2 and so on; it gets no others. -1 is /dev/null.
  var descriptors: [Int32]

  /// - Returns: the process's identifier, leader of a process group of its own.
  func start() throws -> pid_t {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Swift's threads block most signals, and a child inherits that: it would never hear SIGTERM.
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (target, descriptor) in descriptors.enumerated() {
      if descriptor < 0 {
        posix_spawn_file_actions_addopen(&actions, Int32(target), "/dev/null", O_RDWR, 0)
      } else {
        posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(target))
      }
    }
    // Not all that this process opens is closed in children by itself, and a pipe held by another child has no end.
    for descriptor in Self.openDescriptors() where descriptor >= descriptors.count {
      posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    // setpriv(1) becomes the program: the kernel then sends it SIGTERM when the tests end, however they end.
    var words = ["/usr/bin/setpriv", "--pdeathsig", "TERM", "--"]
    if let folder { words += ["/usr/bin/env", "--chdir", folder] }
    words += [program] + arguments
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    let variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
    defer { for word in arguments + variables { free(word) } }
    var identifier: pid_t = 0
    let code = posix_spawn(&identifier, words[0], &actions, &attributes, arguments, variables)
    guard code == 0 else { throw TestFailure("\(words[0]) (util-linux): \(String(cString: strerror(code)))") }
    return identifier
  }

  private static func openDescriptors() -> [Int32] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []).compactMap { Int32($0) }
  }
}

/// A running program. Whoever holds it must `stop` it.
///
/// `@unchecked Sendable`: `code` is only touched under `condition`.
final class ChildProcess: @unchecked Sendable {
  let identifier: pid_t
  private let condition = NSCondition()
  private var code: Int32?

  init(_ launch: ChildLaunch) throws {
    identifier = try LaunchThread.shared.start(launch)
    Thread.detachNewThread { [self] in reap() }
  }

  /// What it ended with, as a shell says it: 128 and the signal's number after a signal. nil while it runs.
  var exitCode: Int32? { condition.withLock { code } }

  /// Sends SIGTERM and waits for the end; after `patience` seconds SIGKILL goes to it and all that it started.
  func stop(patience: Double) {
    condition.withLock {
      guard code == nil else { return }
      Glibc.kill(identifier, SIGTERM)
      let deadline = Date(timeIntervalSinceNow: patience)
      while code == nil, condition.wait(until: deadline) {}
      if code == nil { Glibc.kill(-identifier, SIGKILL) }
      while code == nil { condition.wait() }
    }
  }

  func signal(_ number: Int32) {
    condition.withLock { if code == nil { Glibc.kill(identifier, number) } }
  }

  /// SIGKILL, as after a crash: it can do nothing more. Waits for the end.
  func kill() {
    condition.withLock {
      if code == nil { Glibc.kill(-identifier, SIGKILL) }
      while code == nil { condition.wait() }
    }
  }

  private func reap() {
    var information = siginfo_t()
    while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
    condition.withLock {
      // Not reaped yet, so that the number of the group is still its own.
      Glibc.kill(-identifier, SIGKILL)
      var status: Int32 = 0
      waitpid(identifier, &status, 0)
      let signal = status & 0x7F
      code = signal == 0 ? (status >> 8) & 0xFF : 128 + signal
      condition.broadcast()
    }
  }
}

/// The thread that starts all children. The kernel takes the end of the starting thread for the end of the parent, and
/// threads of pools do end.
///
/// `@unchecked Sendable`: `jobs` is only touched under `condition`.
private final class LaunchThread: @unchecked Sendable {
  static let shared = LaunchThread()

  private let condition = NSCondition()
  private var jobs: [@Sendable () -> Void] = []

  private init() {
    Thread.detachNewThread { [self] in
      while true { nextJob()() }
    }
  }

  func start(_ launch: ChildLaunch) throws -> pid_t {
    let answer = Answer()
    condition.withLock {
      jobs.append { answer.give(Result { try launch.start() }) }
      condition.signal()
    }
    return try answer.wait().get()
  }

  private func nextJob() -> @Sendable () -> Void {
    condition.withLock {
      while jobs.isEmpty { condition.wait() }
      return jobs.removeFirst()
    }
  }

  /// `@unchecked Sendable`: `result` is written before the semaphore is signalled and read after it was waited for.
  private final class Answer: @unchecked Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private var result: Result<pid_t, any Error> = .failure(TestFailure("not started"))

    func give(_ result: Result<pid_t, any Error>) {
      self.result = result
      semaphore.signal()
    }

    func wait() -> Result<pid_t, any Error> {
      semaphore.wait()
      return result
    }
  }
}
