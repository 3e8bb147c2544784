// HTTPMessages.swift: HTTP requests and answers of a small server, as values (RFC 9110, RFC 9112)
import Foundation

/// Why bytes are not a request that this server reads. The connection is closed after the answer.
public enum HTTPRequestError: Int, Error, Sendable {
  case badRequest = 400
  case timedOut = 408
  case tooManyRequests = 429
  case headTooLarge = 431
  case notImplemented = 501
  case versionNotSupported = 505
}

/// The request line and headers of a request.
package struct HTTPRequestHead: Equatable {
  /// Most header lines of a request.
  static let fieldLimit = 64

  package enum Framing: Equatable {
    case length(Int)
    case chunked

    var length: Int? {
      if case .length(let count) = self { count } else { nil }
    }
  }

  var method: String
  /// As it stands in the request line.
  var target: String
  /// Values by name in lower case; those of repeated headers joined by commas (RFC 9110 section 5.3).
  var headers: [String: String] = [:]
  package var framing: Framing = .length(0)
  var keepsAlive: Bool
  var expectsContinue = false

  /// - Parameter lines: request line and header lines, without their ends.
  package init(parsing lines: [[UInt8]]) throws(HTTPRequestError) {
    guard let first = lines.first, lines.count - 1 <= Self.fieldLimit else { throw .headTooLarge }
    let words = first.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.count == 3, Self.isToken(words[0]), !words[1].isEmpty, words[1].allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { throw .badRequest }
    let version = String(decoding: words[2], as: UTF8.self)
    guard version == "HTTP/1.1" || version == "HTTP/1.0" else { throw .versionNotSupported }
    method = String(decoding: words[0], as: UTF8.self)
    target = String(decoding: words[1], as: UTF8.self)
    keepsAlive = version == "HTTP/1.1"

    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")), Self.isToken(line[..<colon]),
        let text = String(validating: line[(colon + 1)...], as: UTF8.self),
        !text.utf8.contains(where: { ($0 < 0x20 && $0 != 0x09) || $0 == 0x7F })
      else { throw .badRequest }
      let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
      let value = text.trimmingCharacters(in: .whitespaces)
      headers[name] = headers[name].map { "\($0), \(value)" } ?? value
    }
    let options = headers["connection"]?.lowercased() ?? ""
    if options.contains("close") { keepsAlive = false }
    expectsContinue = version == "HTTP/1.1" && headers["expect"]?.lowercased() == "100-continue"
    framing = try Self.framing(headers)
  }

  /// Two readers that disagree about where a body ends are how requests are smuggled: anything unclear is refused.
  private static func framing(_ headers: [String: String]) throws(HTTPRequestError) -> Framing {
    let length = headers["content-length"]
    if let encoding = headers["transfer-encoding"] {
      guard length == nil else { throw .badRequest }
      guard encoding.lowercased() == "chunked" else { throw .notImplemented }
      return .chunked
    }
    guard let length else { return .length(0) }
    guard length.utf8.count <= 18, length.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), let count = Int(length) else {
      throw .badRequest
    }
    return .length(count)
  }

  private static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty
      && bytes.allSatisfy { byte in
        (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z"))
          || (byte >= 0x30 && byte <= 0x39) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
      }
  }
}

/// A request. Its body is read when the handler asks for it.
public struct HTTPRequest: Sendable {
  /// As the client wrote it: methods differ by case (RFC 9110 §9.1).
  public var method: String
  /// As it stands in the request line.
  public var target: String
  /// Values by name in lower case.
  public var headers: [String: String]
  /// Not read yet.
  public var body: HTTPRequestBody

  /// The value of a header, nil when it is absent.
  /// - Parameter name: in lower case.
  public subscript(header name: String) -> String? { headers[name] }

  /// To be called when somebody has proved to be that user: from then on the request's connection is not given to
  /// others, and counts as the user's.
  /// - Throws: `HTTPRequestError.tooManyRequests`.
  public func identify(as user: String) async throws(HTTPRequestError) {
    try await body.connection.identify(as: user)
  }
}

/// What the server answers.
public struct HTTPAnswer: Sendable {
  /// What follows the head.
  public enum Body: Sendable {
    case data(Data)
    /// Sent in chunks, without its length in the head (RFC 9112 §7.1).
    case chunked(Data)
    /// A part of a file, read while it is sent.
    case file(path: String, offset: Int, count: Int)

    /// The header that says where it ends.
    var framing: String {
      switch self {
      case .data(let data): "Content-Length: \(data.count)"
      case .chunked: "Transfer-Encoding: chunked"
      case .file(_, _, let count): "Content-Length: \(count)"
      }
    }
  }

  /// Three digits; the reason is written by it.
  public var status: Int
  /// Beside those that say where the body ends, and Connection.
  public var headers: [(name: String, value: String)]
  /// Its kind decides how the head says where it ends.
  public var body: Body

  public init(status: Int, headers: [(name: String, value: String)] = [], body: Body = .data(Data())) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  private static let reasons = [
    200: "OK", 204: "No Content", 206: "Partial Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout", 410: "Gone", 413: "Content Too Large",
    415: "Unsupported Media Type", 416: "Range Not Satisfiable", 429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error", 501: "Not Implemented", 503: "Service Unavailable",
    505: "HTTP Version Not Supported", 507: "Insufficient Storage",
  ]

  /// Status line and headers.
  func head(closing: Bool) -> Data {
    var lines = ["HTTP/1.1 \(status) \(Self.reasons[status] ?? "")"]
    lines += headers.map { "\($0.name): \($0.value)" }
    lines += [body.framing, "Connection: \(closing ? "close" : "keep-alive")", "", ""]
    return Data(lines.joined(separator: "\r\n").utf8)
  }
}
