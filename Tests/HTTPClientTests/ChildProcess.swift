// ChildProcess.swift: a program started with no signal blocked
import Foundation
import Glibc

/// A running program, silent, that can be told to end.
///
/// Foundation's `Process` hands the signal mask of the calling thread on. Swift's threads block SIGTERM, and a server
/// started from one would never hear it.
final class ChildProcess {
  private let identifier: pid_t
  private var status: Int32?

  /// - Parameters:
  ///   - command: absolute path of the program, then its arguments.
  ///   - descriptor: an open file that the program finds as its descriptor 3.
  init(_ command: [String], passing descriptor: Int32? = nil) throws {
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    var all = sigset_t()
    sigfillset(&all)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in Int32(0)...2 {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    if let descriptor { posix_spawn_file_actions_adddup2(&actions, descriptor, 3) }
    var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { arguments.forEach { free($0) } }
    var identifier: pid_t = 0
    let code = posix_spawn(&identifier, command[0], &actions, &attributes, &arguments, environ)
    guard code == 0 else { throw PeerError(description: "\(command[0]): \(String(cString: strerror(code)))") }
    self.identifier = identifier
  }

  deinit { stop() }

  var isRunning: Bool {
    if status == nil {
      var value: Int32 = 0
      if waitpid(identifier, &value, WNOHANG) == identifier { status = value }
    }
    return status == nil
  }

  /// Ends the program and waits until it has.
  func stop() {
    guard isRunning else { return }
    kill(identifier, SIGTERM)
    wait()
  }

  /// Waits for the end and returns the exit status word, 0 for success.
  @discardableResult
  func wait() -> Int32 {
    var value: Int32 = 0
    while status == nil {
      if waitpid(identifier, &value, 0) == identifier { status = value }
      if errno == ECHILD { status = status ?? -1 }
    }
    return status ?? -1
  }
}
