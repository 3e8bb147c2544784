// ContentCoding.swift: undoes the Content-Encoding of incoming bodies (RFC 3261 §20.12)
import Foundation
import MessageFormats

enum ContentCoding {
  /// A deflated body may not unfold to more than this many bytes.
  static let maximumInflatedSize = 8 << 20

  enum Failure: Error {
    /// 415 Unsupported Media Type
    case unknownCoding
    /// 400 Bad Request
    case damaged

    var status: Int {
      switch self {
      case .unknownCoding: 415
      case .damaged: 400
      }
    }
  }

  static func decode(_ body: Data, headers: [SIPHeader]) throws(Failure) -> Data {
    let codings = headers.all(named: "Content-Encoding").flatMap { $0.split(separator: ",") }
      .map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
      .filter { $0 != "identity" && !$0.isEmpty }
    if codings.isEmpty || body.isEmpty { return body }
    guard codings == ["deflate"] else { throw .unknownCoding }
    do {
      return try Deflate.inflate(body, limit: maximumInflatedSize)
    } catch {
      throw .damaged
    }
  }
}
