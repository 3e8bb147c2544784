// CheckCauses+HTTP.swift: what a web server in front of the key server or file server says in its place (RFC 9110)
import Foundation
import HTTPClient

extension CheckCauses {
  /// A longer page is not read for its title, in bytes.
  private static let maximumPage = 16_384

  /// Empty when the answer says nothing of its own about what is in between.
  /// - Parameters:
  ///   - answer: nil when none came.
  ///   - address: that was asked.
  ///   - setting: of the account, which names it.
  func webServer(_ answer: HTTPResponse?, at address: String, setting: String) -> [CheckCause] {
    guard let answer else { return [] }
    let page = Self.page(answer)
    let shown = page.map { " (its page: \($0))" } ?? ""
    func evident(_ text: String) -> CheckCause {
      var cause = CheckCause(text)
      cause.isEvident = true
      return cause
    }
    switch answer.status {
    case 301, 302, 303, 307, 308:
      let target = answer[header: "Location"].map { URL(string: $0, relativeTo: URL(string: address)) ?? nil }
      let place = (target ?? nil)?.absoluteString ?? "nowhere"
      return [
        evident(
          "\(address) sends on to \(place) (\(answer.status)), where clients do not follow with a POST: write "
            + "\(setting) = \"\(place)\", or have the web server answer there itself")
      ]
    case 413: return [tooLarge(answer)]
    case 502, 503, 504:
      return [
        evident(
          "the web server reaches no program behind it\(shown): PHP-FPM or the server that it passes on to does not "
            + "run, or listens elsewhere (fastcgi_pass, proxy_pass); its error log says which")
      ]
    case 405:
      return [evident("the web server takes no POST at \(address)\(shown): \(setting) must name the script itself")]
    case 403 where page != nil:
      return [evident("the web server forbids \(address)\(shown): see its rules (deny, Require)")]
    case 404 where page != nil:
      return [
        evident("the web server has nothing at \(address)\(shown): \(setting) lacks the path, or has a wrong one")
      ]
    case 200..<300 where answer.body.starts(with: Data("<?php".utf8)):
      return [evident("the web server hands out the PHP script instead of running it: set PHP up for \(address)")]
    case 200..<300 where page != nil:
      return [evident("a web page answers at \(address)\(shown): \(setting) must name the script, not the site")]
    default: return []
    }
  }

  /// nginx and Apache have pages of their own for it; what a script answers has not.
  private func tooLarge(_ answer: HTTPResponse) -> CheckCause {
    let body = String(decoding: answer.body.prefix(Self.maximumPage), as: UTF8.self)
    let pages = ["413 Request Entity Too Large", "Request Entity Too Large</h1>"]
    let isPHP =
      answer[header: "X-Powered-By"]?.lowercased().contains("php") == true
      || !body.isEmpty && !pages.contains(where: body.contains)
    var cause = CheckCause(
      isPHP
        ? "the script takes no bodies of that size: raise post_max_size and upload_max_filesize (PHP; 2M by default), "
          + "or its own limit"
        : "the web server takes no bodies of that size: raise client_max_body_size (nginx; 1m by default) or "
          + "LimitRequestBody (Apache)")
    cause.isEvident = true
    return cause
  }

  /// The title, if it is a page for people.
  private static func page(_ answer: HTTPResponse) -> String? {
    let body = String(decoding: answer.body.prefix(maximumPage), as: UTF8.self)
    guard
      answer[header: "Content-Type"]?.lowercased().hasPrefix("text/html") == true || body.lowercased().contains("<html")
    else { return nil }
    let title = body.firstMatch(of: /<title>\s*([^<]{1,80})/.ignoresCase())?.1
    return title.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) } ?? "without a title"
  }

  // MARK: Headers on the way

  /// - Parameters:
  ///   - from: whether a request passes that names the device in From only.
  ///   - lime: the same with X-Lime-user-identity.
  func headersStripped(from: Bool, lime: Bool) -> [CheckCause] {
    let names = [from ? nil : "From", lime ? nil : "X-Lime-user-identity"].compactMap { $0 }
    guard !names.isEmpty else { return [] }
    var cause = CheckCause(
      "the key server is not told the device: a proxy in front of it takes \(names.joined(separator: " and ")) out "
        + "(nginx: proxy_pass_request_headers on, or proxy_set_header NAME $http_NAME; PHP-FPM: fastcgi_param "
        + "HTTP_FROM $http_from)")
    cause.isEvident = true
    return [cause]
  }
}
