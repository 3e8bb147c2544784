// FileServerClient.swift: an HTTP file transfer server as Linphone's clients use it (GSMA RCC.07 §3.5.4.8)
import Foundation
import HTTPClient
import MessageFormats

/// The account's file server: uploads to it, downloads from it and from where else files are offered.
public struct FileServerClient: Sendable {
  /// Who uploads, for the server's digest challenge.
  public struct Account: Sendable {
    /// The user part of the account's address.
    public var username: String
    /// The only realm whose challenges are answered: the SIP domain.
    public var realm: String
    /// In clear; only digests of it leave.
    public var password: String

    public init(username: String, realm: String, password: String) {
      self.username = username
      self.realm = realm
      self.password = password
    }
  }

  /// Seconds without any byte moving after which a transfer has failed.
  public static let usualTimeout: TimeInterval = 60
  static let field = "File"
  /// What the server gets to see of the name and type of an encrypted file.
  private static let hiddenName = "filename.txt"

  /// Of the upload script; nil when the account can only download.
  public let url: URL?
  let sender: String
  let http: HTTPClient
  let policy: DownloadPolicy
  let observer: (@Sendable (HTTPRequest, Result<HTTPResponse, any Error>) -> Void)?

  /// - Parameters:
  ///   - url: of the upload script; nil for downloads only.
  ///   - sender: this device's address, which servers use to tell who asks; told only to hosts of `policy`.
  ///   - observer: called with each request and what came of it.
  public init(
    url: URL?, sender: String, account: Account?, caFile: String?, policy: DownloadPolicy,
    timeout: TimeInterval = FileServerClient.usualTimeout,
    observer: (@Sendable (HTTPRequest, Result<HTTPResponse, any Error>) -> Void)? = nil
  ) {
    self.observer = observer
    self.url = url
    self.sender = sender
    self.policy = policy
    // A digest lets its receiver try passwords: no other host gets one.
    let hosts = Set([url.flatMap { try? HTTPAddress($0.absoluteString) }?.authority].compactMap { $0 })
    http = HTTPClient(
      caFile: caFile,
      credentials: account.map {
        HTTPCredentials(username: $0.username, password: $0.password, realm: $0.realm, hosts: hosts)
      }, timeout: timeout)
  }

  /// The empty POST before an upload: is there a server, and does it take us?
  /// - Throws: `FileTransferError`, `CancellationError`.
  public func greet() async throws { try await greet(size: 0, type: MediaType.unknown) }

  private func greet(size: Int, type: String) async throws {
    guard let url else { throw FileTransferError.noFileServer }
    let request = HTTPRequest(
      url: url.absoluteString, method: "POST", headers: [HTTPField("From", sender)], body: .data(Data()))
    try check(try await answer(to: request), size: size, type: type)
  }

  /// Uploads a copy that `OutgoingFile.prepare` made, streamed from the disk.
  /// - Parameter progress: bytes of the file that were sent; called some times a second.
  /// - Returns: what to put into the message: the server's address for it, its true name and size, key and tag.
  /// - Throws: `FileTransferError`, `CancellationError`.
  public func upload(
    _ file: OutgoingFile, copy: String, progress: (@Sendable (Int) -> Void)? = nil
  ) async throws -> FileTransferInfo.File {
    guard let url else { throw FileTransferError.noFileServer }
    let isHidden = file.key != nil
    let type = isHidden ? MediaType.unknown : file.contentType
    try await greet(size: file.size, type: type)
    let boundary = "limeade-\(UUID().uuidString)"
    // Quotation marks as browsers write them; a safe name has neither line breaks nor control characters.
    let name = (isHidden ? Self.hiddenName : file.name).replacing("\"", with: "%22")
    let head = """
      --\(boundary)\r
      Content-Disposition: form-data; name="\(Self.field)"; filename="\(name)"\r
      Content-Type: \(type)\r
      \r

      """
    let prefix = Data(head.utf8)
    let suffix = Data("\r\n--\(boundary)--\r\n".utf8)
    let size = file.size
    var request = HTTPRequest(
      url: url.absoluteString, method: "POST",
      headers: [HTTPField("From", sender), HTTPField("Content-Type", "multipart/form-data; boundary=\(boundary)")],
      body: .file(path: copy, prefix: prefix, suffix: suffix))
    request.progress = { progress?(min(size, max(0, $0.sent - prefix.count))) }
    let response = try await answer(to: request)
    try check(response, size: size, type: type)
    var result: FileTransferInfo.File
    do { result = try FileTransferInfo(parsing: response.body).file } catch {
      throw FileTransferError.noUploadAddress(server: url.absoluteString, reason: "\(error)")
    }
    result.name = file.name
    result.size = file.size
    result.contentType = file.contentType
    result.key = file.key?.data
    result.authTag = file.tag
    return result
  }

  private func check(_ response: HTTPResponse, size: Int, type: String) throws {
    let server = url?.absoluteString ?? ""
    switch response.status {
    case 200..<300: return
    case 401:
      throw FileTransferError.wrongCredentials("the file server \(server) refused the account's password (401)")
    case 300..<400:
      throw FileTransferError.unusable(
        "the file server \(server) says that it is elsewhere (\(response.status), "
          + "\(response[header: "Location"] ?? "nowhere")): correct file-server in the configuration")
    default:
      throw FileTransferError.uploadRefused(server: server, status: response.status, size: size, type: type)
    }
  }

  /// Sends, and says what a failure means.
  func answer(to request: HTTPRequest) async throws -> HTTPResponse {
    do {
      let response = try await http.send(request)
      observer?(request, .success(response))
      return response
    } catch let error as HTTPClientError {
      observer?(request, .failure(error))
      switch error {
      case .cannotResolve, .cannotConnect, .timedOut, .transfer:
        throw FileTransferError.unreachable("file server: \(error)")
      case .credentialsRefused, .otherRealm, .noDigestOffered:
        throw FileTransferError.wrongCredentials("file server: \(error)")
      case .caFile: throw FileTransferError.badConfiguration("file server: \(error)")
      case .file(let path, let reason): throw FileTransferError.cannotWrite(path, reason: reason)
      // For the caller, who knows what the size means.
      case .bodyTooLarge: throw error
      default: throw FileTransferError.unusable("file server: \(error)")
      }
    }
  }
}
