// Completer.swift: what Tab offers for a word.

struct Completer {
  let screen: ScreenState
  let commands: CommandTable
  let words: [String]
  let argument: (@Sendable (_ command: String, _ before: [String], _ word: String) -> [String])?

  /// Candidates for the word before the cursor, best first, without repetition; each ends with what follows it ("bob: "
  /// at the beginning of a message, "bob " elsewhere).
  func candidates(word: String, isFirst: Bool) -> [String] {
    let text = screen.input.text
    if isFirst, word.hasPrefix("/") {
      return commands.commands.map { "/" + $0.name }.filter { $0.hasPrefix(word.lowercased()) }.map { $0 + " " }
    }
    if word.hasPrefix(":") {
      let found = EmojiNames.emoji(beginning: String(word.dropFirst()))
      if !found.isEmpty { return found.map { $0 + " " } }
    }
    let command =
      text.hasPrefix("/") && !text.hasPrefix("//") ? String(text.dropFirst().prefix { !$0.isWhitespace }) : nil
    if let command, ["trust", "admit", "exclude", "distrust", "forget"].contains(command) {
      // Few know the beginning of a device's address.
      let others = screen.members.flatMap { member in
        member.devices.filter { !member.isSelf || $0.trust != .trusted }
      }
      return others.filter { command != "admit" || [.held, .excluded].contains($0.trust) }.map(\.id)
        .filter { word.isEmpty || $0.lowercased().contains(word.lowercased()) }.map { $0 + " " }
    }
    if let open = commands.openArgument(String(text.prefix(screen.input.cursor))) {
      let special =
        savedNames(open.command, open.arguments, word) + (argument?(open.command, open.arguments, word) ?? [])
      if !special.isEmpty { return special }
    }
    guard !word.isEmpty else { return [] }
    if command != nil {
      func quoted(_ names: [String]) -> [String] { names.map { $0.contains(" ") ? "\"\($0)\"" : $0 } }
      let names = quoted(words) + screen.members.map(\.id) + quoted(screen.rooms.map(\.name))
      return matching(word, in: names).map { $0 + " " }
    }
    let names = screen.members.filter { !$0.isSelf }.map(\.name)
    if word.hasPrefix("@") { return matching(word, in: names.map { "@" + $0 }).map { $0 + " " } }
    return matching(word, in: names + words).map { $0 + (isFirst ? ": " : " ") }
  }

  /// Names of the files that /save and /picture can mean, the newest first.
  private func savedNames(_ command: String, _ arguments: [String], _ word: String) -> [String] {
    guard ["save", "picture"].contains(command), arguments.allSatisfy({ $0.hasPrefix("--") }) else { return [] }
    let typed = CommandWords.resolved(word).lowercased()
    var seen: Set<String> = []
    let chosen = screen.messages.filter { $0.id == screen.selected }
    return (chosen.isEmpty ? screen.messages : chosen).reversed().flatMap(\.files)
      .filter { $0.lowercased().hasPrefix(typed) && DisplayText.line($0) == $0 && seen.insert($0).inserted }
      .map { CommandWords.word(for: $0, quoted: word.hasPrefix("\"")) + " " }
  }

  private func matching(_ word: String, in candidates: [String]) -> [String] {
    let wanted = word.lowercased()
    var seen: Set<String> = []
    return candidates.map(DisplayText.line).filter { candidate in
      let text = candidate.lowercased()
      // "bob" also finds "sip:bob@example.org" and "\"Bob's room\"".
      let isMatch = text.hasPrefix(wanted) || text.hasPrefix("sip:" + wanted) || text.hasPrefix("\"" + wanted)
      return isMatch && seen.insert(candidate).inserted
    }
  }
}
