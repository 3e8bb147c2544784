// FileTransferError.swift: why a file was not sent or not saved, each with what to do about it
import Foundation

/// The file was not transferred. Texts are for the user and say what to do.
public enum FileTransferError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
  case noFileServer
  /// A setting of the account cannot work.
  case badConfiguration(String)
  /// May be better in a moment.
  case unreachable(String)
  case wrongCredentials(String)
  /// TLS, addresses, settings: the same another time.
  case unusable(String)
  case uploadRefused(server: String, status: Int, size: Int, type: String)
  case noUploadAddress(server: String, reason: String)
  case downloadRefused(host: String, status: Int)
  case gone(name: String, until: Date?)
  case tooLarge(name: String, size: Int?, limit: Int)
  /// More or fewer bytes than the sender announced.
  case otherSize(name: String, announced: Int, found: Int)
  case otherHost(String, known: [String])
  case notSecure(host: String)
  case notAuthentic(name: String)
  case noTag(name: String)
  /// In a room where all else is encrypted.
  case noKey(name: String)
  case badKey(name: String)
  case notAFile(String)
  case cannotRead(String, reason: String)
  case cannotWrite(String, reason: String)
  case inUse(String)
  case cipher

  public var description: String {
    switch self {
    case .noFileServer:
      "no file-server is configured for this account, so no file can be sent; add file-server = \"https://…\""
    case .badConfiguration(let cause), .unreachable(let cause), .wrongCredentials(let cause), .unusable(let cause):
      cause
    case .uploadRefused(let server, let status, let size, let type):
      "the file server \(server) refused the file: \(Self.uploadCause(status, size: size, type: type))"
    case .noUploadAddress(let server, let reason):
      """
      \(server) took the upload but gave no address for it (\(reason)): is file-server in the configuration the \
      address of the file transfer script itself?
      """
    case .downloadRefused(let host, let status): "\(host) refused to give the file: HTTP \(status)"
    case .gone(let name, let until):
      "\(name) is no longer on the file server"
        + (until.map { $0 < Date() ? ": its link expired on \(Self.day($0))" : "" } ?? "")
        + "; ask its sender to send it again"
    case .tooLarge(let name, let size, let limit):
      "\(name) is larger than allowed (\(size.map { "\($0) bytes" } ?? "size not announced"), at most \(limit))"
    case .otherSize(let name, let announced, let found):
      "\(name) was announced with \(announced) bytes and has \(found): it is not what was sent"
    case .otherHost(let host, let known):
      """
      the file is on \(host), which is not this account's file server (\(known.joined(separator: ", "))): \
      a message should not make this machine call any server. If you trust it, add file-hosts = ["\(host)"] to the \
      account, or use --any-host
      """
    case .notSecure(let host):
      "the file on \(host) has an http address, while the account's file server uses https: refused"
    case .notAuthentic(let name):
      "\(name) was changed on its way or on the file server (its authentication tag does not fit); nothing was saved"
    case .noTag(let name):
      """
      \(name) came without an authentication tag, so nobody can say whether it was changed; nothing was saved. Its \
      sender's client is too old
      """
    case .noKey(let name):
      """
      \(name) is not encrypted, although it came in an encrypted room: its server can read and change it, and so could \
      whoever wrote the message in its place; nothing was saved. If you want it all the same, use --unencrypted
      """
    case .badKey(let name): "\(name) came with a key of a kind that is not known here; nothing was saved"
    case .notAFile(let path): "\(path) is not a regular file"
    case .cannotRead(let path, let reason): "cannot read \(path): \(reason)"
    case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
    case .inUse(let name): "\(name) is being saved by another process"
    case .cipher: "AES-GCM of libcrypto failed"
    }
  }

  public var errorDescription: String? { description }

  /// Whether another attempt may do better.
  public var isTransient: Bool {
    switch self {
    case .unreachable: true
    case .uploadRefused(_, let status, _, _), .downloadRefused(_, let status): Self.isTransient(status)
    default: false
    }
  }

  static func isTransient(_ status: Int) -> Bool { [408, 425, 429, 500, 502, 503, 504].contains(status) }

  /// The exit code of the command line (sysexits).
  public var exitCode: Int32 {
    switch self {
    case .noFileServer, .badConfiguration: 78
    case .unreachable, .unusable: 69
    case .wrongCredentials: 77
    case .uploadRefused, .noUploadAddress, .downloadRefused, .gone, .otherHost, .notSecure: 76
    case .tooLarge, .otherSize, .notAuthentic, .noTag, .noKey, .badKey, .notAFile, .cannotRead: 65
    case .cannotWrite: 73
    case .inUse: 75
    case .cipher: 70
    }
  }

  private static func uploadCause(_ status: Int, size: Int, type: String) -> String {
    switch status {
    case 413:
      """
      it is too large for it (413, \(size) bytes). On the server: upload_max_filesize and post_max_size of PHP, \
      client_max_body_size of nginx, LimitRequestBody of Apache
      """
    case 415: "it takes no files of the type \(type) (415)"
    case 400: "HTTP 400; PHP's post_max_size, smaller than the file (\(size) bytes), is a common cause"
    case 403: "this account may not upload (403)"
    case 404, 405: "no file transfer service is at this address (\(status)): check file-server in the configuration"
    case 507: "its disk is full (507)"
    default: "HTTP \(status)"
    }
  }

  private static func day(_ date: Date) -> String {
    date.formatted(.iso8601.year().month().day().dateTimeSeparator(.space).time(includingFractionalSeconds: false))
      + " UTC"
  }
}
