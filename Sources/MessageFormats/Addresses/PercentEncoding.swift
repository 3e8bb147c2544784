// PercentEncoding.swift: `%HH` escapes of URIs (RFC 3986 §2.1)
import Foundation

enum PercentEncoding {
  private static let digits = Array("0123456789ABCDEF".utf8)

  /// Escapes every byte that `isAllowed` refuses.
  static func encode(_ bytes: some Sequence<UInt8>, where isAllowed: (UInt8) -> Bool) -> String {
    var result: [UInt8] = []
    for byte in bytes {
      if isAllowed(byte) {
        result.append(byte)
      } else {
        result += [ASCII.percent, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// Keeps escapes that are there, and escapes what is neither escaped nor allowed. nil when an escape is broken.
  static func normalize(_ bytes: ArraySlice<UInt8>, where isAllowed: (UInt8) -> Bool) -> String? {
    var result = ""
    var start = bytes.startIndex
    var index = start
    while index < bytes.endIndex {
      guard bytes[index] == ASCII.percent else {
        index += 1
        continue
      }
      guard bytes.endIndex - index >= 3, ASCII.hexValue(bytes[index + 1]) != nil,
        ASCII.hexValue(bytes[index + 2]) != nil
      else { return nil }
      result += encode(bytes[start..<index], where: isAllowed)
      result += String(decoding: bytes[index..<index + 3], as: UTF8.self)
      index += 3
      start = index
    }
    return result + encode(bytes[start...], where: isAllowed)
  }

  /// Broken escapes stay as they are; bytes that are no UTF-8 become U+FFFD.
  static func decode(_ text: String) -> String {
    guard text.utf8.contains(ASCII.percent) else { return text }
    return String(decoding: bytes(of: text), as: UTF8.self)
  }

  /// nil when an escape is broken, or they stand for what is no UTF-8, or for characters that XML cannot hold (§2.2).
  static func decodeWhole(_ text: String) -> String? {
    let percents = text.utf8.count { $0 == ASCII.percent }
    let bytes = bytes(of: text)
    guard text.utf8.count - bytes.count == 2 * percents,
      !bytes.contains(where: { $0 < 0x20 && !ASCII.isWhitespace($0) })
    else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }

  /// The one spelling of what has several: an escape only where there must be one, and in capitals.
  static func canonical(_ text: String, where isAllowed: (UInt8) -> Bool) -> String {
    guard text.utf8.contains(ASCII.percent) else { return text }
    return encode(bytes(of: text), where: isAllowed)
  }

  private static func bytes(of text: String) -> [UInt8] {
    let bytes = Array(text.utf8)
    var result: [UInt8] = []
    var index = 0
    while index < bytes.count {
      if bytes[index] == ASCII.percent, index + 2 < bytes.count,
        let high = ASCII.hexValue(bytes[index + 1]), let low = ASCII.hexValue(bytes[index + 2])
      {
        result.append(high << 4 | low)
        index += 3
      } else {
        result.append(bytes[index])
        index += 1
      }
    }
    return result
  }
}
