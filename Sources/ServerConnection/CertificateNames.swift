// CertificateNames.swift: for which hosts and SIP domains a certificate is (RFC 5922, RFC 6125)
import CCrypto
import Foundation

enum CertificateNames {
  /// Names of a certificate that are shown, at most; and their length.
  private static let maximumShown = 8
  private static let maximumLength = 100
  private static let maximumNames = 1000

  /// Whether a certificate names a host: by a `sip:` URI of its subjectAltName without a user, by DNS name (one whole
  /// leftmost label may be a wildcard), or by address. A common name counts only when there is no DNS name.
  static func match(_ certificate: OpaquePointer, host: String) -> Bool {
    let host = host.withoutBrackets
    if host.isNumericAddress { return X509_check_ip_asc(certificate, host, 0) == 1 }
    let flags = UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
    if X509_check_host(certificate, host, host.utf8.count, flags, nil) == 1 { return true }
    return all(of: certificate).contains { $0.isSIP(host: host) }
  }

  /// For error messages.
  static func shown(of certificate: OpaquePointer) -> [String] {
    var names = all(of: certificate).map(\.text)
    if names.isEmpty { names = [commonName(X509_get_subject_name(certificate))] }
    var result = names.filter { !$0.isEmpty }.prefix(maximumShown).map(printable)
    if names.count > maximumShown { result.append("…") }
    return result
  }

  /// The common name or, without one, the organization of a certificate's issuer, for error messages.
  static func issuer(of certificate: OpaquePointer) -> String {
    let name = X509_get_issuer_name(certificate)
    let text = commonName(name)
    return printable(text.isEmpty ? entry(name, NID_organizationName) : text)
  }

  private enum Name {
    case dns(String)
    case uri(String)
    case address(String)

    var text: String {
      switch self {
      case .dns(let text), .uri(let text), .address(let text): text
      }
    }

    func isSIP(host: String) -> Bool {
      guard case .uri(let uri) = self else { return false }
      return uri.lowercased() == "sip:" + host.lowercased()
    }
  }

  private static func all(of certificate: OpaquePointer) -> [Name] {
    guard let pointer = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
    let list = OpaquePointer(pointer)
    defer { GENERAL_NAMES_free(list) }
    return (0..<min(OPENSSL_sk_num(list), Int32(maximumNames))).compactMap { index in
      guard let entry = OPENSSL_sk_value(list, index)?.assumingMemoryBound(to: GENERAL_NAME.self).pointee else {
        return nil
      }
      switch entry.type {
      case GEN_DNS: return .dns(text(entry.d.dNSName))
      case GEN_URI: return .uri(text(entry.d.uniformResourceIdentifier))
      case GEN_IPADD: return address(bytes(entry.d.iPAddress)).map(Name.address)
      default: return nil
      }
    }
  }

  private static func address(_ bytes: [UInt8]) -> String? {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let family = bytes.count == 4 ? AF_INET : AF_INET6
    guard inet_ntop(family, bytes, &text, socklen_t(text.count)) != nil else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static func bytes(_ string: UnsafePointer<ASN1_STRING>?) -> [UInt8] {
    guard let string, let data = ASN1_STRING_get0_data(string) else { return [] }
    return Array(UnsafeBufferPointer(start: data, count: max(0, Int(ASN1_STRING_length(string)))))
  }

  private static func text(_ string: UnsafePointer<ASN1_STRING>?) -> String {
    String(decoding: bytes(string), as: UTF8.self)
  }

  private static func commonName(_ name: OpaquePointer?) -> String { entry(name, NID_commonName) }

  private static func entry(_ name: OpaquePointer?, _ kind: Int32) -> String {
    guard let name else { return "" }
    let index = X509_NAME_get_index_by_NID(name, kind, -1)
    guard index >= 0, let entry = X509_NAME_get_entry(name, index) else { return "" }
    return text(X509_NAME_ENTRY_get_data(entry))
  }

  /// What a certificate says comes from the network.
  private static func printable(_ text: String) -> String {
    String(text.prefix(maximumLength).map { $0.isASCII && $0 >= " " && $0 != "\u{7F}" || $0.isLetter ? $0 : "?" })
  }
}
