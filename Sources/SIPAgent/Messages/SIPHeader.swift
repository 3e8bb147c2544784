// SIPHeader.swift: one header field of a SIP message, and lists of them (RFC 3261 §7.3)
import Foundation
import MessageFormats

/// A header field: name and unparsed value, without CRLF. Compact names (RFC 3261 §7.3.3) are not expanded here:
/// messages read from the network carry full names already.
public struct SIPHeader: Hashable, Sendable, CustomStringConvertible {
  /// As written; compared without case.
  public var name: String
  /// Without line ends, folded lines joined.
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }

  /// The same as `init(_:_:)`.
  public init(name: String, value: String) {
    self.init(name, value)
  }

  public var description: String { "\(name): \(value)" }

  /// True when the field can stand in a message: the name is a token (RFC 3261 §25.1) and the value has no control
  /// character but TAB, so no value can smuggle in another header field or end the header block.
  public var isWellFormed: Bool {
    !name.isEmpty && name.utf8.allSatisfy(Self.isTokenByte)
      && value.utf8.allSatisfy { $0 == 9 || ($0 >= 32 && $0 != 127) }
  }

  private static func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default: "-.!%*_+`'~".utf8.contains(byte)
    }
  }
}

extension Sequence<SIPHeader> {
  /// The value of the first field of that name, names compared without regard to case (RFC 3261 §7.3.1).
  public func first(named name: String) -> String? {
    first { $0.name.equalsIgnoringCase(name) }?.value
  }

  /// The values of all fields of that name, in order; a value that is itself a comma-separated list stays one value.
  public func all(named name: String) -> [String] {
    compactMap { $0.name.equalsIgnoringCase(name) ? $0.value : nil }
  }

  /// The value of the first field of that name.
  public subscript(name: String) -> String? { first(named: name) }
}

extension [SIPHeader] {
  /// The tag of From or To.
  func tag(of name: String) -> String? {
    first(named: name).flatMap { NameAddress($0) }?.parameters[parameter: "tag"]
  }
}
