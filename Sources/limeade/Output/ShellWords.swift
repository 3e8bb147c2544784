// ShellWords.swift: names that others chose as words that a shell takes as they are (bash(1), "QUOTING" and
// "Programmable Completion"; zshcompsys(1), _describe).
import ArgumentParser
import Foundation

/// What a shell offers at Tab is put on the command line, and bash expands what it is given to choose from: a room
/// called `$(…)` must stay a name in both.
enum ShellWords {
  /// What the completion scripts say about the command line, see `CompletionScript`.
  static let lineVariable = "LIMEADE_COMPLETION_LINE"
  static let wordVariable = "LIMEADE_COMPLETION_WORD"

  /// The words as the shell that asks for them wants them.
  static func offered(
    _ words: [String], shell: CompletionShell? = .requesting,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) -> [String] {
    switch shell {
    // Scripts of other versions leave "!" as it is, for the history.
    case .zsh?:
      words.filter { environment[lineVariable] != nil || !$0.contains("!") }.map { $0.replacing(":", with: "\\:") }
    // It takes each line as it is, and quotes it itself.
    case .fish?: words
    default: bash(words, line: environment[lineVariable], word: environment[wordVariable])
    }
  }

  /// - Parameters:
  ///   - line: the command line up to the cursor. Without it, as scripts of other versions call, the words are as
  ///     `compgen -W` reads them.
  ///   - word: the end of `line` that bash replaces. It begins behind a quotation mark, or a character of
  ///     COMP_WORDBREAKS.
  /// - Returns: those that begin with what was typed, in place of `word`.
  static func bash(_ words: [String], line: String?, word: String?) -> [String] {
    guard let line else { return words.map { quoted($0, in: nil) } }
    guard let word, line.hasSuffix(word) else { return [] }
    let whole = TypedWord(line)
    var (typed, kept) = (whole.text, TypedWord(String(line.dropLast(word.count))).text)
    if typed.hasPrefix("--"), let equals = kept.firstIndex(of: "=") {
      typed.removeSubrange(...equals)
      kept.removeSubrange(...equals)
    }
    guard typed.hasPrefix(kept) else { return [] }
    return words.filter { $0.hasPrefix(typed) }.map { quoted(String($0.dropFirst(kept.count)), in: whole.quote) }
  }

  /// A word of a command line as the shell would read it, without expansions.
  static func unquoted(_ word: String) -> String { TypedWord(word, endsAtBlanks: false).text }

  /// - Parameter quote: the quotation mark that is open.
  private static func quoted(_ text: String, in quote: Character?) -> String {
    text.map { character in
      switch quote {
      case "'": character == "'" ? "'\\''" : String(character)
      // History is expanded inside of double quotes, and a backslash before "!" stays there.
      case "\"": character == "!" ? "\"\\!\"" : "\\\"$`".contains(character) ? "\\\(character)" : String(character)
      default: isPlain(character) ? String(character) : "\\\(character)"
      }
    }.joined()
  }

  private static func isPlain(_ character: Character) -> Bool {
    guard let first = character.unicodeScalars.first else { return false }
    // The first scalar of a cluster decides: what follows it is no ASCII.
    guard first.value < 0x80 else { return true }
    return character.isASCII && (first.properties.isAlphabetic || "0123456789_./:@%+,=-".contains(character))
  }
}

/// The last word of a beginning of a command line.
private struct TypedWord {
  /// Without quotation marks and escapes.
  private(set) var text = ""
  /// The quotation mark that is open at the end.
  private(set) var quote: Character?

  init(_ line: String, endsAtBlanks: Bool = true) {
    var isEscaped = false
    for character in line {
      if isEscaped {
        isEscaped = false
        // Inside of double quotes it escapes these only.
        if quote == "\"", !"$`\"\\".contains(character) { text.append("\\") }
        text.append(character)
      } else if character == "\\", quote != "'" {
        isEscaped = true
      } else if let open = quote {
        if character == open { quote = nil } else { text.append(character) }
      } else if character == "'" || character == "\"" {
        quote = character
      } else if endsAtBlanks, character.isWhitespace || ";|&()<>".contains(character) {
        text = ""
      } else {
        text.append(character)
      }
    }
  }
}

/// The completion scripts of swift-argument-parser, so changed that no shell expands a word of this program.
enum CompletionScript {
  private typealias Replacement = (original: String, replacement: String)

  /// - Returns: nil for a text that is no such script, or needs no change.
  static func inert(_ text: String) -> String? {
    let replacements = text.hasPrefix("#!/bin/bash\n") ? bash : text.hasPrefix("#compdef ") ? zsh : []
    guard !replacements.isEmpty else { return nil }
    for (original, _) in replacements where !text.contains(original) { preconditionFailure("no \(original)") }
    return replacements.reduce(text) { $0.replacing($1.original, with: $1.replacement) }
  }

  /// It puts what it inserts into quotes where the options of the moment need them, and history is expanded later.
  private static let zsh: [Replacement] = [
    ("    unsetopt aliases banghist\n", "    unsetopt aliases\n    setopt banghist\n"),
    ("\"${command_name}\" \"${@}\"", "\(ShellWords.lineVariable)= \"${command_name}\" \"${@}\""),
  ]

  /// The original gives our words to `compgen -W`, which expands them, and takes `sip:bob@example.org` for five words,
  /// as bash breaks words at COMP_WORDBREAKS.
  private static let bash: [Replacement] = [
    (
      "__limeade_add_completions -W \"$(__limeade_custom_complete ",
      "__limeade_offer \"$(__limeade_custom_complete "
    ),
    (
      "    \"${COMP_WORDS[0]}\" \"${@}\" \"${words[@]}\"\n",
      """
          \(ShellWords.lineVariable)="${COMP_LINE:0:COMP_POINT}" \(ShellWords.wordVariable)="${cur}" \\
              "${COMP_WORDS[0]}" "${@}" "${words[@]}" 2>/dev/null

      """
    ),
    (
      "    local -r prev=\"${3}\"\n",
      """
          local -a joined_words=()
          local -i joined_index=0
          __limeade_join_words
          local -a COMP_WORDS=("${joined_words[@]}")
          local -i COMP_CWORD="${joined_index}"
          local prev=''
          ((COMP_CWORD > 0)) && prev="${COMP_WORDS[COMP_CWORD - 1]}"
          local -r prev

      """
    ),
    (
      "__limeade_custom_complete() {\n",
      """
      # Takes words that are quoted for the command line already, a line each.
      __limeade_offer() {
          local completion
          compopt +o filenames 2>/dev/null
          while IFS='' read -r completion; do
              [[ -n "${completion}" ]] && COMPREPLY+=("${completion}")
          done <<<"${1}"
      }

      # Sets joined_words to the words as the shell would separate them, and joined_index to the one at the cursor.
      __limeade_join_words() {
          local line="${COMP_LINE}" word
          local -i index
          for index in "${!COMP_WORDS[@]}"; do
              word="${COMP_WORDS[index]}"
              if ((index == 0)) || [[ "${line}" = [[:blank:]]* ]]; then
                  line="${line#"${line%%[![:blank:]]*}"}"
                  joined_words+=("${word}")
              elif [[ "${word}" = '=' && "${joined_words[-1]}" = --* && "${joined_words[-1]}" != *=* ]]; then
                  # The value of --option=value is a word of its own.
                  joined_words+=('')
              else
                  joined_words[-1]+="${word}"
              fi
              line="${line#"${word}"}"
              ((index == COMP_CWORD)) && joined_index="$((${#joined_words[@]} - 1))"
          done
      }

      __limeade_custom_complete() {

      """
    ),
  ]
}
