// ASCII.swift: byte classes of the SIP and MIME grammars (RFC 3261 §25.1, RFC 2045 §5.1)
import Foundation

enum ASCII {
  static let tab = UInt8(ascii: "\t")
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")
  static let quote = UInt8(ascii: "\"")
  static let backslash = UInt8(ascii: "\\")
  static let colon = UInt8(ascii: ":")
  static let semicolon = UInt8(ascii: ";")
  static let comma = UInt8(ascii: ",")
  static let equals = UInt8(ascii: "=")
  static let percent = UInt8(ascii: "%")
  static let hyphen = UInt8(ascii: "-")
  static let less = UInt8(ascii: "<")
  static let greater = UInt8(ascii: ">")

  static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  static func isAlphanumeric(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte >= 0x41 && byte <= 0x5A) || (byte >= 0x61 && byte <= 0x7A)
  }

  static func lowercase(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

  static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

  /// Space, tab and line ends: folded header lines keep theirs.
  static func isWhitespace(_ byte: UInt8) -> Bool { isBlank(byte) || byte == carriageReturn || byte == lineFeed }

  static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }

  static func hexValue(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x41 + 10
    case 0x61...0x66: byte - 0x61 + 10
    default: nil
    }
  }

  private static func set(alphanumericAnd others: String) -> [Bool] {
    var table = [Bool](repeating: false, count: 256)
    for byte in UInt8.min...UInt8.max where isAlphanumeric(byte) { table[Int(byte)] = true }
    for byte in others.utf8 { table[Int(byte)] = true }
    return table
  }

  private static let tokenTable = set(alphanumericAnd: "-.!%*_+`'~")
  private static let userTable = set(alphanumericAnd: "-_.!~*'()&=+$,;?/")
  private static let uriParameterTable = set(alphanumericAnd: "-_.!~*'()[]/:&+$")

  /// `token` of RFC 3261.
  static func isToken(_ byte: UInt8) -> Bool { tokenTable[Int(byte)] }
  /// What may stand unescaped in the user part of a SIP URI.
  static func isURIUser(_ byte: UInt8) -> Bool { userTable[Int(byte)] }
  /// What may stand unescaped in the name or value of a URI parameter.
  static func isURIParameter(_ byte: UInt8) -> Bool { uriParameterTable[Int(byte)] }

  static func trim(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    var slice = bytes
    while let first = slice.first, isWhitespace(first) { slice.removeFirst() }
    while let last = slice.last, isWhitespace(last) { slice.removeLast() }
    return slice
  }

  /// UTF-8 text of a header value, without white space around it. Control bytes become spaces: a value that was read
  /// can never begin a line of its own where it is written.
  static func text(_ bytes: ArraySlice<UInt8>) -> String {
    guard bytes.contains(where: isControl) else { return String(decoding: trim(bytes), as: UTF8.self) }
    return String(decoding: trim(bytes.map { isControl($0) ? space : $0 }[...]), as: UTF8.self)
  }

  /// Decimal digits only, no sign; nil when empty, not digits, or more than `maximum`.
  static func decimal(_ bytes: some Collection<UInt8>, maximum: Int = Int(Int32.max)) -> Int? {
    guard !bytes.isEmpty else { return nil }
    var value = 0
    for byte in bytes {
      guard isDigit(byte) else { return nil }
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      guard !overflow else { return nil }
      value = product + Int(byte - 0x30)
      guard value <= maximum else { return nil }
    }
    return value
  }
}

extension StringProtocol {
  /// Case-insensitive comparison of ASCII names, as header, parameter and scheme names want it. Foundation's compares
  /// as languages do, and takes some hundred times as long.
  public func equalsIgnoringCase(_ other: some StringProtocol) -> Bool {
    utf8.elementsEqual(other.utf8) { ASCII.lowercase($0) == ASCII.lowercase($1) }
  }
}

extension String {
  /// The same without the generic: it is asked for each header field of each message.
  public func equalsIgnoringCase(_ other: String) -> Bool {
    let (left, right) = (utf8, other.utf8)
    guard left.count == right.count else { return false }
    var place = right.startIndex
    for byte in left {
      guard ASCII.lowercase(byte) == ASCII.lowercase(right[place]) else { return false }
      right.formIndex(after: &place)
    }
    return true
  }
}
