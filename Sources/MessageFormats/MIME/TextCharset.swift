// TextCharset.swift: text in any character set that the system's iconv knows (RFC 2046 §4.1.2, POSIX iconv)
import Foundation

enum TextCharset {
  /// Longest name of a character set that is looked up, in bytes.
  private static let maximumNameLength = 40
  /// Bytes that are handed to iconv, and taken from it, at a time.
  private static let pieceLength = 4096
  private static let replacement = Array("\u{FFFD}".utf8)

  /// nil when nobody here knows the character set. Faulty bytes become U+FFFD.
  /// - Parameter name: nil for UTF-8, as everywhere in chat.
  static func decode(_ data: Data, _ name: String?) -> String? {
    switch (name ?? "utf-8").lowercased() {
    // What most messages are takes no detour. US-ASCII is part of UTF-8, and who writes more than that under its name
    // writes UTF-8.
    case "utf-8", "utf8", "us-ascii", "ascii": return String(decoding: data, as: UTF8.self)
    default: return name.flatMap { converted(data, $0) } ?? guessed(data)
    }
  }

  /// Under an unknown name: what is UTF-8 without control characters is text.
  private static func guessed(_ data: Data) -> String? {
    guard let text = String(validating: data, as: UTF8.self),
      !text.unicodeScalars.contains(where: { $0.value < 0x20 && !"\t\n\r".unicodeScalars.contains($0) })
    else { return nil }
    return text
  }

  private static func converted(_ data: Data, _ name: String) -> String? {
    // Nothing that iconv would take for a path, or for a suffix that changes how it works.
    guard (1...maximumNameLength).contains(name.utf8.count),
      name.utf8.allSatisfy({ ASCII.isAlphanumeric($0) || "-_.:+()".utf8.contains($0) }),
      let converter = iconv_open("UTF-8", name), converter != iconv_t(bitPattern: -1)
    else { return nil }
    defer { iconv_close(converter) }
    var input = data.map { CChar(bitPattern: $0) }
    var output = [CChar](repeating: 0, count: pieceLength)
    var result: [UInt8] = []
    var used = 0
    while used < input.count {
      let before = result.count
      var isStuck = false
      let taken = input.withUnsafeMutableBufferPointer { buffer in
        var source = buffer.baseAddress.map { $0 + used }
        var left = buffer.count - used
        isStuck = append(&output, to: &result) { iconv(converter, &source, &left, $0, $1) }
        return buffer.count - used - left
      }
      used += taken
      // A byte that is no character, or the beginning of one that does not come.
      if isStuck || (taken == 0 && result.count == before) {
        result += replacement
        used += 1
      }
    }
    // What a character set with states still holds.
    _ = append(&output, to: &result) { iconv(converter, nil, nil, $0, $1) }
    return String(decoding: result, as: UTF8.self)
  }

  /// One call of iconv, with room for its output.
  /// - Returns: whether it stopped at what it cannot read, and not for want of room.
  private static func append(
    _ output: inout [CChar], to result: inout [UInt8],
    _ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>, UnsafeMutablePointer<Int>) -> Int
  ) -> Bool {
    var code: Int32 = 0
    let written = output.withUnsafeMutableBufferPointer { buffer in
      var target = buffer.baseAddress
      var left = buffer.count
      if call(&target, &left) == -1 { code = errno }
      return buffer.count - left
    }
    for byte in output[..<written] { result.append(UInt8(bitPattern: byte)) }
    return code != 0 && code != E2BIG
  }
}
