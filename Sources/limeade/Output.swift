// Output.swift: standard output and standard error, a line at a time.
import Foundation

/// Standard output, line by line, so that a reader at the other end of a pipe sees each line at once.
enum Output {
  /// Ends the program when nobody reads any more (`limeade history | head`), as SIGPIPE does, and with exit code 73
  /// when standard output cannot be written.
  static func line(_ text: String) { printed(text + "\n") }

  /// Without the end of the line, as a question needs it.
  static func printed(_ text: String) {
    guard let cause = write(text, to: STDOUT_FILENO) else { return }
    if cause == EPIPE { endByBrokenPipe() }
    note("limeade: standard output cannot be written: \(String(cString: strerror(cause)))")
    _exit(73)
  }

  /// What cannot be written to standard error is lost: there is no place left to complain.
  static func note(_ text: String) { noted(text + "\n") }

  /// Without the end of the line.
  static func noted(_ text: String) { _ = write(text, to: STDERR_FILENO) }

  /// Where standard input, output or error was closed (`>&-`) the next file that is opened, as the database, would take
  /// its number, and get what is printed. Something stands there then that can be neither read nor written in its way.
  static func fillStandardDescriptors() {
    for (descriptor, mode) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
    where fcntl(descriptor, F_GETFD) < 0 {
      _ = open("/dev/null", mode)
    }
  }

  /// - Returns: errno of a failure.
  private static func write(_ text: String, to descriptor: Int32) -> Int32? {
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count >= 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        // Another program that has the same terminal or pipe may have made it non-blocking.
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      } else if errno != EINTR {
        return errno
      }
    }
    return nil
  }

  /// The signal is ignored in this program, for the sake of sockets, and blocked in some threads.
  private static func endByBrokenPipe() -> Never {
    var pipe = sigset_t()
    sigemptyset(&pipe)
    sigaddset(&pipe, SIGPIPE)
    signal(SIGPIPE, SIG_DFL)
    pthread_sigmask(SIG_UNBLOCK, &pipe, nil)
    raise(SIGPIPE)
    _exit(128 + SIGPIPE)
  }
}
