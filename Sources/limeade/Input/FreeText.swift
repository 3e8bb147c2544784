// FreeText.swift: arguments that are taken as they are though they begin with "-", as options do: texts, names and ids.
import Foundation

/// Where which argument of a command stands. Options stand before a text or behind it, but what comes directly after TO
/// is the text, so that a script may pass whatever it was given.
enum FreeText {
  /// What an argument is, by its place.
  enum Place {
    case plain
    /// A text: the word itself, unless it only makes sense as an option.
    case text
    /// A word that no option looks like, such as "-5 degrees".
    case name
    /// A Message-ID; those that Linphone makes may begin with "-".
    case id
  }

  struct Shape {
    var places: [Place]
    var flags: Set<String> = []
    /// Options that take a value.
    var valued: Set<String> = []

    func isFlag(_ word: String) -> Bool { flags.contains(word) || FreeText.flags.contains(word) }
    func isValued(_ word: String) -> Bool { valued.contains(word) || FreeText.valued.contains(word) }

    /// Also with a value behind "=".
    func isOption(_ word: String) -> Bool {
      isFlag(word) || isValued(word) || (word.contains("=") && isValued(String(word.prefix { $0 != "=" })))
    }

    /// Whether the words are options with their values and nothing else.
    func areOptions(_ words: ArraySlice<String>) -> Bool {
      var words = words
      while let word = words.popFirst() {
        guard isOption(word) else { return false }
        if isValued(word), words.popFirst() == nil { return false }
      }
      return true
    }
  }

  /// Of every command.
  private static let flags: Set = ["--json", "--verbose", "-v", "--help", "-h", "--version"]
  static let valued: Set = ["--config", "--account", "--log-file", "--log-level", "--trace"]

  static let commands: [String: Shape] = [
    "send": Shape(
      places: [.plain, .text], flags: ["--no-queue", "--require-trust", "--automatic"],
      valued: ["--file", "--file-name", "--wait", "--timeout", "--reply-to", "--ephemeral", "--ephemeral-unread"]),
    "message react": Shape(places: [.plain, .id, .name], flags: ["--remove", "--no-queue"], valued: ["--timeout"]),
    "message edit": Shape(places: [.plain, .id, .text], flags: ["--no-queue"], valued: ["--timeout"]),
    "message retract": Shape(places: [.plain, .id], flags: ["--no-queue"], valued: ["--timeout"]),
    "message forward": Shape(
      places: [.plain, .id], flags: ["--no-queue", "--unencrypted"], valued: ["--timeout"]),
    "file save": Shape(places: [.id], flags: ["--any-host", "--unencrypted"], valued: ["--to", "--room"]),
    "room create": Shape(places: [.name], flags: ["--plain"], valued: ["--ephemeral", "--timeout"]),
    "room rename": Shape(places: [.plain, .name], valued: ["--timeout"]),
  ]

  /// The program's arguments, with such words behind a "--", where the parser takes nothing for an option.
  static func ordered(_ arguments: [String]) -> [String] {
    guard let (_, shape, start) = command(in: arguments) else { return arguments }
    var rest = arguments[start...]
    var (options, others): ([String], [String]) = ([], [])
    while let word = rest.popFirst() {
      if word == "--" {
        others += rest
        break
      }
      let place = others.count < shape.places.count ? shape.places[others.count] : .plain
      if !isDashed(word) || takes(word, at: place, before: rest, shape) {
        others.append(word)
      } else {
        options.append(word)
        if shape.isValued(word), let value = rest.popFirst() { options.append(value) }
      }
    }
    guard others.contains(where: isDashed) else { return arguments }
    return arguments[..<start] + options + ["--"] + others
  }

  /// What to say beside an error of usage, when a text may have been meant.
  static func advice(_ arguments: [String]) -> String? {
    guard let (name, shape, start) = command(in: arguments) else { return nil }
    let words = arguments[start...]
    let usage: String
    switch name {
    case "send": usage = "limeade send [OPTIONS] -- TO TEXT"
    case "message edit": usage = "limeade message edit [OPTIONS] -- ROOM ID TEXT"
    case "message react": usage = "limeade message react [OPTIONS] -- ROOM ID EMOJI"
    case "room create": usage = "limeade room create [OPTIONS] -- NAME ADDRESS..."
    case "room rename": usage = "limeade room rename [OPTIONS] -- ROOM NAME"
    default: return nil
    }
    if words.contains(where: { isDashed($0) && $0 != "--" && !shape.isOption($0) }) {
      return "Whatever begins with a dash is no option behind '--': \(usage)"
    }
    return words.count > shape.places.count && shape.places.last == .text
      ? "A text of several words is written in quotes: \(usage.replacing("TEXT", with: "\"SEVERAL WORDS\""))" : nil
  }

  private static func command(in arguments: [String]) -> (name: String, Shape, start: Int)? {
    var words: [String] = []
    var index = 0
    while index < arguments.count, words.count < 2 {
      let word = arguments[index]
      guard word != "--" else { return nil }
      index += valued.contains(word) ? 2 : 1
      guard !word.hasPrefix("-") else { continue }
      words.append(word)
      let name = words.joined(separator: " ")
      if let shape = commands[name], index <= arguments.count { return (name, shape, index) }
    }
    return nil
  }

  private static func isDashed(_ word: String) -> Bool { word.hasPrefix("-") && word != "-" }

  private static func takes(
    _ word: String, at place: Place, before rest: ArraySlice<String>, _ shape: Shape
  ) -> Bool {
    switch place {
    case .plain: false
    case .text: !looksLikeOption(word) || shape.areOptions(rest)
    case .name: !looksLikeOption(word)
    case .id: isID(word)
    }
  }

  /// One or two dashes and a word of letters, digits and dashes, with or without a value behind "=".
  private static func looksLikeOption(_ word: String) -> Bool {
    word.wholeMatch(of: /--?[A-Za-z][A-Za-z0-9-]*(=.*)?/.dotMatchesNewlines()) != nil
  }

  private static let idLetters = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-~/")

  /// Options have two dashes and small letters, or one and a letter. Twelve random characters with two dashes before
  /// them and small letters only, once in some thousands, are for "--" before them.
  private static func isID(_ word: String) -> Bool {
    guard word.count > 2, word.allSatisfy(idLetters.contains) else { return false }
    return !word.hasPrefix("--") || word.contains { $0.isUppercase || $0.isNumber || $0 == "~" }
  }
}
