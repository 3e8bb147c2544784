// EditorProgram.swift: the user's editor on the terminal, as a job of its own (tcsetpgrp(3), environ(7): VISUAL, EDITOR).
import Foundation

/// One run of an editor. It has the terminal to itself: its Ctrl-C and Ctrl-Z do not reach this program.
///
/// `@unchecked Sendable`: `process` is only touched under `lock`; all else is constant.
final class EditorProgram: @unchecked Sendable {
  enum Outcome: Equatable, Sendable {
    case ended(status: Int32)
    case killed(signal: Int32)
    /// With the reason.
    case notStarted(String)
  }

  /// What is tried where the environment names none.
  private static let usual = ["editor", "nano", "vi"]
  /// Microseconds before an editor that stopped itself goes on.
  private static let pause: useconds_t = 50_000
  /// Seconds that it has to end when this program ends.
  private static let patience = 2.0

  let command: ExternalCommand
  private let lock = NSLock()
  private var process: pid_t?

  init(_ command: ExternalCommand) { self.command = command }

  /// $VISUAL, else $EDITOR, else one of the usual ones that is there; split at blanks, without a shell.
  static func command(_ environment: [String: String]) -> ExternalCommand? {
    for name in ["VISUAL", "EDITOR"] {
      if let line = environment[name], line.contains(where: { $0 != " " }) { return ExternalCommand(line) }
    }
    return usual.map(ExternalCommand.init).first(where: \.isThere)
  }

  /// Runs it to its end.
  func run(on file: String) async -> Outcome {
    await withCheckedContinuation { continuation in
      Thread { [self] in continuation.resume(returning: runToEnd(command.words + [file])) }.start()
    }
  }

  /// As when the terminal is closed: editors keep what they can.
  func end() {
    guard let process = lock.withLock({ self.process }) else { return }
    kill(-process, SIGHUP)
    kill(-process, SIGCONT)
    DispatchQueue.global().asyncAfter(deadline: .now() + Self.patience) { [self] in
      lock.withLock { if let process = self.process { kill(-process, SIGKILL) } }
    }
  }

  private func runToEnd(_ words: [String]) -> Outcome {
    // Giving the terminal to others, and taking it back, is allowed to a job in the background when this is blocked.
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTTOU)
    pthread_sigmask(SIG_BLOCK, &set, nil)
    let ours = tcgetpgrp(STDIN_FILENO)
    defer { if ours > 0 { tcsetpgrp(STDIN_FILENO, ours) } }

    var child = pid_t()
    let failure = Self.spawn(words, &child)
    guard failure == 0 else { return .notStarted(String(cString: strerror(failure))) }
    lock.withLock { process = child }
    tcsetpgrp(STDIN_FILENO, child)
    // It may have asked for the terminal before it had it.
    kill(-child, SIGCONT)
    var status: Int32 = 0
    while true {
      let found = waitpid(child, &status, WUNTRACED)
      if found < 0, errno == EINTR { continue }
      guard found == child else { break }
      // Stopped: there is no shell here to continue it.
      guard status & 0xFF == 0x7F else { break }
      usleep(Self.pause)
      tcsetpgrp(STDIN_FILENO, child)
      kill(-child, SIGCONT)
    }
    lock.withLock { process = nil }
    let signal = status & 0x7F
    return signal == 0 ? .ended(status: status >> 8 & 0xFF) : .killed(signal: signal)
  }

  private static func spawn(_ words: [String], _ child: inout pid_t) -> Int32 {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var all = sigset_t()
    sigfillset(&all)
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    // Ours goes to a file while the screen is up.
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    let variables = EnvironmentSecrets.environmentForOthers.map { "\($0.key)=\($0.value)" }
    return withCStrings(words) { arguments in
      withCStrings(variables) { environment in
        posix_spawnp(&child, words.first ?? "", &actions, &attributes, arguments, environment)
      }
    }
  }

  /// Copies that last as long as `body`, with the null pointer that ends them.
  private static func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var copies = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return copies.withUnsafeMutableBufferPointer { buffer in
      // Never empty: it ends with the null pointer.
      guard let start = buffer.baseAddress else { preconditionFailure("an array with an element has an address") }
      return body(start)
    }
  }
}
