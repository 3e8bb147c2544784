// Output.swift: standard output and standard error, a line at a time.
import Foundation
import SafeText

/// Standard output, line by line, so that a reader at the other end of a pipe sees each line at once.
enum Output {
  /// Ends the program when nobody reads any more (`limeade history | head`), as SIGPIPE does, and with exit code 73
  /// when standard output cannot be written.
  static func line(_ text: String) { printed(harmless(text) + "\n") }

  /// A line whose beginning is in a colour where a person reads it.
  static func line(_ text: String, _ ink: Ink, then rest: String = "") {
    printed(ink(harmless(text)) + harmless(rest) + "\n")
  }

  /// Without the end of the line, as a question needs it.
  static func printed(_ text: String) {
    guard !failure.withLock({ hasFailed }), let cause = write(text, to: STDOUT_FILENO) else { return }
    let reason = "standard output cannot be written: \(String(cString: strerror(cause)))"
    if onlyReports {
      failure.withLock { hasFailed = true }
      // Nobody is there to miss it (`limeade send … | true`).
      if cause != EPIPE { note("limeade: \(reason); what was asked for is done all the same") }
      return
    }
    if cause == EPIPE { endByBrokenPipe() }
    note("limeade: \(reason)")
    _exit(73)
  }

  /// What went wrong, which standard error says too.
  static func lastLine(_ text: String) { _ = write(harmless(text) + "\n", to: STDOUT_FILENO) }

  /// From now on what is printed only tells of what was done: a command that sends or changes something does not fail
  /// when it cannot say so, as a script would have it done a second time.
  ///
  /// Safe: set once, at the beginning of a command, before it does anything.
  nonisolated(unsafe) static var onlyReports = false
  private static let failure = NSLock()
  /// Safe: only touched under `failure`.
  private nonisolated(unsafe) static var hasFailed = false

  /// No control character that a line does not need, whoever made the text.
  private static func harmless(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { (0x20..<0x7F).contains($0) || $0 == 0x0A || $0 == 0x09 }
    if isPlain { return text }
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch ScalarTreatment(of: scalar) {
      case .keep, .tab: result.append(scalar)
      case .lineBreak: result.append("\n")
      case .remove: break
      case .replace: result.append("\u{FFFD}")
      }
    }
    return String(result)
  }

  /// What cannot be written to standard error is lost: there is no place left to complain.
  static func note(_ text: String) { noted(harmless(text) + "\n") }

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
