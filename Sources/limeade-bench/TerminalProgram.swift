// TerminalProgram.swift: a program in a terminal of its own (pty), whose output is read
import Foundation

final class TerminalProgram {
  enum Failure: Error, CustomStringConvertible {
    case noTerminal(String)
    case noPrompt(String)

    var description: String {
      switch self {
      case .noTerminal(let cause): "no pseudoterminal: \(cause)"
      case .noPrompt(let output): "the program did not show its prompt: \(output.suffix(2000))"
      }
    }
  }

  /// Milliseconds to wait for output.
  private static let limit: Int32 = 20_000
  /// TIOCSPTLCK and TIOCGPTN, whose macros Swift cannot read.
  private static let setLock: UInt = 0x4004_5431
  private static let getNumber: UInt = 0x8004_5430

  private let process = Process()
  private let terminal: Int32
  private let other: FileHandle

  init(_ program: String, _ arguments: [String], environment: [String: String]) throws {
    // As posix_openpt, unlockpt and ptsname do it, which Swift's Glibc module leaves out (ioctl_tty(2)).
    terminal = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var isLocked: Int32 = 0
    var number: Int32 = 0
    guard terminal >= 0, ioctl(terminal, Self.setLock, &isLocked) == 0, ioctl(terminal, Self.getNumber, &number) == 0,
      let other = FileHandle(forUpdatingAtPath: "/dev/pts/\(number)")
    else { throw Failure.noTerminal(String(cString: strerror(errno))) }
    self.other = other
    var size = winsize(ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(terminal, UInt(TIOCSWINSZ), &size)
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      .merging(["TERM": "xterm-256color", "LC_ALL": "C.UTF-8"]) { $1 }
    process.standardInput = other
    process.standardOutput = other
    process.standardError = FileHandle.nullDevice
  }

  deinit { close(terminal) }

  /// Starts the program and returns when its output holds `text`.
  func start(until text: String) throws {
    try process.run()
    var output: [UInt8] = []
    let wanted = Array(text.utf8)
    var buffer = [UInt8](repeating: 0, count: 16_384)
    var descriptor = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
    while poll(&descriptor, 1, Self.limit) > 0 {
      let count = read(terminal, &buffer, buffer.count)
      guard count > 0 else { break }
      output += buffer.prefix(count)
      if Data(output).range(of: Data(wanted)) != nil { return }
    }
    throw Failure.noPrompt(String(decoding: output, as: UTF8.self))
  }

  /// Asks the program to end, and waits for that.
  func end() throws {
    process.terminate()
    // What it still writes must be read, or it waits.
    let drain = Thread { [terminal] in
      var buffer = [UInt8](repeating: 0, count: 16_384)
      while read(terminal, &buffer, buffer.count) > 0 {}
    }
    drain.start()
    process.waitUntilExit()
    try other.close()
  }
}
