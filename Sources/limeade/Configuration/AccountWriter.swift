// AccountWriter.swift: writes account tables of config.toml (TOML 1.0), readable by the owner only.
import Foundation

enum AccountWriter {
  /// A TOML basic string.
  static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F: result += String(format: "\\u%04X", scalar.value)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  /// A key of TOML: bare where that can be.
  static func key(_ name: String) -> String {
    let isBare =
      !name.isEmpty
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
          true
        default: false
        }
      }
    return isBare ? name : quoted(name)
  }

  static func table(name: String, values: [(String, String)]) -> String {
    let lines = values.map { "\($0.0) = \(quoted($0.1))\n" }
    return "\n[account.\(key(name))]\n" + lines.joined()
  }

  /// Replaces the file in one step; 0600 from its first byte.
  static func writePrivately(_ text: String, to path: String) throws {
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    let temporary = path + ".new"
    do {
      if !FileManager.default.fileExists(atPath: folder.path) {
        try FileManager.default.createDirectory(
          at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      }
      try? FileManager.default.removeItem(atPath: temporary)
      let data = Data(text.utf8)
      guard
        FileManager.default.createFile(
          atPath: temporary, contents: data, attributes: [.posixPermissions: 0o600])
      else { throw CocoaError(.fileWriteUnknown) }
      guard rename(temporary, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    } catch { throw CommandFailure.cannotWrite("\(path) cannot be written: \(error.localizedDescription)") }
  }
}
