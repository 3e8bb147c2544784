// PEMCertificate.swift: a certificate in a file: when it is valid, and whether a key is its own (RFC 7468, RFC 5280)
import CCrypto
import Foundation

struct PEMCertificate {
  var begins: Date
  var ends: Date
  private let data: Data

  private static let maximumSize = 1 << 20

  /// The first certificate in the file; nil without one.
  init?(path: String) {
    guard let data = FileManager.default.contents(atPath: path), data.count <= Self.maximumSize,
      let certificate = Self.certificate(in: data)
    else { return nil }
    defer { X509_free(certificate) }
    guard let begins = Self.date(X509_get0_notBefore(certificate)),
      let ends = Self.date(X509_get0_notAfter(certificate))
    else { return nil }
    (self.begins, self.ends, self.data) = (begins, ends, data)
  }

  /// nil when there is no key that can be read.
  func fits(keyAt path: String) -> Bool? {
    guard let keyData = FileManager.default.contents(atPath: path), keyData.count <= Self.maximumSize,
      let certificate = Self.certificate(in: data)
    else { return nil }
    defer { X509_free(certificate) }
    let key = Self.withBIO(keyData) { bio in
      // Never asks for a password.
      PEM_read_bio_PrivateKey(bio, nil, { _, _, _, _ in -1 }, nil)
    }
    defer { ERR_clear_error() }
    guard let key else { return nil }
    defer { EVP_PKEY_free(key) }
    return X509_check_private_key(certificate, key) == 1
  }

  private static func certificate(in data: Data) -> OpaquePointer? {
    defer { ERR_clear_error() }
    return withBIO(data) { PEM_read_bio_X509($0, nil, nil, nil) }
  }

  private static func withBIO(_ data: Data, _ read: (OpaquePointer) -> OpaquePointer?) -> OpaquePointer? {
    data.withUnsafeBytes { bytes in
      guard let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count)) else { return nil }
      defer { BIO_free(bio) }
      return read(bio)
    }
  }

  private static func date(_ time: UnsafePointer<ASN1_TIME>?) -> Date? {
    var (days, seconds): (Int32, Int32) = (0, 0)
    // From now on.
    guard let time, ASN1_TIME_diff(&days, &seconds, nil, time) == 1 else { return nil }
    return Date() + TimeInterval(days) * 86_400 + TimeInterval(seconds)
  }
}
