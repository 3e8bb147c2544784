// CPIMHeader.swift: one extension header of a CPIM message, and the escapes of its value (RFC 3862 §2.3, §3)
import Foundation

/// A message header other than From, To, DateTime and NS, known by the URI of its namespace, not by its prefix.
public struct CPIMHeader: Hashable, Sendable {
  /// What a header is called, whatever prefix stands for its namespace.
  public struct Name: Hashable, Sendable, CustomStringConvertible {
    /// URI of the namespace; nil for RFC 3862's own headers, and for an undeclared prefix.
    public var namespace: String?
    /// Without prefix, unless that is undeclared.
    public var name: String

    public init(namespace: String?, name: String) {
      self.namespace = namespace
      self.name = name
    }

    /// With the usual prefix where there is one, else with the whole namespace.
    public var description: String {
      guard let namespace else { return name }
      let prefix = CPIMNamespace.usualPrefixes.first { $0.value == namespace }?.key ?? "<\(namespace)>"
      return "\(prefix).\(name)"
    }
  }

  /// nil for the headers that RFC 3862 itself defines (cc, Subject, Require), and for an undeclared prefix.
  public var namespace: String?
  /// Without prefix; with it if no NS header declares the prefix and it is not a usual one.
  public var name: String
  /// Unescaped.
  public var value: String
  /// `;name=value` before the value, such as the language of a Subject.
  public var parameters: [Parameter]

  public init(namespace: String?, name: String, value: String, parameters: [Parameter] = []) {
    self.namespace = namespace
    self.name = name
    self.value = value
    self.parameters = parameters
  }
}

/// Namespaces of chat and the prefixes that everybody uses for them.
public enum CPIMNamespace {
  /// RFC 5438 §6.
  public static let imdn = "urn:ietf:params:imdn"
  /// Of Linphone's headers: Reply, Reaction, Replaces, Retracts, Ephemeral-Time.
  public static let linphone = "tag:linphone.org,2020:params:groupchat"

  /// Of the header `Auto-Submitted`, which RFC 3834 defines for mail.
  public static let automatic = "urn:ietf:rfc:3834"

  static let usualPrefixes = ["imdn": imdn, "linphone": linphone, "auto": automatic]
}

/// Backslash escapes of header values.
enum CPIMEscape {
  static func unescape(_ text: String) -> String {
    guard text.utf8.contains(ASCII.backslash) else { return text }
    var result = String.UnicodeScalarView()
    var scalars = text.unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "\\", let escape = scalars.popFirst() else {
        result.append(scalar)
        continue
      }
      switch escape {
      case "b": result.append("\u{8}")
      case "t": result.append("\t")
      case "n": result.append("\n")
      case "r": result.append("\r")
      case "u":
        guard let decoded = codePoint(&scalars) else {
          result.append(escape)
          continue
        }
        result.append(decoded)
      default: result.append(escape)
      }
    }
    return String(result)
  }

  /// `\uXXXX`, or two of them that make a surrogate pair. Leaves `scalars` alone when there is none.
  private static func codePoint(_ scalars: inout Substring.UnicodeScalarView) -> Unicode.Scalar? {
    func unit(_ view: inout Substring.UnicodeScalarView) -> UInt32? {
      let digits = view.prefix(4)
      guard digits.count == 4, digits.allSatisfy({ $0.isASCII && $0.properties.isASCIIHexDigit }) else { return nil }
      view = view.dropFirst(4)
      return UInt32(String(digits), radix: 16)
    }
    var rest = scalars
    guard let first = unit(&rest) else { return nil }
    if let scalar = Unicode.Scalar(first) {
      scalars = rest
      return scalar
    }
    guard (0xD800..<0xDC00).contains(first), rest.popFirst() == "\\", rest.popFirst() == "u",
      let second = unit(&rest), (0xDC00..<0xE000).contains(second)
    else { return nil }
    scalars = rest
    return Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
  }

  /// Escapes the backslash, all control characters, spaces around the text and a semicolon at its beginning, where a
  /// parameter would stand; the rest is UTF-8 as it is.
  static func escape(_ text: String) -> String {
    let scalars = text.unicodeScalars
    let start = scalars.firstIndex { $0 != " " } ?? scalars.endIndex
    let end = scalars.lastIndex { $0 != " " }.map(scalars.index(after:)) ?? start
    let leading = scalars.distance(from: scalars.startIndex, to: start)
    let trailing = scalars.distance(from: end, to: scalars.endIndex)
    var result = String(repeating: "\\u0020", count: leading)
    for scalar in scalars[start..<end] {
      switch scalar {
      case ";" where result.isEmpty: result += "\\u003B"
      case "\\": result += "\\\\"
      case "\u{8}": result += "\\b"
      case "\t": result += "\\t"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case _ where scalar.value < 0x20 || scalar.value == 0x7F:
        let digits = String(scalar.value, radix: 16, uppercase: true)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + String(repeating: "\\u0020", count: trailing)
  }
}
