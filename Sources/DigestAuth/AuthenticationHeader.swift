// AuthenticationHeader.swift: schemes and parameters in challenge and credentials headers (RFC 9110 section 11)

/// Longest header value that is looked at, in bytes.
let authenticationHeaderLimit = 8192
/// Most challenges in one header line.
let authenticationSchemeLimit = 16
/// Most parameters of one challenge.
let authenticationParameterLimit = 32

/// One `scheme name=value, name="value"` group of a header value, still without meaning.
struct AuthenticationScheme: Equatable {
  var name: String
  /// Names in lower case, values with quotes and escapes removed, in the order received.
  var parameters: [(name: String, value: String)] = []

  static func == (left: Self, right: Self) -> Bool {
    left.name == right.name && left.parameters.elementsEqual(right.parameters, by: ==)
  }

  /// Splits a header value that may carry several challenges separated by commas.
  static func list(_ headerValue: String) throws(DigestError) -> [AuthenticationScheme] {
    guard headerValue.utf8.count <= authenticationHeaderLimit else { throw .tooLarge }
    var scanner = AuthenticationScanner(bytes: Array(headerValue.utf8))
    return try scanner.schemes()
  }

  /// The only value of the parameter. A parameter given twice is an error: two readers could choose differently.
  func value(_ name: String) throws(DigestError) -> String? {
    let values = parameters.filter { $0.name == name }
    guard values.count <= 1 else { throw .repeatedParameter(name) }
    return values.first?.value
  }

  func required(_ name: String) throws(DigestError) -> String {
    guard let value = try value(name) else { throw .missingParameter(name) }
    return value
  }
}

private struct AuthenticationScanner {
  let bytes: [UInt8]
  var position = 0

  var current: UInt8? { position < bytes.count ? bytes[position] : nil }

  mutating func schemes() throws(DigestError) -> [AuthenticationScheme] {
    var found: [AuthenticationScheme] = []
    while true {
      skip { $0 == UInt8(ascii: ",") || Self.isSpace($0) }
      if current == nil { return found }
      let word = take(while: Self.isTokenByte)
      guard !word.isEmpty else { throw .malformed("unexpected character at byte \(position)") }
      let hadSpace = skip(while: Self.isSpace)
      if current == UInt8(ascii: "="), var scheme = found.popLast() {
        position += 1
        skip(while: Self.isSpace)
        let value = try parameterValue()
        guard scheme.parameters.count < authenticationParameterLimit else { throw .tooLarge }
        scheme.parameters.append((word.lowercased(), value))
        found.append(scheme)
        try endOfElement()
        continue
      }
      // A word that is no parameter name begins the next challenge.
      guard hadSpace || current == nil || current == UInt8(ascii: ",") else {
        throw .malformed("scheme \(word) is followed by neither space nor comma")
      }
      guard found.count < authenticationSchemeLimit else { throw .tooLarge }
      found.append(AuthenticationScheme(name: word))
      skipToken68()
    }
  }

  /// Passes over the one opaque value that schemes like Basic or Negotiate have instead of parameters.
  private mutating func skipToken68() {
    let start = position
    skip(while: Self.isToken68Byte)
    skip { $0 == UInt8(ascii: "=") }
    skip(while: Self.isSpace)
    if let current, current != UInt8(ascii: ",") { position = start }
  }

  private mutating func endOfElement() throws(DigestError) {
    skip(while: Self.isSpace)
    guard current == nil || current == UInt8(ascii: ",") else {
      throw .malformed("parameters are not separated by commas at byte \(position)")
    }
  }

  private mutating func parameterValue() throws(DigestError) -> String {
    guard current == UInt8(ascii: "\"") else {
      let token = take(while: Self.isTokenByte)
      guard !token.isEmpty else { throw .malformed("empty parameter at byte \(position)") }
      return token
    }
    position += 1
    var value: [UInt8] = []
    while let byte = current {
      position += 1
      switch byte {
      case UInt8(ascii: "\""):
        guard let text = String(validating: value, as: UTF8.self) else { throw .malformed("text is not UTF-8") }
        return text
      case UInt8(ascii: "\\"):
        guard let escaped = current, !Self.isControl(escaped) else { throw .malformed("broken escape") }
        value.append(escaped)
        position += 1
      case let byte where Self.isControl(byte):
        // Whatever is accepted here is echoed in our own headers: a line break would add a header of the peer's choice.
        throw .malformed("control character in a quoted string")
      default:
        value.append(byte)
      }
    }
    throw .malformed("quoted string does not end")
  }

  @discardableResult
  private mutating func skip(while matches: (UInt8) -> Bool) -> Bool {
    let start = position
    while let byte = current, matches(byte) { position += 1 }
    return position > start
  }

  private mutating func take(while matches: (UInt8) -> Bool) -> String {
    let start = position
    skip(while: matches)
    return String(decoding: bytes[start..<position], as: UTF8.self)
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    // Line breaks occur between parameters of folded SIP headers (RFC 3261 section 25.1, LWS).
    byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A
  }

  private static func isControl(_ byte: UInt8) -> Bool { (byte < 0x20 && byte != 0x09) || byte == 0x7F }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"):
      true
    default: false
    }
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
  }

  private static func isToken68Byte(_ byte: UInt8) -> Bool { isAlphanumeric(byte) || "-._~+/".utf8.contains(byte) }
}

/// Writes a quoted-string (RFC 9110 section 5.6.4).
///
/// Control characters but the tab are left out: they cannot be written, and a line break in a user name would begin
/// another header.
func quoted(_ value: String) -> String {
  var text: [UInt8] = [UInt8(ascii: "\"")]
  for byte in value.utf8 where byte == 0x09 || (byte >= 0x20 && byte != 0x7F) {
    if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
    text.append(byte)
  }
  text.append(UInt8(ascii: "\""))
  return String(decoding: text, as: UTF8.self)
}
