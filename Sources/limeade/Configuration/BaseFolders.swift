// BaseFolders.swift: the user's folders (XDG Base Directory Specification 0.8, xdg-user-dirs).
import Foundation

enum BaseFolders {
  /// `$HOME`; as the system knows it where that is unset or no absolute path.
  static var home: String { absolutePath("HOME") ?? NSHomeDirectory() }
  static var configuration: String { absolutePath("XDG_CONFIG_HOME") ?? "\(home)/.config" }
  static var data: String { absolutePath("XDG_DATA_HOME") ?? "\(home)/.local/share" }
  static var state: String { absolutePath("XDG_STATE_HOME") ?? "\(home)/.local/state" }
  /// By the environment, else `user-dirs.dirs`, which file managers show and translate.
  static var downloads: String {
    let file = "\(configuration)/user-dirs.dirs"
    let lines = (try? String(contentsOfFile: file, encoding: .utf8)).map(TextLines.all)
    return absolutePath("XDG_DOWNLOAD_DIR") ?? lines.flatMap { userFolder("XDG_DOWNLOAD_DIR", in: $0, home: home) }
      ?? "\(home)/Downloads"
  }

  /// The last `NAME="$HOME/folder"` or `NAME="/folder"`; all else of the file is a shell's and not looked at.
  static func userFolder(_ name: String, in lines: [String], home: String) -> String? {
    lines.compactMap { line -> String? in
      let line = line.trimmingCharacters(in: .whitespaces)
      guard line.hasPrefix(name + "=\""), line.hasSuffix("\""), line.count > name.count + 2 else { return nil }
      var path = ""
      var isEscaped = false
      for character in line.dropFirst(name.count + 2).dropLast() {
        if character == "\\", !isEscaped {
          isEscaped = true
        } else {
          path.append(character)
          isEscaped = false
        }
      }
      if path == "$HOME" || path.hasPrefix("$HOME/") { path = home + path.dropFirst("$HOME".count) }
      return path.hasPrefix("/") ? path : nil
    }.last
  }

  /// A relative path is to be ignored, as an empty one: else data would be wherever a command was started.
  private static func absolutePath(_ variable: String) -> String? {
    ProcessInfo.processInfo.environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil }
  }

  /// A path as people write it: `~` is the home folder, `~bob` that of bob.
  static func expanded(_ path: String) -> String {
    guard path == "~" || path.hasPrefix("~/") else { return NSString(string: path).expandingTildeInPath }
    return home + path.dropFirst()
  }

  /// The reverse, for reading: the home folder as `~`.
  static func abbreviated(_ path: String) -> String {
    path == home ? "~" : path.hasPrefix(home + "/") ? "~" + path.dropFirst(home.count) : path
  }
}
