// PathCompletion.swift: what Tab offers for a file's name in the chat's input line.
import Foundation
import TerminalUI

enum PathCompletion {
  enum Kind { case files, folders }

  private static let maximum = 200

  /// Paths that begin with `word`, sorted: a folder with a slash behind it, a file with a space. "~" is the home folder.
  /// Blanks and quotation marks are escaped, or the whole is in quotation marks where `word` begins with one.
  static func candidates(for word: String, _ kind: Kind = .files) -> [String] {
    let isQuoted = word.hasPrefix("\"")
    let typed = CommandWords.resolved(word)
    let (shownFolder, beginning) = split(typed)
    let folder = shownFolder.isEmpty ? "." : BaseFolders.expanded(shownFolder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    // Hidden files only for who asks for them; a name with control characters cannot be typed.
    return names.filter { name in
      name.hasPrefix(beginning) && (beginning.hasPrefix(".") || !name.hasPrefix("."))
        && DisplayText.line(name) == name
    }
    .sorted().lazy.compactMap { name in
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder)
      guard isFolder.boolValue || kind == .files else { return nil }
      let path = shownFolder + name + (isFolder.boolValue ? "/" : "")
      return CommandWords.word(for: path, quoted: isQuoted, isOpen: isFolder.boolValue)
        + (isFolder.boolValue ? "" : " ")
    }
    .prefix(maximum).map(\.self)
  }

  private static func split(_ path: String) -> (folder: String, name: String) {
    guard path != "~" else { return ("~/", "") }
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[...slash]), String(path[path.index(after: slash)...]))
  }
}
