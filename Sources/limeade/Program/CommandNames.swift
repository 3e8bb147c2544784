// CommandNames.swift: which command a misspelt one was meant to be.
import ArgumentParser
import FlexisipCheck

enum CommandNames {
  /// nil when the words name a command.
  static func advice(_ arguments: [String]) -> String? {
    var words = arguments[...]
    var (command, path): (any ParsableCommand.Type, [String]) = (Limeade.self, [])
    while let word = words.popFirst(), word != "--" {
      if word.hasPrefix("-") {
        if FreeText.valued.contains(word) { _ = words.popFirst() }
        continue
      }
      let known = command.configuration.subcommands
      guard !known.isEmpty else { return nil }
      if let next = known.first(where: { name(of: $0) == word }) {
        command = next
        path.append(word)
        continue
      }
      guard word != "help" else { return nil }
      let names = known.map(name(of:))
      let all = (["limeade"] + path).joined(separator: " ")
      let begun = names.filter { $0.hasPrefix(word) }
      if let near = begun.count == 1 ? begun.first : EditDistance.nearest(to: word, of: names) {
        return "Is '\(all) \(near)' meant?"
      }
      // What a command of another one is called.
      if path.isEmpty, let parent = Limeade.configuration.subcommands.first(where: { hasCommand($0, word) }) {
        return "Is 'limeade \(name(of: parent)) \(word)' meant?"
      }
      return "The commands of '\(all)' are: \(names.joined(separator: ", "))"
    }
    return nil
  }

  private static func hasCommand(_ command: any ParsableCommand.Type, _ word: String) -> Bool {
    command.configuration.subcommands.contains { name(of: $0) == word }
  }

  /// As the parser makes it where none is given.
  private static func name(of command: any ParsableCommand.Type) -> String {
    command.configuration.commandName ?? "\(command)".lowercased()
  }
}
