// HTTPRequest.swift: what is asked of a server, and its answer, as values (RFC 9110)
import Foundation

/// One header line. Names are compared without regard to case.
public struct HTTPField: Sendable, Hashable {
  /// In the spelling that is sent, or was received.
  public var name: String
  /// Without line ends; blanks around it are not part of it.
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// What a request carries.
public enum HTTPBody: Sendable {
  case data(Data)
  /// A file between two pieces, as in multipart/form-data, read while it is sent.
  case file(path: String, prefix: Data = Data(), suffix: Data = Data())
}

/// Where the body of a successful answer goes when it is too large for memory.
public struct HTTPDownload: Sendable {
  /// Made with mode 0600. Unless `continuesPart`, a file that must not exist yet, and removed if the transfer fails.
  public var path: String
  /// Most bytes of the whole file.
  public var limit: Int
  /// What is there already is a part of an earlier transfer, which is kept if this one fails, too. The rest is asked
  /// for with Range; a server that sends all has the file written anew (RFC 9110 §14.2).
  public var continuesPart: Bool
  /// Strong ETag, or Last-Modified, of the part: the server sends all if the file is another by now (RFC 9110 §13.1.5).
  public var validator: String?
  /// Called with status and headers before the first byte is written, on the thread of the transfer.
  public var started: (@Sendable (HTTPResponse) -> Void)?

  public init(path: String, limit: Int, continuesPart: Bool = false, validator: String? = nil) {
    self.path = path
    self.limit = limit
    self.continuesPart = continuesPart
    self.validator = validator
  }

  /// Bytes that are there.
  var partSize: Int {
    guard continuesPart else { return 0 }
    return (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
  }
}

/// How far a transfer is, in bytes. Totals are nil while unknown.
public struct HTTPProgress: Sendable, Equatable {
  /// Of the request's body.
  public var sent: Int
  /// The whole body of the request.
  public var toSend: Int?
  /// Of the answer's body.
  public var received: Int
  /// The answer's Content-Length, as far as it is known.
  public var toReceive: Int?
}

/// One request. The URL is http or https, without user name and password.
public struct HTTPRequest: Sendable {
  /// Absolute; its host is where the request goes.
  public var url: String
  /// In capitals, such as `GET`.
  public var method: String
  /// Beside those that come by themselves (Host, Content-Length, Authorization).
  public var headers: [HTTPField]
  /// nil for none.
  public var body: HTTPBody?
  /// Takes the body of a 2xx answer; other answers stay in memory.
  public var download: HTTPDownload?
  /// Called on the thread of the transfer, some times a second.
  public var progress: (@Sendable (HTTPProgress) -> Void)?

  public init(
    url: String, method: String = "GET", headers: [HTTPField] = [], body: HTTPBody? = nil,
    download: HTTPDownload? = nil, progress: (@Sendable (HTTPProgress) -> Void)? = nil
  ) {
    self.url = url
    self.method = method
    self.headers = headers
    self.body = body
    self.download = download
    self.progress = progress
  }

  /// A POST of bytes.
  public static func post(
    _ body: Data, to url: String, contentType: String, headers: [HTTPField] = []
  ) -> HTTPRequest {
    HTTPRequest(
      url: url, method: "POST", headers: [HTTPField("Content-Type", contentType)] + headers, body: .data(body))
  }
}

/// A server's answer, whatever its status.
public struct HTTPResponse: Sendable {
  /// From 200 on: interim answers are not returned.
  public var status: Int
  /// In the order received.
  public var headers: [HTTPField]
  /// Empty if the body went to a download.
  public var body: Data

  public init(status: Int, headers: [HTTPField] = [], body: Data = Data()) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The first value of a header.
  public subscript(header name: String) -> String? { values(ofHeader: name).first }

  /// All values of a header, one for each line.
  public func values(ofHeader name: String) -> [String] {
    headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }
}
