// PartList.swift: reads a content that is one document, or a multipart body of several of them (RFC 2046 §5.1.3)
import Foundation

enum PartList {
  /// The values of a body whose media type is `type`, or multipart with parts of that type. Parts of other types and
  /// parts that `read` refuses are left out: one bad document must not hide the others.
  static func values<Value>(
    _ contentType: String, _ body: Data, of type: ContentType, format: String, read: (Data) throws -> Value
  ) throws -> [Value] {
    guard let outer = ContentType(contentType) else {
      throw FormatError.malformed(format: format, reason: "unreadable Content-Type")
    }
    if outer.matches(type.mediaType) { return [try read(body)] }
    guard outer.isMultipart else {
      throw FormatError.malformed(format: format, reason: "the Content-Type is neither \(type.mediaType) nor multipart")
    }
    return try MultipartBody(parsing: body, contentType: contentType).parts
      .filter { $0.contentType?.matches(type.mediaType) == true }
      .compactMap { part in part.decodedBody.flatMap { try? read($0) } }
  }
}
