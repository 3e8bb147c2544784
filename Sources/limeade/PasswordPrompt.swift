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

  /// Asks on the terminal. Ctrl-C meanwhile ends the program, with the terminal as it was.
  static func ask(_ prompt: String) throws -> String {
    var settings = termios()
    tcgetattr(STDIN_FILENO, &settings)
    var silent = settings
    silent.c_lflag &= ~tcflag_t(ECHO)
    let shown = settings
    let interruption = DispatchSource.makeSignalSource(signal: SIGINT, queue: .global())
    interruption.setEventHandler {
      var modes = shown
      tcsetattr(STDIN_FILENO, TCSANOW, &modes)
      _exit(130)
    }
    signal(SIGINT, SIG_IGN)
    interruption.resume()
    FileHandle.standardError.write(Data(prompt.utf8))
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
      interruption.cancel()
      signal(SIGINT, SIG_DFL)
      FileHandle.standardError.write(Data("\n".utf8))
    }
    guard let line = readLine() else { throw CommandFailure.badInput("no password given") }
    return line
  }
}
