// FileServerClient+Download.swift: fetching what is offered, from where an earlier attempt ended (RFC 9110 §14)
import Foundation
import HTTPClient
import MessageFormats

extension FileServerClient {
  /// How often a download is tried again without a byte gained.
  public static let usualRetries = 5
  private static let longestPause: TimeInterval = 30
  private static let maximumRedirects = 5

  /// Fetches into `part`, which may hold the beginning from earlier; it stays if this fails, too.
  /// - Parameters:
  ///   - name: for messages to people.
  ///   - limit: most bytes, should the sender have announced none.
  ///   - maximumRetries: how often it is tried again without a byte gained.
  ///   - progress: bytes that are there, and of how many.
  /// - Throws: `FileTransferError`, `CancellationError`.
  public func download(
    _ url: String, name: String, size: Int?, until: Date?, part: String, limit: Int,
    retries maximumRetries: Int = FileServerClient.usualRetries, progress: (@Sendable (Int, Int?) -> Void)? = nil
  ) async throws {
    if let size, size > limit { throw FileTransferError.tooLarge(name: name, size: size, limit: limit) }
    // With what makes it sure that a part is of the same file. The address says it, too: a server gives each file one.
    let validatorPath = part + ".validator"
    var retries = 0
    while true {
      let before = Self.size(of: part)
      if let size, before >= size, before > 0 {
        if before == size { return }
        try? FileManager.default.removeItem(atPath: part)
      }
      do {
        try await fetch(
          url, name: name, size: size, until: until, part: part, limit: size ?? limit, validatorPath: validatorPath,
          progress: progress)
        try? FileManager.default.removeItem(atPath: validatorPath)
        return
      } catch let error as FileTransferError where error.isTransient {
        retries = Self.size(of: part) > before ? 1 : retries + 1
        guard retries <= maximumRetries else { throw error }
        try await Task.sleep(for: .seconds(Self.pause(beforeRetry: retries)))
      }
    }
  }

  /// Seconds, doubled each time, with a random part so that not all clients of a server that restarts come at once.
  public static func pause(beforeRetry retry: Int) -> TimeInterval {
    min(longestPause, pow(2, Double(min(retry, 10)) - 1)) * Double.random(in: 0.5...1)
  }

  private func fetch(
    _ url: String, name: String, size: Int?, until: Date?, part: String, limit: Int, validatorPath: String,
    progress: (@Sendable (Int, Int?) -> Void)?
  ) async throws {
    var address = try checked(url)
    for _ in 0...Self.maximumRedirects {
      let start = Self.size(of: part)
      let validator = try? String(contentsOfFile: validatorPath, encoding: .utf8)
      var target = HTTPDownload(path: part, limit: limit, continuesPart: true, validator: validator)
      target.started = { Self.keepValidator(of: $0, at: validatorPath) }
      var request = HTTPRequest(
        url: address.url, headers: policy.isKnown(address) ? [HTTPField("From", sender)] : [], download: target)
      request.progress = { now in
        let total = size ?? now.toReceive.map { start + $0 }
        progress?(min(start + now.received, total ?? .max), total)
      }
      let response: HTTPResponse
      do { response = try await answer(to: request) } catch HTTPClientError.bodyTooLarge {
        throw size.map { FileTransferError.otherSize(name: name, announced: $0, found: $0 + 1) }
          ?? FileTransferError.tooLarge(name: name, size: nil, limit: limit)
      }
      switch response.status {
      case 200..<300:
        return
      case 301, 302, 303, 307, 308:
        guard let next = response[header: "Location"].flatMap({ URL(string: $0, relativeTo: URL(string: address.url)) })
        else { throw FileTransferError.downloadRefused(host: address.host, status: response.status) }
        address = try checked(next.absoluteString)
      case 416:
        // The part is longer than the file, or all of it. Only its end can tell, so it begins anew unless it fits.
        if response[header: "Content-Range"] == "bytes */\(start)", start > 0 { return }
        try? FileManager.default.removeItem(atPath: part)
      case 401:
        throw FileTransferError.wrongCredentials("\(address.host) asks for a password to give \(name) (401)")
      case 404, 410: throw FileTransferError.gone(name: name, until: until)
      default: throw FileTransferError.downloadRefused(host: address.host, status: response.status)
      }
    }
    throw FileTransferError.unusable("\(address.host) sends from one address to the next and gives no file")
  }

  /// A weak ETag is no promise of the same bytes (RFC 9110 §13.1.5).
  private static func keepValidator(of response: HTTPResponse, at path: String) {
    let strong = response[header: "ETag"].flatMap { $0.hasPrefix("\"") ? $0 : nil }
    guard let validator = strong ?? response[header: "Last-Modified"] else { return }
    try? Data(validator.utf8).write(to: URL(fileURLWithPath: path))
  }

  private func checked(_ url: String) throws -> HTTPAddress {
    let address: HTTPAddress
    do { address = try HTTPAddress(url) } catch { throw FileTransferError.unusable("the file's link: \(error)") }
    try policy.check(address)
    return address
  }

  private static func size(of path: String) -> Int {
    (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
  }
}
