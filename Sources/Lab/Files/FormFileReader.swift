// FormFileReader.swift: the file in an uploaded form, as it comes in (RFC 7578)
import Foundation
import HTTPServer
import MessageFormats

/// Finds the field `File` of a multipart/form-data body and hands out its content piece by piece.
final class FormFileReader {
  /// Most bytes before the content of the file, and after it.
  static let headLimit = 64 * 1024
  private static let field = "File"
  private static let crlf = Data("\r\n".utf8)

  struct Head {
    var name: String?
    var type: String
  }

  private let body: HTTPRequestBody
  private let delimiter: Data
  /// A line break before the first delimiter too, so that all look the same.
  private var buffer = crlf
  private var isAtEnd = false

  init(body: HTTPRequestBody, boundary: String) {
    self.body = body
    delimiter = Data("\r\n--\(boundary)".utf8)
  }

  /// Name and type of the file, whose content comes next; nil when the form has none.
  func fileHead() async throws -> Head? {
    var passed = 0
    while true {
      while let piece = try await nextPiece() {
        passed += piece.count
        guard passed <= Self.headLimit else { throw HTTPRequestError.badRequest }
      }
      // The delimiter is dropped with its line; the one that ends the form has two hyphens.
      guard let line = try await upTo(Self.crlf), !line.starts(with: Data("--".utf8)) else { return nil }
      // A part without headers begins with the empty line.
      guard let lines = try await upTo(Self.crlf + Self.crlf) else { return nil }
      passed += lines.count
      var fields: [String: String] = [:]
      for line in String(decoding: lines, as: UTF8.self).components(separatedBy: "\r\n") {
        guard let colon = line.firstIndex(of: ":") else { continue }
        fields[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      }
      guard let disposition = fields["content-disposition"], Self.parameter("name", of: disposition) == Self.field
      else { continue }
      return Head(
        name: Self.parameter("filename", of: disposition),
        type: fields["content-type"].flatMap { ContentType($0)?.mediaType } ?? "application/octet-stream")
    }
  }

  /// More of the part's content; nil at its end, when the delimiter after it was taken.
  func nextPiece() async throws -> Data? {
    while true {
      if let found = buffer.range(of: delimiter) {
        let piece = buffer[..<found.lowerBound]
        if piece.isEmpty {
          buffer = Data(buffer[found.upperBound...])
          return nil
        }
        buffer = Data(buffer[found.lowerBound...])
        return Data(piece)
      }
      // What could be the beginning of a delimiter waits for more.
      if buffer.count > delimiter.count {
        let piece = Data(buffer.dropLast(delimiter.count))
        buffer = Data(buffer.suffix(delimiter.count))
        return piece
      }
      try await fill()
    }
  }

  /// The bytes before `end`, which is dropped.
  private func upTo(_ end: Data) async throws -> Data? {
    while true {
      if let found = buffer.range(of: end) {
        let bytes = Data(buffer[..<found.lowerBound])
        buffer = Data(buffer[found.upperBound...])
        return bytes
      }
      // Nothing but the last delimiter may be without a line break after it.
      if isAtEnd { return nil }
      guard buffer.count <= Self.headLimit else { throw HTTPRequestError.badRequest }
      let bytes = try await body.next()
      if bytes.isEmpty { isAtEnd = true }
      buffer += bytes
    }
  }

  private func fill() async throws {
    let bytes = try await body.next()
    guard !bytes.isEmpty else { throw HTTPRequestError.badRequest }
    buffer += bytes
  }

  /// `form-data; name="File"; filename="a.txt"`; quoted or not.
  private static func parameter(_ name: String, of header: String) -> String? {
    for field in header.split(separator: ";").dropFirst() {
      let halves = field.split(separator: "=", maxSplits: 1)
      guard halves.count == 2, halves[0].trimmingCharacters(in: .whitespaces).lowercased() == name else { continue }
      return halves[1].trimmingCharacters(in: .whitespaces).trimmingCharacters(in: ["\""])
    }
    return nil
  }
}
