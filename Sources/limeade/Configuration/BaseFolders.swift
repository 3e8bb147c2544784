// BaseFolders.swift: the user's folders (XDG Base Directory Specification 0.8).
import Foundation

enum BaseFolders {
  /// `$HOME`; as the system knows it where that is unset or no absolute path.
  static var home: String { absolutePath("HOME") ?? NSHomeDirectory() }
  static var configuration: String { absolutePath("XDG_CONFIG_HOME") ?? "\(home)/.config" }
  static var data: String { absolutePath("XDG_DATA_HOME") ?? "\(home)/.local/share" }
  static var state: String { absolutePath("XDG_STATE_HOME") ?? "\(home)/.local/state" }
  static var downloads: String { absolutePath("XDG_DOWNLOAD_DIR") ?? "\(home)/Downloads" }

  /// A relative path is to be ignored, as an empty one: else data would be wherever a command was started.
  private static func absolutePath(_ variable: String) -> String? {
    ProcessInfo.processInfo.environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil }
  }

  /// A path as people write it: `~` is the home folder, `~bob` that of bob.
  static func expanded(_ path: String) -> String {
    guard path == "~" || path.hasPrefix("~/") else { return NSString(string: path).expandingTildeInPath }
    return home + path.dropFirst()
  }
}
