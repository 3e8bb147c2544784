// Ink.swift: colours in what commands print, where a person reads it (ECMA-48 SGR, no-color.org).
import Foundation

/// The terminal's own colours, which its user can read.
enum Ink: String, Sendable {
  case good = "32"
  case bad = "1;31"
  case warning = "33"
  case faint = "2"

  /// Standard output is a terminal with colours, and nobody said that they are not wanted.
  private static let isWanted: Bool = {
    let environment = ProcessInfo.processInfo.environment
    let terminal = environment["TERM"] ?? ""
    return isatty(STDOUT_FILENO) == 1 && environment["NO_COLOR"]?.isEmpty != false && !terminal.isEmpty
      && terminal != "dumb"
  }()

  /// The text in this colour, or as it is.
  func callAsFunction(_ text: String) -> String { Self.isWanted ? "\u{1B}[\(rawValue)m\(text)\u{1B}[m" : text }
}
