// HTTPRequestBody.swift: a request's body, read piece by piece or as a whole (RFC 9112 section 6)
import Foundation

/// What follows the head of a request. It comes from the connection as it is read, and can be read once.
public struct HTTPRequestBody: Sendable {
  let connection: HTTPConnection
  let timeout: Duration
  /// Bytes, as the head says; nil for a chunked body.
  public let length: Int?

  /// The next bytes; empty at the end.
  /// - Throws: `HTTPRequestError`, or an error of the connection.
  public func next() async throws -> [UInt8] {
    try await connection.readBody()
  }

  /// The whole body, or nil if it is longer than `limit`; then it was not read to its end.
  public func data(limit: Int) async throws -> Data? {
    if let length, length > limit { return nil }
    return try await within(timeout) {
      var data = Data()
      while true {
        let piece = try await connection.readBody()
        if piece.isEmpty { return data }
        data += piece
        if data.count > limit { return nil }
      }
    }
  }
}
