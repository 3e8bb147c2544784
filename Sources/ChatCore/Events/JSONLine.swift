// JSONLine.swift: one JSON object on one line (RFC 8259), harmless to a terminal
import Foundation
import MessageFormats
import SafeText

/// Written here and not by Foundation, which takes longer for a message's line than all else about showing it.
public enum JSONLine {
  /// A value that is JSON already.
  public struct Fragment {
    /// One value, without line ends.
    public let json: String
    public init(json: String) { self.json = json }
  }

  /// With sorted keys.
  /// - Parameter object: of Swift's strings, numbers and booleans, fragments, and arrays and dictionaries of these;
  ///   anything else is `null`.
  public static func string(_ object: [String: Any]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(512)
    write(object, to: &text)
    return String(decoding: text, as: UTF8.self)
  }

  private static func write(_ object: [String: Any], to text: inout [UInt8]) {
    text.append(UInt8(ascii: "{"))
    for (index, (key, value)) in object.sorted(by: { $0.key < $1.key }).enumerated() {
      if index > 0 { text.append(UInt8(ascii: ",")) }
      write(key, to: &text)
      text.append(UInt8(ascii: ":"))
      write(any: value, to: &text)
    }
    text.append(UInt8(ascii: "}"))
  }

  private static func write(any value: Any, to text: inout [UInt8]) {
    switch value {
    case let value as String: write(value, to: &text)
    case let value as Fragment: text += value.json.utf8
    case let value as Bool: text += (value ? "true" : "false").utf8
    case let value as any BinaryInteger: text += String(describing: value).utf8
    // JSON knows no infinity.
    case let value as Double: text += (value.isFinite ? "\(value)" : "null").utf8
    case let value as [String: Any]: write(value, to: &text)
    case let value as [Any]:
      text.append(UInt8(ascii: "["))
      for (index, element) in value.enumerated() {
        if index > 0 { text.append(UInt8(ascii: ",")) }
        write(any: element, to: &text)
      }
      text.append(UInt8(ascii: "]"))
    default: text += "null".utf8
    }
  }

  private static func write(_ string: String, to text: inout [UInt8]) {
    text.append(UInt8(ascii: "\""))
    if string.utf8.allSatisfy(isPlain) {
      text += string.utf8
    } else {
      for scalar in string.unicodeScalars { write(scalar, to: &text) }
    }
    text.append(UInt8(ascii: "\""))
  }

  /// Printable ASCII that stands for itself in a JSON string.
  private static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private static func write(_ scalar: Unicode.Scalar, to text: inout [UInt8]) {
    switch scalar {
    case "\"": text += "\\\"".utf8
    case "\\": text += "\\\\".utf8
    case "\u{8}": text += "\\b".utf8
    case "\u{C}": text += "\\f".utf8
    case "\n": text += "\\n".utf8
    case "\r": text += "\\r".utf8
    case "\t": text += "\\t".utf8
    case _ where scalar.value < 0x20 || isHarmful(scalar): text += escape(scalar).utf8
    default: text += UTF8.encode(scalar).map(Array.init) ?? []
    }
  }

  /// JSON escapes the control characters of ASCII only; a terminal also obeys those from U+0080 on, and a reader's eye
  /// the characters that change the direction of writing or are not to be seen. What the screen does not show as it is
  /// is escaped here: a program gets all of it, and a reader sees that it is there.
  private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x7F && !ScalarTreatment(of: scalar).isHarmless
  }

  /// As UTF-16, of which JSON's escapes are made.
  private static func escape(_ scalar: Unicode.Scalar) -> String {
    UTF16.encode(scalar).map { units in
      units.map { unit in
        let digits = String(unit, radix: 16)
        return "\\u" + String(repeating: "0", count: max(0, 4 - digits.utf8.count)) + digits
      }.joined()
    } ?? ""
  }

  /// JSON that others wrote, with what is harmful escaped: it can only stand inside strings.
  public static func harmless(_ json: String) -> String {
    guard json.unicodeScalars.contains(where: isHarmful) else { return json }
    var result = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      if isHarmful(scalar) { result.append(contentsOf: escape(scalar).unicodeScalars) } else { result.append(scalar) }
    }
    return String(result)
  }

  /// ISO 8601 with milliseconds, UTC.
  public static func time(_ date: Date) -> String { RFC3339.preciseString(from: date) }
}
