// HeaderFields.swift: blocks of `Name: value` lines, shared by MIME parts and CPIM (RFC 2045 §3, RFC 3862 §3)
import Foundation

/// Header fields in written order. Names compare without case.
public struct HeaderFields: Hashable, Sendable, ExpressibleByArrayLiteral {
  /// One field: folded lines are joined.
  public struct Field: Hashable, Sendable {
    /// As written.
    public var name: String
    /// Without blanks around it.
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// A block with more fields, or one longer than this (in bytes), is refused.
  public static let maximumFields = 256
  /// See ``maximumFields``.
  public static let maximumBlockLength = 65_536

  /// In written order, doubles too.
  public var fields: [Field]

  public init(_ fields: [Field] = []) { self.fields = fields }
  /// `[Field("Content-Type", "text/plain")]`
  public init(arrayLiteral elements: Field...) { fields = elements }

  /// The first field of that name. Setting changes it where it stands, or appends; setting nil removes all.
  public subscript(name: String) -> String? {
    get { fields.first { $0.name.equalsIgnoringCase(name) }?.value }
    set {
      guard let newValue else { return fields.removeAll { $0.name.equalsIgnoringCase(name) } }
      if let index = fields.firstIndex(where: { $0.name.equalsIgnoringCase(name) }) {
        fields[index].value = newValue
      } else {
        fields.append(Field(name, newValue))
      }
    }
  }

  /// The values of all fields of that name, in written order.
  public func all(_ name: String) -> [String] {
    fields.filter { $0.name.equalsIgnoringCase(name) }.map(\.value)
  }

  /// The lines, each ended by CRLF, without the empty line after them.
  var serialized: Data {
    var text = ""
    for field in fields { text += Self.line(field.name, field.value) }
    return Data(text.utf8)
  }

  /// One line. Control bytes in the value become spaces: a value can never begin a line of its own.
  static func line(_ name: String, _ value: String) -> String {
    "\(name.utf8.allSatisfy(ASCII.isToken) ? name : String(decoding: name.utf8.filter(ASCII.isToken), as: UTF8.self)): "
      + "\(value.utf8.contains(where: ASCII.isControl) ? clean(value) : value)\r\n"
  }

  private static func clean(_ value: String) -> String {
    String(decoding: value.utf8.map { ASCII.isControl($0) ? ASCII.space : $0 }, as: UTF8.self)
  }
}

extension HeaderFields {
  /// Reads fields from `index` up to and including the empty line, or to the end. Lines end with CRLF or LF;
  /// folded lines are joined with a space.
  static func parse(_ bytes: ArraySlice<UInt8>, at index: inout Int, format: String) throws -> HeaderFields {
    var result = HeaderFields()
    let limit = min(bytes.endIndex, index + maximumBlockLength)
    while index < bytes.endIndex {
      guard index < limit else {
        throw FormatError.tooLarge(format: format, limit: "\(maximumBlockLength) bytes of header")
      }
      let line = nextLine(bytes[..<limit], at: &index)
      guard !line.isEmpty else { return result }
      if let first = line.first, ASCII.isBlank(first) {
        guard !result.fields.isEmpty else {
          throw FormatError.malformed(format: format, reason: "header begins with a continuation line")
        }
        let last = result.fields.count - 1
        let values = [result.fields[last].value, ASCII.text(line)].filter { !$0.isEmpty }
        result.fields[last].value = values.joined(separator: " ")
        continue
      }
      guard let colon = line.firstIndex(of: ASCII.colon) else {
        throw FormatError.malformed(format: format, reason: "header line without a colon")
      }
      let name = ASCII.trim(line[..<colon])
      guard !name.isEmpty, name.allSatisfy(ASCII.isToken) else {
        throw FormatError.malformed(format: format, reason: "header name is no token")
      }
      guard result.fields.count < maximumFields else {
        throw FormatError.tooLarge(format: format, limit: "\(maximumFields) header fields")
      }
      result.fields.append(Field(String(decoding: name, as: UTF8.self), ASCII.text(line[(colon + 1)...])))
    }
    return result
  }

  /// The line at `index` without its end; `index` moves behind the end.
  private static func nextLine(_ bytes: ArraySlice<UInt8>, at index: inout Int) -> ArraySlice<UInt8> {
    let end = bytes[index...].firstIndex(of: ASCII.lineFeed) ?? bytes.endIndex
    var line = bytes[index..<end]
    if line.last == ASCII.carriageReturn { line.removeLast() }
    index = min(end + 1, bytes.endIndex)
    return line
  }
}
