// PathCompletion.swift: what Tab offers for a file's name in the chat's input line.
import Foundation

enum PathCompletion {
  private static let maximum = 200

  /// Paths that begin with `word`, sorted: a folder with a slash behind it, a file with a space. "~" is the home folder.
  /// Blanks and quotation marks are escaped, as the input line reads them.
  static func candidates(for word: String) -> [String] {
    let typed = unescaped(word)
    let (shownFolder, beginning) = split(typed)
    let folder = shownFolder.isEmpty ? "." : BaseFolders.expanded(shownFolder)
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    // Hidden files only for who asks for them.
    return names.filter { $0.hasPrefix(beginning) && (beginning.hasPrefix(".") || !$0.hasPrefix(".")) }
      .sorted().prefix(maximum).map { name in
        var isFolder: ObjCBool = false
        _ = FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder)
        return escaped(shownFolder + name) + (isFolder.boolValue ? "/" : " ")
      }
  }

  private static func split(_ path: String) -> (folder: String, name: String) {
    guard let slash = path.lastIndex(of: "/") else { return ("", path) }
    return (String(path[...slash]), String(path[path.index(after: slash)...]))
  }

  private static func escaped(_ path: String) -> String {
    path.map { $0.isWhitespace || $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
  }

  private static func unescaped(_ word: String) -> String {
    var result = ""
    var isEscaped = false
    for character in word {
      if character == "\\", !isEscaped {
        isEscaped = true
      } else {
        result.append(character)
        isEscaped = false
      }
    }
    return result
  }
}
