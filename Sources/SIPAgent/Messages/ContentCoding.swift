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
    /// 503 Service Unavailable: more than there is room for now.
    case noRoom

    var status: Int {
      switch self {
      case .unknownCoding: 415
      case .damaged: 400
      case .noRoom: 503
      }
    }
  }

  /// - Parameter room: bytes that there is room for now.
  static func decode(_ body: Data, headers: [SIPHeader], room: Int = maximumInflatedSize) throws(Failure) -> Data {
    let codings = headers.all(named: "Content-Encoding").flatMap { $0.split(separator: ",") }
      .map { $0.trimmingCharacters(in: .whitespaces).lowercased() }
      .filter { $0 != "identity" && !$0.isEmpty }
    if codings.isEmpty || body.isEmpty { return body }
    guard codings == ["deflate"] else { throw .unknownCoding }
    do {
      return try Deflate.inflate(body, limit: min(room, maximumInflatedSize))
    } catch {
      throw room < maximumInflatedSize ? .noRoom : .damaged
    }
  }
}
