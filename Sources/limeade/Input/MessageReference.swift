// MessageReference.swift: a Message-ID as an argument: those that Linphone makes may begin with "-", as options do.
import ArgumentParser
import Foundation

/// The id of a message or file, or `last`.
struct MessageReference: ExpressibleByArgument {
  /// Without the escape.
  let text: String

  init?(argument: String) {
    text = argument.hasPrefix(Self.escape + "-") ? String(argument.dropFirst(Self.escape.count)) : argument
  }

  /// Before an id that would be an option. No id has it.
  private static let escape = "\\"
  /// The commands that take an id by its place, and how many arguments stand before it.
  private static let commands = [
    "message react": 1, "message edit": 1, "message retract": 1, "message forward": 1, "file save": 0,
  ]
  /// Their options that take a value.
  private static let valued: Set = [
    "--config", "--account", "--log-file", "--log-level", "--trace", "--timeout", "--to", "--room",
  ]
  private static let letters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~/")

  /// The program's arguments with such an id made one that the parser takes for no option.
  ///
  /// Options have two dashes and small letters, or one and a letter. Twelve random characters with two dashes before
  /// them and small letters only, once in some thousands, are for "--" before them.
  static func escaped(_ arguments: [String]) -> [String] {
    var words = arguments.enumerated().makeIterator()
    var command: [String] = []
    while command.count < 2 {
      guard let (_, word) = words.next(), word != "--", !word.hasPrefix("---") else { return arguments }
      if valued.contains(word) { _ = words.next() } else if !word.hasPrefix("-") { command.append(word) }
    }
    guard var before = commands[command.joined(separator: " ")] else { return arguments }
    while let (index, word) = words.next(), word != "--" {
      if valued.contains(word) {
        _ = words.next()
      } else if before == 0, isID(word) {
        var escaped = arguments
        escaped[index] = escape + word
        return escaped
      } else if !word.hasPrefix("-") {
        before -= 1
      }
    }
    return arguments
  }

  private static func isID(_ word: String) -> Bool {
    guard word.hasPrefix("-"), word.count > 2, word.allSatisfy(letters.contains) else { return false }
    return !word.hasPrefix("--") || word.contains { $0.isUppercase || $0.isNumber || $0 == "~" }
  }
}
