// HiddenInput.swift: a secret typed on the terminal, which does not show it, or read from standard input.
import Foundation

enum HiddenInput {
  private static let maximumLength = 4096

  static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

  /// One line, without its end. The prompt is for terminals only.
  static func line(_ prompt: String, what: String) throws -> String {
    var bytes = try bytes(prompt, what: what)
    defer { wipe(&bytes) }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// As `line`; to be wiped after use.
  static func bytes(_ prompt: String, what: String) throws -> [UInt8] {
    let line = isTerminal ? withoutEcho(prompt, readLine) : readLine()
    guard !line.isEmpty else {
      throw CommandFailure.badInput(isTerminal ? "no \(what) given" : "no \(what) on standard input")
    }
    return line
  }

  static func wipe(_ bytes: inout [UInt8]) {
    bytes.withUnsafeMutableBytes { bytes in
      if let base = bytes.baseAddress { explicit_bzero(base, bytes.count) }
    }
  }

  private static func withoutEcho(_ prompt: String, _ body: () -> [UInt8]) -> [UInt8] {
    var settings = termios()
    tcgetattr(STDIN_FILENO, &settings)
    var silent = settings
    silent.c_lflag &= ~tcflag_t(ECHO)
    FileHandle.standardError.write(Data(prompt.utf8))
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
      FileHandle.standardError.write(Data("\n".utf8))
    }
    return body()
  }

  /// Byte by byte: what follows the line is for others, and no buffer keeps a copy.
  private static func readLine() -> [UInt8] {
    var line: [UInt8] = []
    line.reserveCapacity(maximumLength)
    var byte: UInt8 = 0
    while line.count < maximumLength, read(STDIN_FILENO, &byte, 1) == 1, byte != UInt8(ascii: "\n") { line.append(byte) }
    return line
  }
}
