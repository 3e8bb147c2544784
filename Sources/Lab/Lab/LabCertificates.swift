// LabCertificates.swift: an authority and a server's certificate for as long as a lab runs (RFC 5280)
import CCrypto
import Foundation

/// Files in a folder of their own, which is removed with this: `ca.pem` for clients, `agent.pem` (certificate and key)
/// and `cafile.pem` for Sofia.
final class LabCertificates: Sendable {
  struct Failure: Error, LocalizedError, CustomStringConvertible {
    let step: String
    var description: String { "no certificate could be made: OpenSSL fails at '\(step)'" }
    var errorDescription: String? { description }
  }

  let folder: URL
  var authorityFile: URL { folder.appendingPathComponent("ca.pem") }
  var identityFile: URL { folder.appendingPathComponent("agent.pem") }

  init(_ configuration: LabConfiguration) throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("limeade-lab-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    do { try write(configuration) } catch {
      try? FileManager.default.removeItem(at: folder)
      throw error
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  private func write(_ configuration: LabConfiguration) throws {
    let identity = try LabIdentity(configuration)
    try save(identity.authority, authorityFile)
    try save(identity.issuer, folder.appendingPathComponent("cafile.pem"))
    try save(identity.certificate + identity.key, identityFile)
  }

  private func save(_ text: String, _ file: URL) throws {
    guard
      FileManager.default.createFile(
        atPath: file.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
    else { throw CocoaError(.fileWriteUnknown, userInfo: [NSFilePathErrorKey: file.path]) }
  }
}

/// A server's certificate for 30 days, with its key and an authority that is made for it; all PEM.
public struct LabIdentity: Sendable {
  /// PEM, without its issuer's.
  public let certificate: String
  /// PEM, not encrypted.
  public let key: String
  /// What clients have as `ca-file`.
  public let authority: String
  /// Who has signed the certificate: another one with `certificateOfUnknownAuthority`.
  let issuer: String

  /// Seconds.
  private static let day = 86_400
  /// Of the certificate's name with `certificateForAnotherName`.
  private static let otherName = "old.example.com"

  /// - Throws: what OpenSSL finds wrong.
  public init(_ configuration: LabConfiguration) throws {
    let fault = configuration.fault
    let authority = try Certificate(authority: "limeade lab")
    let issuer =
      fault == .certificateOfUnknownAuthority ? try Certificate(authority: "another authority") : authority
    // An address stands as DNS name too: mbed TLS, which Linphone uses, compares with DNS names only.
    let names =
      fault == .certificateForAnotherName
      ? ["DNS:\(Self.otherName)"]
      : [
        "DNS:localhost", "DNS:\(configuration.domain)", "DNS:\(configuration.address)", "IP:\(configuration.address)",
      ]
    let validity = fault == .certificateExpired ? (-2 * Self.day)...(-Self.day) : (-Self.day)...(30 * Self.day)
    let server = try Certificate(names: names, validity: validity, issuer: issuer)
    (certificate, key) = (try server.pem(), try server.keyPEM())
    (self.authority, self.issuer) = (try authority.pem(), try issuer.pem())
  }
}

/// A certificate with its key.
private final class Certificate {
  private let certificate: OpaquePointer
  private let key: OpaquePointer

  private static let version3 = 2
  private static let lifetime = 30 * 86_400

  /// Signed by itself.
  convenience init(authority name: String) throws {
    try self.init(
      commonName: name, validity: -86_400...Self.lifetime,
      extensions: [
        (NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,keyCertSign,cRLSign"),
      ], issuer: nil)
  }

  /// - Parameters:
  ///   - names: as OpenSSL's configuration writes a subjectAltName: `DNS:localhost`
  ///   - validity: seconds from now.
  convenience init(names: [String], validity: ClosedRange<Int>, issuer: Certificate) throws {
    try self.init(
      commonName: "limeade lab server", validity: validity,
      extensions: [
        (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
        (NID_ext_key_usage, "serverAuth"), (NID_subject_alt_name, names.joined(separator: ",")),
      ], issuer: issuer)
  }

  private init(
    commonName: String, validity: ClosedRange<Int>, extensions: [(Int32, String)], issuer: Certificate?
  ) throws {
    let key = try Self.makeKey()
    guard let certificate = X509_new() else {
      EVP_PKEY_free(key)
      throw LabCertificates.Failure(step: "X509_new")
    }
    (self.certificate, self.key) = (certificate, key)
    func check(_ isDone: Bool, _ step: String) throws {
      guard isDone else { throw LabCertificates.Failure(step: step) }
    }
    try check(X509_set_version(certificate, Self.version3) == 1, "version")
    // Positive, and different for each: some libraries know certificates by issuer and number.
    let number = ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), .random(in: 1...UInt64(Int64.max)))
    try check(number == 1, "serial number")
    try check(X509_gmtime_adj(X509_getm_notBefore(certificate), validity.lowerBound) != nil, "notBefore")
    try check(X509_gmtime_adj(X509_getm_notAfter(certificate), validity.upperBound) != nil, "notAfter")
    try check(X509_set_pubkey(certificate, key) == 1, "public key")
    let subject = X509_get_subject_name(certificate)
    let hasName = X509_NAME_add_entry_by_txt(subject, "CN", Int32(0x1000 | 1), commonName, -1, -1, 0)  // MBSTRING_UTF8
    try check(hasName == 1, "subject")
    try check(
      X509_set_issuer_name(certificate, issuer.map { X509_get_subject_name($0.certificate) } ?? subject) == 1, "issuer")
    for (kind, value) in extensions {
      let made = X509V3_EXT_conf_nid(nil, nil, kind, value)
      defer { X509_EXTENSION_free(made) }
      try check(made != nil && X509_add_ext(certificate, made, -1) == 1, "extension \(value)")
    }
    try check(X509_sign(certificate, issuer?.key ?? key, EVP_sha256()) > 0, "signature")
  }

  deinit {
    X509_free(certificate)
    EVP_PKEY_free(key)
  }

  /// On P-256: known to every TLS library.
  private static func makeKey() throws -> OpaquePointer {
    var key: OpaquePointer?
    guard let context = EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nil) else { throw LabCertificates.Failure(step: "key") }
    defer { EVP_PKEY_CTX_free(context) }
    guard EVP_PKEY_keygen_init(context) == 1, EVP_PKEY_CTX_set_group_name(context, "P-256") == 1,
      EVP_PKEY_generate(context, &key) == 1, let key
    else { throw LabCertificates.Failure(step: "key") }
    return key
  }

  func pem() throws -> String { try Self.text { PEM_write_bio_X509($0, certificate) == 1 } }
  func keyPEM() throws -> String {
    try Self.text { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) == 1 }
  }

  private static func text(_ write: (OpaquePointer) -> Bool) throws -> String {
    guard let memory = BIO_new(BIO_s_mem()) else { throw LabCertificates.Failure(step: "BIO_new") }
    defer { BIO_free(memory) }
    guard write(memory) else { throw LabCertificates.Failure(step: "PEM") }
    var bytes = [UInt8](repeating: 0, count: BIO_ctrl_pending(memory))
    let count = BIO_read(memory, &bytes, Int32(clamping: bytes.count))
    guard count == bytes.count else { throw LabCertificates.Failure(step: "PEM") }
    return String(decoding: bytes, as: UTF8.self)
  }
}
