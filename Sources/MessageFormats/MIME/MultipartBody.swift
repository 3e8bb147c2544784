// MultipartBody.swift: bodies of several parts (RFC 2046 §5.1)
import Foundation

/// One part of a multipart body.
public struct MIMEPart: Hashable, Sendable {
  /// Of the part.
  public var headers: HeaderFields
  /// As it travels, still in its Content-Transfer-Encoding.
  public var body: Data

  public init(headers: HeaderFields = [], body: Data) {
    self.headers = headers
    self.body = body
  }

  /// nil when the part has no readable Content-Type. Then `text/plain` holds (RFC 2046 §5.1).
  public var contentType: ContentType? { headers["Content-Type"].flatMap(ContentType.init) }

  /// The body without its Content-Transfer-Encoding; nil when that is unknown or broken.
  public var decodedBody: Data? { TransferEncoding.decode(body, headers["Content-Transfer-Encoding"]) }

  /// The body as text in the character set of the Content-Type, UTF-8 if it names none. What cannot be read is named.
  public var text: String {
    guard let decodedBody else {
      return "[\(described), \(headers["Content-Transfer-Encoding"] ?? ""), \(body.count) bytes]"
    }
    return TextCharset.decode(decodedBody, contentType?[parameter: "charset"])
      ?? "[\(described), \(decodedBody.count) bytes]"
  }

  private var described: String {
    let type = contentType ?? .plainText
    return type.mediaType + (type[parameter: "charset"].map { "; charset=\($0)" } ?? "")
  }
}

/// The parts between the boundary lines; preamble and epilogue are dropped.
public struct MultipartBody: Hashable, Sendable {
  /// More parts than this are refused.
  public static let maximumParts = 4096
  /// Longest boundary, in bytes (RFC 2046 §5.1.1).
  public static let maximumBoundaryLength = 70
  /// The boundary that liblinphone 5.1 always writes. Older clients know no other form.
  public static let usualBoundary = String(repeating: "-", count: 27) + "14737809831466499882746641449"

  private static let format = "multipart body"

  /// In written order.
  public var parts: [MIMEPart]

  public init(_ parts: [MIMEPart]) { self.parts = parts }

  /// The `boundary` parameter of a multipart Content-Type; nil when it is absent or unusable.
  public static func boundary(inContentType text: String) -> String? {
    guard let type = ContentType(text), type.isMultipart, let boundary = type[parameter: "boundary"],
      (1...maximumBoundaryLength).contains(boundary.utf8.count)
    else { return nil }
    return boundary
  }

  /// - Parameter contentType: the whole field, for its boundary.
  /// - Throws: ``FormatError`` when the boundary is missing, the body is cut, or it has too many parts.
  public init(parsing data: Data, contentType: String) throws {
    guard let boundary = Self.boundary(inContentType: contentType) else {
      throw FormatError.missing(format: Self.format, field: "boundary parameter in the Content-Type")
    }
    try self.init(parsing: data, boundary: boundary)
  }

  /// Lines may end with CRLF or LF. A missing closing line is an error: the body was cut.
  public init(parsing data: Data, boundary: String) throws {
    parts = []
    try Self.forEachPart(of: data, boundary: boundary) { parts.append(try Self.part($0)) }
  }

  /// Calls `body` with the bytes of each part, header fields included.
  static func forEachPart(of data: Data, boundary: String, _ body: (ArraySlice<UInt8>) throws -> Void) throws {
    let bytes = [UInt8](data)
    let delimiter = Array("--".utf8) + Array(boundary.utf8)
    var count = 0
    var partStart: Int?
    var lineStart = 0
    while lineStart < bytes.count {
      let lineEnd = bytes[lineStart...].firstIndex(of: ASCII.lineFeed) ?? bytes.count
      if let isClosing = delimiterKind(bytes[lineStart..<lineEnd], delimiter) {
        if let partStart {
          count += 1
          guard count <= maximumParts else {
            throw FormatError.tooLarge(format: format, limit: "\(maximumParts) parts")
          }
          // The line end before a delimiter belongs to the delimiter.
          var end = lineStart
          if end > partStart { end -= 1 }
          if end > partStart, bytes[end - 1] == ASCII.carriageReturn { end -= 1 }
          try body(bytes[partStart..<end])
        }
        if isClosing { return }
        partStart = min(lineEnd + 1, bytes.count)
      }
      lineStart = lineEnd + 1
    }
    let fault = partStart == nil ? "the boundary does not occur" : "the closing boundary is missing"
    throw FormatError.malformed(format: format, reason: fault)
  }

  /// nil when the line is no delimiter, else whether it is the closing one. Blanks after it are allowed.
  private static func delimiterKind(_ line: ArraySlice<UInt8>, _ delimiter: [UInt8]) -> Bool? {
    guard line.starts(with: delimiter) else { return nil }
    var rest = line.dropFirst(delimiter.count)
    let isClosing = rest.starts(with: [ASCII.hyphen, ASCII.hyphen])
    if isClosing { rest = rest.dropFirst(2) }
    return rest.allSatisfy(ASCII.isWhitespace) ? isClosing : nil
  }

  static func part(_ bytes: ArraySlice<UInt8>) throws -> MIMEPart {
    var index = bytes.startIndex
    let headers = try HeaderFields.parse(bytes, at: &index, format: format)
    return MIMEPart(headers: headers, body: Data(bytes[index...]))
  }

  /// Each part as header lines, an empty line, body; `--boundary--` and CRLF at the end.
  /// - Precondition on use: no body contains the boundary line; see ``boundary(avoidedBy:)``.
  public func serialized(boundary: String) -> Data {
    var data = Data()
    for part in parts {
      data += Data("--\(boundary)\r\n".utf8)
      data += part.headers.serialized
      data += Data("\r\n".utf8)
      data += part.body
      data += Data("\r\n".utf8)
    }
    data += Data("--\(boundary)--\r\n".utf8)
    return data
  }

  /// A boundary that occurs in none of the parts: the usual one, or one of the same form with a number after it.
  public static func boundary(avoidedBy parts: [MIMEPart]) -> String {
    var boundary = usualBoundary
    var number = 0
    while parts.contains(where: { $0.body.range(of: Data(boundary.utf8)) != nil }) {
      number += 1
      boundary = usualBoundary + String(number)
    }
    return boundary
  }
}
