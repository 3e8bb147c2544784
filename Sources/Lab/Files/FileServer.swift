// FileServer.swift: an HTTP file transfer server, as Linphone's clients use it (GSMA RCC.07 §3.5.4.8)
import DigestAuth
import Foundation
import HTTPServer
import MessageFormats

/// Keeps uploads in a folder of its own until their links expire or it stops. Large files pass through piece by piece.
public actor FileServer {
  /// Where a file server listens and what it takes. Without changes: loopback, any free port, uploads of anybody.
  public struct Configuration: Sendable {
    /// Numeric.
    public var address = "127.0.0.1"
    /// 0 for any free port.
    public var port = 0
    /// Most bytes of a file.
    public var sizeLimit = 4 << 30
    /// Media types that are taken; nil takes all. Encrypted files all are application/octet-stream.
    public var types: Set<String>?
    /// Seconds until a link expires.
    public var lifetime: TimeInterval = 7 * 86_400
    /// Asked for before an upload; links work without. nil takes uploads of anybody.
    public var authentication: Authentication?
    /// Of connections and requests at a time, and their speed. Phones are slow.
    public var connections = {
      var limits = HTTPLimits()
      limits.windowTime = .seconds(60)
      return limits
    }()
    /// What is set up wrongly.
    var fault: LabFault?

    public init() {}
  }

  /// Digest authentication (RFC 7616) as production servers ask for it.
  public struct Authentication: Sendable {
    /// The SIP domain.
    public var realm: String
    /// One challenge each, in this order.
    public var algorithms: [DigestAlgorithm]
    /// The secret of a user, nil for an unknown one.
    public var secret: @Sendable (String) -> DigestSecret?

    public init(
      realm: String, algorithms: [DigestAlgorithm] = [.md5, .sha256],
      secret: @escaping @Sendable (String) -> DigestSecret?
    ) {
      self.realm = realm
      self.algorithms = algorithms
      self.secret = secret
    }
  }

  private static let linkFolder = "/files/"
  /// `post_max_size` as of PHP's makers, bytes.
  private static let postLimit = 2 << 20

  private let configuration: Configuration
  private let verifier: DigestVerifier?
  private let now: @Sendable () -> Date
  private var listener: HTTPListener?
  private var folder: URL?
  private var links: [String: Link] = [:]

  private struct Link: Sendable {
    var path: String
    var size: Int
    var type: String
    var until: Date
  }

  /// - Parameter now: by which links expire.
  public init(_ configuration: Configuration, now: @escaping @Sendable () -> Date = { Date() }) {
    self.configuration = configuration
    self.now = now
    verifier = configuration.authentication.map { DigestVerifier(realm: $0.realm, algorithms: $0.algorithms) }
  }

  /// - Returns: the address for uploads.
  /// - Throws: `HTTPServerError`, or an error of the file system.
  public func start() async throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-files-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    self.folder = folder
    do {
      listener = try await HTTPListener.start(
        address: configuration.address, port: configuration.port, limits: configuration.connections
      ) { [weak self] request in
        guard let self else { throw HTTPRequestError.badRequest }
        return try await self.answer(request)
      }
    } catch {
      await stop()
      throw error
    }
    guard let url = URL(string: origin + "/hft") else { throw HTTPServerError.badAddress(configuration.address) }
    return url
  }

  /// Ends all transfers and removes all files.
  public func stop() async {
    await listener?.stop()
    listener = nil
    if let folder { try? FileManager.default.removeItem(at: folder) }
    folder = nil
    links = [:]
  }

  private var origin: String {
    let host = configuration.address.contains(":") ? "[\(configuration.address)]" : configuration.address
    return "http://\(host):\(listener?.port ?? 0)"
  }

  private func answer(_ request: HTTPRequest) async throws -> HTTPAnswer {
    switch request.method {
    case "POST": return try await upload(request)
    case "GET", "HEAD": return download(request)
    default: return HTTPAnswer(status: 405, headers: [("Allow", "GET, HEAD, POST")])
    }
  }

  // MARK: Up

  private func upload(_ request: HTTPRequest) async throws -> HTTPAnswer {
    switch check(request) {
    case .refused(let answer): return answer
    case .accepted(let user): if let user { try await request.identify(as: user) }
    }
    if request.body.length == 0 { return HTTPAnswer(status: 204) }
    guard let type = request[header: "content-type"], type.lowercased().hasPrefix("multipart/form-data"),
      let boundary = MultipartBody.boundary(inContentType: type)
    else { return HTTPAnswer(status: 400) }
    // What surrounds the file in the form is small; a longer body cannot be all right.
    if let length = request.body.length, length > configuration.sizeLimit + FormFileReader.headLimit {
      return HTTPAnswer(status: 413)
    }
    if configuration.fault == .fileServerPostLimit, let length = request.body.length, length > Self.postLimit {
      // PHP reads it all, and then calls the script as if nothing had been posted.
      while try await !request.body.next().isEmpty {}
      return HTTPAnswer(status: 204)
    }
    guard let folder else { return HTTPAnswer(status: 503) }
    let name = UUID().uuidString.lowercased()
    let path = folder.appendingPathComponent(name).path
    let reader = FormFileReader(body: request.body, boundary: boundary)
    var isKept = false
    defer { if !isKept { unlink(path) } }
    guard let file = try await reader.fileHead() else { return HTTPAnswer(status: 400) }
    if let types = configuration.types, !types.contains(file.type) { return HTTPAnswer(status: 415) }
    guard FileManager.default.createFile(atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
      let output = FileHandle(forWritingAtPath: path)
    else { return HTTPAnswer(status: 507) }
    defer { try? output.close() }
    var size = 0
    while let piece = try await reader.nextPiece() {
      size += piece.count
      guard size <= configuration.sizeLimit else { return HTTPAnswer(status: 413) }
      do { try output.write(contentsOf: piece) } catch { return HTTPAnswer(status: 507) }
    }
    isKept = true
    expire()
    // Whole seconds, as they stand in the answer.
    let until = Date(timeIntervalSince1970: (now().timeIntervalSince1970 + configuration.lifetime).rounded(.down))
    links[name] = Link(path: path, size: size, type: file.type, until: until)
    let info = FileTransferInfo(
      FileTransferInfo.File(
        url: origin + Self.linkFolder + name, size: size, name: file.name.map(FileNameEscapes.read),
        contentType: file.type, until: until))
    return HTTPAnswer(
      status: 200, headers: [("Content-Type", ContentType.fileTransfer.description)],
      body: configuration.fault == .fileServerChunked ? .chunked(info.serialized) : .data(info.serialized))
  }

  private enum Verdict {
    /// nil where nobody is asked for a name.
    case accepted(String?)
    case refused(HTTPAnswer)
  }

  private func check(_ request: HTTPRequest) -> Verdict {
    guard let verifier, let authentication = configuration.authentication else { return .accepted(nil) }
    var isStale = false
    if let credentials = request[header: "authorization"].flatMap({ try? DigestCredentials(parsing: $0) }) {
      switch verifier.verify(
        credentials, method: request.method, uri: request.target, secret: authentication.secret)
      {
      case .accepted(let user): return .accepted(user)
      case .stale: isStale = true
      case .refused: break
      }
    }
    return .refused(
      HTTPAnswer(
        status: 401, headers: verifier.challenges(stale: isStale).map { ("WWW-Authenticate", $0.headerValue) }))
  }

  // MARK: Down

  private func download(_ request: HTTPRequest) -> HTTPAnswer {
    switch configuration.fault {
    case .fileServerLinkGone: return HTTPAnswer(status: 404)
    case .fileServerLinkForbidden: return HTTPAnswer(status: 403)
    default: break
    }
    guard request.target.hasPrefix(Self.linkFolder),
      let link = links[String(request.target.dropFirst(Self.linkFolder.count))]
    else { return HTTPAnswer(status: 404) }
    guard link.until > now() else { return HTTPAnswer(status: 410) }
    let tag = "\"\(request.target.dropFirst(Self.linkFolder.count))\""
    var headers = [("Content-Type", link.type), ("Accept-Ranges", "bytes"), ("ETag", tag)]
    let wantsPart = request[header: "if-range"].map { $0 == tag } ?? true
    if wantsPart, let range = request[header: "range"].flatMap({ ByteRange($0, size: link.size) }) {
      guard case .part(let first, let count) = range else {
        return HTTPAnswer(status: 416, headers: headers + [("Content-Range", "bytes */\(link.size)")])
      }
      headers.append(("Content-Range", "bytes \(first)-\(first + count - 1)/\(link.size)"))
      return HTTPAnswer(status: 206, headers: headers, body: .file(path: link.path, offset: first, count: count))
    }
    return HTTPAnswer(status: 200, headers: headers, body: .file(path: link.path, offset: 0, count: link.size))
  }

  private func expire() {
    let time = now()
    for (name, link) in links where link.until <= time {
      unlink(link.path)
      links[name] = Link(path: "", size: 0, type: link.type, until: link.until)
    }
  }
}

/// The part of a file that a Range header asks for (RFC 9110 §14.1.2).
enum ByteRange: Equatable {
  case part(first: Int, count: Int)
  case outside

  /// nil when there is none, or one that may be answered with the whole file: other units, several parts.
  init?(_ header: String, size: Int) {
    guard header.hasPrefix("bytes="), !header.contains(",") else { return nil }
    let ends = header.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
    guard ends.count == 2, ends.allSatisfy({ $0.utf8.count <= 18 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } })
    else { return nil }
    switch (Int(ends[0]), Int(ends[1])) {
    case (nil, nil): return nil
    case (nil, let last?):
      self = last > 0 && size > 0 ? .part(first: max(0, size - last), count: min(last, size)) : .outside
    case (let first?, let last):
      if let last, last < first { return nil }
      self = first < size ? .part(first: first, count: min(last ?? size - 1, size - 1) - first + 1) : .outside
    }
  }
}
