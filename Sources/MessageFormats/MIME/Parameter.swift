// Parameter.swift: `;name=value` of URIs and header fields (RFC 3261 §19.1.1, §25.1)
import Foundation

/// One parameter of a URI or of a header field. `value` is without quotes; nil when there was no "=".
public struct Parameter: Hashable, Sendable, Codable {
  /// As written; compared without case.
  public var name: String
  /// Without quotes; nil when there was no "=".
  public var value: String?

  public init(_ name: String, _ value: String? = nil) {
    self.name = name
    self.value = value
  }
}

extension [Parameter] {
  /// The value of the first parameter of that name; the empty string when it has none, nil when it is absent.
  public subscript(parameter name: String) -> String? {
    get { first { $0.name.equalsIgnoringCase(name) }.map { $0.value ?? "" } }
    set {
      guard let newValue else { return removeAll { $0.name.equalsIgnoringCase(name) } }
      if let index = firstIndex(where: { $0.name.equalsIgnoringCase(name) }) {
        self[index].value = newValue
      } else {
        append(Parameter(name, newValue))
      }
    }
  }

  /// Whether a parameter of that name is there, with or without a value.
  public func has(parameter name: String) -> Bool { contains { $0.name.equalsIgnoringCase(name) } }

  /// `;name=value…` as header fields write them. Feature tags ("+…") are always quoted (RFC 3840 §9), other values
  /// where they are no token. Names are tokens: what cannot be part of one is left out.
  var headerText: String {
    map { parameter in
      let name = String(decoding: parameter.name.utf8.filter(ASCII.isToken), as: UTF8.self)
      guard let value = parameter.value else { return ";\(name)" }
      let bare = !value.isEmpty && value.utf8.allSatisfy(ASCII.isToken) && !parameter.name.hasPrefix("+")
      return ";\(name)=\(bare ? value : QuotedString.quote(value))"
    }.joined()
  }
}

/// `quoted-string` of RFC 3261 §25.1 and RFC 2045.
enum QuotedString {
  /// Line ends and other control bytes become spaces: a value can never begin a header line of its own.
  static func quote(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      if scalar == "\"" || scalar == "\\" { result.unicodeScalars.append("\\") }
      result.unicodeScalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
    }
    return result + "\""
  }

  /// Reads from the opening quote at `index`, and leaves `index` after the closing one. nil when it is not closed.
  static func read(_ bytes: ArraySlice<UInt8>, at index: inout Int) -> [UInt8]? {
    guard index < bytes.endIndex, bytes[index] == ASCII.quote else { return nil }
    var content: [UInt8] = []
    var position = index + 1
    while position < bytes.endIndex {
      switch bytes[position] {
      case ASCII.quote:
        index = position + 1
        return content
      case ASCII.backslash where position + 1 < bytes.endIndex:
        content.append(plain(bytes[position + 1]))
        position += 2
      default:
        content.append(plain(bytes[position]))
        position += 1
      }
    }
    return nil
  }

  private static func plain(_ byte: UInt8) -> UInt8 { ASCII.isControl(byte) ? ASCII.space : byte }
}

/// Reads `;name=value` lists of header fields.
enum HeaderParameters {
  /// More parameters than this in one field are refused.
  static let maximumCount = 64

  /// `bytes` begins with ";" or is empty. nil when the grammar is broken.
  static func parse(_ bytes: ArraySlice<UInt8>) -> [Parameter]? {
    var parameters: [Parameter] = []
    var index = bytes.startIndex
    func skipSpace() { while index < bytes.endIndex, ASCII.isWhitespace(bytes[index]) { index += 1 } }
    while true {
      skipSpace()
      guard index < bytes.endIndex else { return parameters }
      guard bytes[index] == ASCII.semicolon, parameters.count < maximumCount else { return nil }
      index += 1
      skipSpace()
      // A semicolon at the end is common and harmless.
      guard index < bytes.endIndex else { return parameters }
      let nameStart = index
      while index < bytes.endIndex, ASCII.isToken(bytes[index]) { index += 1 }
      guard index > nameStart else { return nil }
      let name = String(decoding: bytes[nameStart..<index], as: UTF8.self)
      skipSpace()
      guard index < bytes.endIndex, bytes[index] == ASCII.equals else {
        parameters.append(Parameter(name))
        continue
      }
      index += 1
      skipSpace()
      if index < bytes.endIndex, bytes[index] == ASCII.quote {
        guard let content = QuotedString.read(bytes, at: &index) else { return nil }
        parameters.append(Parameter(name, String(decoding: content, as: UTF8.self)))
      } else {
        let valueStart = index
        while index < bytes.endIndex, bytes[index] != ASCII.semicolon { index += 1 }
        parameters.append(Parameter(name, ASCII.text(bytes[valueStart..<index])))
      }
    }
  }
}
