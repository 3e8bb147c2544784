// TLSSession.swift: the client's side of a TLS 1.2 or 1.3 connection (RFC 8446), bytes in and bytes out
import CCrypto
import Foundation

/// How a server is to prove itself. There is no way to switch the check off.
public struct TLSSettings: Hashable, Sendable {
  /// PEM file of the trusted authorities in place of the system's.
  public var caFile: String?

  public init(caFile: String? = nil) { self.caFile = caFile }
}

/// Knows no socket: ciphertext goes in by `feed` and comes out by `takeCiphertext`. Not Sendable.
///
/// No plaintext goes out, and none comes in, before the server's certificate was found valid and to be for the host.
final class TLSSession {
  private let context: OpaquePointer
  private let session: OpaquePointer
  /// Owned by `session`.
  private let input: OpaquePointer
  private let output: OpaquePointer
  private let host: String
  /// What `verify` found.
  private var refusal: TLSFailure?
  private var firstByte: UInt8?
  private(set) var isEstablished = false

  /// - Parameter host: name or address that the certificate must be for; a name is also sent to the server (SNI).
  init(host: String, settings: TLSSettings) throws(TLSFailure) {
    guard let context = SSL_CTX_new(TLS_client_method()) else { throw .failed(Self.lastError()) }
    do throws(TLSFailure) {
      try Self.configure(context, settings)
    } catch {
      SSL_CTX_free(context)
      throw error
    }
    guard let session = SSL_new(context), let input = BIO_new(BIO_s_mem()), let output = BIO_new(BIO_s_mem()) else {
      SSL_CTX_free(context)
      throw .failed("out of memory")
    }
    (self.context, self.session, self.input, self.output) = (context, session, input, output)
    self.host = host
    SSL_set_bio(session, input, output)
    SSL_set_connect_state(session)
    // The context is this session's alone and is freed with it, so that the pointer never outlives `self`.
    SSL_CTX_set_cert_verify_callback(context, verifyCertificate, Unmanaged.passUnretained(self).toOpaque())
    if !host.isNumericAddress {
      // SSL_set_tlsext_host_name, a macro.
      var name = Array(host.utf8CString)
      SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, Int(TLSEXT_NAMETYPE_host_name), &name)
    }
  }

  deinit {
    SSL_free(session)
    SSL_CTX_free(context)
  }

  private static func configure(_ context: OpaquePointer, _ settings: TLSSettings) throws(TLSFailure) {
    // SSL_CTX_set_min_proto_version, a macro.
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
    SSL_CTX_set_options(context, UInt64(1) << 30)  // SSL_OP_NO_RENEGOTIATION
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    ERR_clear_error()
    if let file = settings.caFile {
      guard FileManager.default.isReadableFile(atPath: file) else {
        throw .caFile(path: file, reason: "there is no file that can be read")
      }
      guard SSL_CTX_load_verify_file(context, file) == 1 else {
        throw .caFile(path: file, reason: "it holds no certificate in PEM form")
      }
    } else {
      guard SSL_CTX_set_default_verify_paths(context) == 1 else { throw .failed(lastError()) }
    }
  }

  // MARK: Handshake

  /// Goes on with the handshake as far as the bytes fed so far allow.
  /// - Returns: whether it is complete.
  func handshake() throws(TLSFailure) -> Bool {
    guard !isEstablished else { return true }
    ERR_clear_error()
    let result = SSL_do_handshake(session)
    if result == 1 {
      isEstablished = true
      return true
    }
    if SSL_get_error(session, result) == SSL_ERROR_WANT_READ { return false }
    throw refusal ?? handshakeFailure()
  }

  private func handshakeFailure() -> TLSFailure {
    // Every TLS record starts with its type, 20 to 23 (RFC 8446 §5.1).
    if let firstByte, !(20...23).contains(firstByte) { return .plainText }
    let code = ERR_peek_error()
    switch ERR_GET_REASON(code) {
    case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, SSL_R_WRONG_SSL_VERSION,
      SSL_R_WRONG_VERSION_NUMBER:
      return .protocolTooOld
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED: return .clientCertificateWanted
    default: return .failed(Self.lastError())
    }
  }

  /// Called inside the handshake, with the chain that the server sent.
  fileprivate func verify(_ store: OpaquePointer) -> Bool {
    guard X509_verify_cert(store) == 1 else {
      refusal = Self.refusal(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_current_cert(store))
      return false
    }
    guard let certificate = X509_STORE_CTX_get0_cert(store) else {
      refusal = .badCertificate("there is none")
      return false
    }
    guard CertificateNames.match(certificate, host: host) else {
      X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH)
      refusal = .wrongName(expected: host, names: CertificateNames.shown(of: certificate))
      return false
    }
    return true
  }

  private static func refusal(_ code: Int32, _ certificate: OpaquePointer?) -> TLSFailure {
    switch code {
    case X509_V_ERR_CERT_HAS_EXPIRED: .expired(since: time(X509_get0_notAfter(certificate)))
    case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid(before: time(X509_get0_notBefore(certificate)))
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: .selfSigned
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
      X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      .unknownIssuer(certificate.map(CertificateNames.issuer) ?? "nobody")
    default: .badCertificate(String(cString: X509_verify_cert_error_string(Int(code))))
    }
  }

  private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> String {
    var parts = tm()
    guard let time, ASN1_TIME_to_tm(time, &parts) == 1 else { return "an unreadable date" }
    return String(
      format: "%04d-%02d-%02d %02d:%02d", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour,
      parts.tm_min)
  }

  fileprivate static func lastError() -> String {
    let code = ERR_peek_error()
    return ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
  }

  // MARK: Bytes

  /// Takes what came from the server.
  func feed(_ bytes: [UInt8]) throws(TLSFailure) {
    guard let first = bytes.first else { return }
    if firstByte == nil { firstByte = first }
    let taken = bytes.withUnsafeBytes { BIO_write(input, $0.baseAddress, Int32(clamping: $0.count)) }
    guard taken == bytes.count else { throw .failed("out of memory") }
  }

  /// What is to be sent to the server now.
  func takeCiphertext() -> [UInt8] {
    let count = BIO_ctrl_pending(output)
    guard count > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: count) { buffer, length in
      length = max(0, Int(BIO_read(output, buffer.baseAddress, Int32(clamping: count))))
    }
  }

  enum Plaintext {
    case bytes([UInt8])
    case nothing
    /// The server ended the session.
    case end
  }

  /// The next bytes that the server sent, `limit` at most.
  func read(limit: Int) throws(TLSFailure) -> Plaintext {
    guard isEstablished else { return .nothing }
    ERR_clear_error()
    var result: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, length in
      result = SSL_read(session, buffer.baseAddress, Int32(clamping: limit))
      length = max(0, Int(result))
    }
    if result > 0 { return .bytes(bytes) }
    switch SSL_get_error(session, result) {
    case SSL_ERROR_WANT_READ: return .nothing
    case SSL_ERROR_ZERO_RETURN: return .end
    default:
      // With TLS 1.3 a server can refuse the client only after its side of the handshake is done.
      throw ERR_GET_REASON(ERR_peek_error()) == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED
        ? .clientCertificateWanted : .failed(Self.lastError())
    }
  }

  /// Encrypts; only after the handshake.
  func write(_ bytes: [UInt8]) throws(TLSFailure) {
    guard isEstablished else { throw .failed("the handshake is not complete") }
    guard !bytes.isEmpty else { return }
    ERR_clear_error()
    // The memory behind it takes any length, so it is written whole or fails.
    let count = bytes.withUnsafeBytes { SSL_write(session, $0.baseAddress, Int32(clamping: $0.count)) }
    guard count == bytes.count else { throw .failed(Self.lastError()) }
  }

  /// Says goodbye (close_notify).
  func close() { if isEstablished { SSL_shutdown(session) } }

  /// The server's, after the handshake.
  var certificate: ServerCertificate? {
    guard let certificate = SSL_get1_peer_certificate(session) else { return nil }
    defer { X509_free(certificate) }
    var parts = tm()
    guard ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) == 1 else { return nil }
    return ServerCertificate(
      names: CertificateNames.shown(of: certificate), issuer: CertificateNames.issuer(of: certificate),
      expires: Date(timeIntervalSince1970: TimeInterval(timegm(&parts))))
  }

  /// Such as `TLSv1.3`
  var version: String { String(cString: SSL_get_version(session)) }
}

private let verifyCertificate: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { store, session in
  guard let store, let session else { return 0 }
  return Unmanaged<TLSSession>.fromOpaque(session).takeUnretainedValue().verify(store) ? 1 : 0
}
