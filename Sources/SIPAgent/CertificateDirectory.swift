// CertificateDirectory.swift: the directory from which Sofia reads the certificate authorities for TLS
import Foundation

/// A private temporary directory with `cafile.pem`, the only name that Sofia reads. Removed when released.
final class CertificateDirectory {
  /// Debian's bundle, used when the account names no file.
  static let systemBundle = "/etc/ssl/certs/ca-certificates.crt"

  let path: String

  init(caFile: String?) throws {
    let file = caFile ?? Self.systemBundle
    guard FileManager.default.isReadableFile(atPath: file) else {
      throw SIPError.invalidConfiguration("the CA file \(file) cannot be read")
    }
    var template = Array((NSTemporaryDirectory() + "/limeade-ca-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else {
      throw SIPError.invalidConfiguration("no temporary directory can be made for the CA file")
    }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    do {
      try FileManager.default.createSymbolicLink(
        atPath: path + "/cafile.pem", withDestinationPath: URL(fileURLWithPath: file).path)
    } catch {
      throw SIPError.invalidConfiguration("the CA file \(file) cannot be linked: \(error.localizedDescription)")
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
