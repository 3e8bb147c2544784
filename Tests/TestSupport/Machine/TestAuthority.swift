// TestAuthority.swift: a certificate authority for the length of a test, made with the openssl program
import Foundation

public struct TestAuthority: Sendable {
  private let folder: TemporaryFolder

  /// A server's certificate and its key, PEM files.
  public struct Identity: Sendable {
    public let certificate: URL
    public let key: URL

    public init(certificate: URL, key: URL) {
      self.certificate = certificate
      self.key = key
    }
  }

  /// Its own certificate: what goes into `ca-file`.
  public var certificate: URL { folder.file("ca.pem") }

  private static let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

  public init(name: String = "test authority") async throws {
    folder = try TemporaryFolder()
    try await Self.openssl(
      ["req", "-x509", "-subj", "/CN=\(name)", "-days", "2", "-keyout", "ca.key", "-out", "ca.pem"] + Self.key,
      in: folder.url)
  }

  /// - Parameters:
  ///   - names: subjectAltName as OpenSSL writes it, such as `DNS:localhost,IP:127.0.0.1`; nil for none.
  ///   - days: how long it is valid; a negative number makes one that has expired.
  public func issue(_ names: String?, commonName: String = "test server", days: Int = 2) async throws -> Identity {
    let name = UUID().uuidString
    try await Self.openssl(
      ["req", "-subj", "/CN=\(commonName)", "-keyout", "\(name).key", "-out", "\(name).csr"] + Self.key,
      in: folder.url)
    try (names.map { "subjectAltName=\($0)\n" } ?? "")
      .write(to: folder.file("\(name).ext"), atomically: true, encoding: .utf8)
    try await Self.openssl(
      [
        "x509", "-req", "-in", "\(name).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
        "\(days)", "-extfile", "\(name).ext", "-out", "\(name).crt",
      ], in: folder.url)
    return Identity(certificate: folder.file("\(name).crt"), key: folder.file("\(name).key"))
  }

  private static func openssl(_ arguments: [String], in folder: URL) async throws {
    try await PeerProcess.run(URL(fileURLWithPath: "/usr/bin/openssl"), arguments, in: folder)
  }
}
