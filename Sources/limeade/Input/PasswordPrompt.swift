// PasswordPrompt.swift: asks for a password without showing it.
import Foundation

enum PasswordPrompt {
  /// From the terminal, or the first line of standard input when that is none.
  static func read() throws -> String {
    if isatty(STDIN_FILENO) == 0 {
      guard let line = readLine(), !line.isEmpty else {
        throw CommandFailure.badInput("no password on standard input")
      }
      return line
    }
    let line = try ask("Password: ")
    guard !line.isEmpty else { throw CommandFailure.badInput("no password given") }
    return line
  }

  /// Asks on the terminal. A signal that ends the program meanwhile, as Ctrl-C, leaves the terminal as it was.
  static func ask(_ prompt: String) throws -> String {
    let guarded = EchoGuard()
    Output.noted(prompt)
    defer {
      guarded.end()
      Output.noted("\n")
    }
    guard let line = readLine() else { throw CommandFailure.badInput("no password given") }
    return line
  }
}

/// The terminal without echo, from `init` to `end`.
private struct EchoGuard {
  private static let signals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]
  /// Safe: written only while no handler that reads it is installed, and one prompt is open at a time.
  private nonisolated(unsafe) static var shown = termios()

  private let previous: [sigaction]

  /// A plain handler and not a dispatch source: that one blocks its signal for the rest of the program, which Ctrl-C
  /// would not end any more.
  init() {
    tcgetattr(STDIN_FILENO, &Self.shown)
    var action = sigaction()
    action.__sigaction_handler.sa_handler = { number in
      // Only what may be called in a signal handler.
      tcsetattr(STDIN_FILENO, TCSANOW, &EchoGuard.shown)
      _exit(128 + number)
    }
    previous = Self.signals.map { number in
      var before = sigaction()
      sigaction(number, &action, &before)
      return before
    }
    var silent = Self.shown
    silent.c_lflag &= ~tcflag_t(ECHO)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
  }

  func end() {
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &Self.shown)
    for (number, before) in zip(Self.signals, previous) {
      var before = before
      sigaction(number, &before, nil)
    }
  }
}
