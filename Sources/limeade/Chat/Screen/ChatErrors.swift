// ChatErrors.swift: errors in the terminal UI: sentences with its own commands, and the page that has all of them.
import ChatCore
import Foundation
import TerminalUI

/// What went wrong, the newest last.
struct ErrorLog {
  /// Older ones go.
  static let maximumCount = 200

  private var entries: [(time: Date, text: String)] = []

  mutating func add(_ text: String) {
    entries.append((Date(), text))
    if entries.count > Self.maximumCount { entries.removeFirst(entries.count - Self.maximumCount) }
  }

  /// With what the servers answered; the newest first.
  var lines: [String] { entries.reversed().map { "\(Clock().stamp(of: $0.time))  \(ChatWords.ofTheScreen($0.text))" } }
}

enum ChatWords {
  /// What the command line calls its commands, by what they are called in the input line.
  private static let commands = [
    ("keys verify", "/verify"), ("keys trust", "/trust"), ("keys admit", "/admit"), ("keys exclude", "/exclude"),
    ("keys distrust", "/distrust"), ("keys forget", "/forget"), ("keys show", "/keys"), ("keys publish", "/publish"),
    ("room create", "/create"), ("room invite", "/invite"), ("room remove", "/remove"), ("room rename", "/rename"),
    ("room leave", "/leave"), ("send", "/join"),
  ]

  /// A sentence for the screen: without what a server answered, and with names for addresses.
  static func sentence(_ text: String, _ names: ChatNames) -> String {
    names.shortened(ofTheScreen(RawAnswer.removed(from: text)))
  }

  /// Hints name what can be typed here: `/trust DEVICE` and not `limeade keys trust DEVICE`.
  static func ofTheScreen(_ text: String) -> String {
    // Nothing to be done in most texts.
    guard text.contains("'limeade ") || text.contains("'keys ") else { return text }
    var result = text
    for (name, command) in commands {
      // In quotation marks, which a command of the input line needs as little as "TEXT" behind an address.
      for head in ["'limeade \(name)", "'\(name)"] {
        while let start = result.range(of: head), let end = result[start.upperBound...].firstIndex(of: "'") {
          var rest = String(result[start.upperBound..<end])
          guard rest.isEmpty || rest.hasPrefix(" ") else { break }
          if name == "send", rest.hasSuffix(" TEXT") { rest.removeLast(5) }
          result.replaceSubrange(start.lowerBound...end, with: command + rest)
        }
      }
    }
    return result
  }
}
