// HTTPAddress.swift: the parts of a URL, as libcurl's own parser sees them (RFC 3986)
import CCurl
import Foundation

/// Longest URL that is used, in bytes.
private let urlLimit = 8192

/// A checked http or https URL. Read by the parser that the transfer uses, so the two cannot disagree about the host.
public struct HTTPAddress: Sendable {
  /// Normalised, without fragment.
  public let url: String
  /// IPv6 addresses in brackets.
  public let host: String
  /// The scheme's own when none is written.
  public let port: Int
  /// Scheme, host and port: where a nonce may be used again.
  let origin: String
  /// Path and query as they stand in the request line.
  let target: String

  /// - Throws: `HTTPClientError.invalidURL`
  public init(_ text: String) throws {
    guard text.utf8.count <= urlLimit, !text.utf8.contains(0) else {
      throw HTTPClientError.invalidURL(String(text.prefix(80)), reason: "it is too long or not text")
    }
    guard let handle = curl_url() else {
      throw HTTPClientError.invalidURL(text, reason: "out of memory")
    }
    defer { curl_url_cleanup(handle) }
    let code = curl_url_set(handle, CURLUPART_URL, text, UInt32(CURLU_DISALLOW_USER))
    guard code == CURLUE_OK else {
      let reason = code == CURLUE_USER_NOT_ALLOWED ? "it has a user name" : String(cString: curl_url_strerror(code))
      throw HTTPClientError.invalidURL(text, reason: reason)
    }
    _ = curl_url_set(handle, CURLUPART_FRAGMENT, nil, 0)
    func part(_ what: CURLUPart, flags: UInt32 = 0) -> String? {
      var value: UnsafeMutablePointer<CChar>?
      guard curl_url_get(handle, what, &value, flags) == CURLUE_OK, let value else { return nil }
      defer { curl_free(value) }
      return String(cString: value)
    }
    guard let scheme = part(CURLUPART_SCHEME)?.lowercased(), scheme == "http" || scheme == "https" else {
      throw HTTPClientError.invalidURL(text, reason: "only http and https are supported")
    }
    guard let url = part(CURLUPART_URL), let host = part(CURLUPART_HOST), !host.isEmpty,
      let text = part(CURLUPART_PORT, flags: UInt32(CURLU_DEFAULT_PORT)), let port = Int(text)
    else { throw HTTPClientError.invalidURL(text, reason: "it has no host") }
    self.url = url
    self.host = host
    self.port = port
    origin = "\(scheme)://\(host.lowercased()):\(port)"
    let path = part(CURLUPART_PATH) ?? "/"
    target = part(CURLUPART_QUERY).map { "\(path)?\($0)" } ?? path
  }

  /// Whether it is https.
  public var isSecure: Bool { url.lowercased().hasPrefix("https:") }

  /// The host in lower case, with its port unless that is the scheme's own.
  public var authority: String { port == (isSecure ? 443 : 80) ? host.lowercased() : "\(host.lowercased()):\(port)" }

  /// Whether it is on one of these hosts, which are written as ``authority`` has them, or with a standard port.
  public func isOn(_ hosts: Set<String>) -> Bool {
    hosts.contains(authority) || hosts.contains("\(host.lowercased()):\(port)")
  }

  /// This machine itself, which no proxy can reach for us.
  var isLoopback: Bool { host == "localhost" || host == "[::1]" || host.hasPrefix("127.") }
}
