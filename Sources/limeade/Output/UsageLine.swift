// UsageLine.swift: the synopsis of a command (POSIX.1, 12.1), broken between its arguments.

/// swift-argument-parser breaks everything but this line.
enum UsageLine {
  private static let columns = 80
  private static let heads = ["USAGE: ", "Usage: "]

  /// - Parameter help: what the parser wrote; its other lines stay as they are.
  static func folded(_ help: String) -> String {
    help.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      guard line.count > columns, let head = heads.first(where: line.hasPrefix) else { return String(line) }
      return folded(arguments: words(line.dropFirst(head.count)), head: head)
    }.joined(separator: "\n")
  }

  private static func folded(arguments: [String], head: String) -> String {
    var lines = [head]
    for argument in arguments {
      let isFirst = lines[lines.count - 1].hasSuffix(" ")
      if !isFirst, lines[lines.count - 1].count + 1 + argument.count > columns {
        lines.append(String(repeating: " ", count: head.count) + argument)
      } else {
        lines[lines.count - 1] += (isFirst ? "" : " ") + argument
      }
    }
    return lines.joined(separator: "\n")
  }

  /// What stands in brackets is one.
  private static func words(_ line: Substring) -> [String] {
    var (words, depth) = ([""], 0)
    for character in line {
      if "[<".contains(character) { depth += 1 }
      if "]>".contains(character) { depth -= 1 }
      if character == " ", depth <= 0 { words.append("") } else { words[words.count - 1].append(character) }
    }
    return words.filter { !$0.isEmpty }
  }
}
