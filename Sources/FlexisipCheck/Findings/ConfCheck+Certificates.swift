// ConfCheck+Certificates.swift: whether the files for TLS that flexisip.conf names are there, as PEM (RFC 7468)
import Foundation

extension ConfCheck {
  /// Of `[global]`, with what must be in the file.
  private static let certificateKeys = [
    (key: "tls-certificates-file", mark: "BEGIN CERTIFICATE", example: "/etc/flexisip/tls/server.pem"),
    (key: "tls-certificates-private-key", mark: "PRIVATE KEY", example: "/etc/flexisip/tls/server.key"),
  ]

  /// A transport can name files of its own; these are not looked at.
  mutating func checkCertificates() {
    let usesTLS = conf.words("global", "transports").contains { text in
      SIPTransportAddress(text)?.protocols == ["tls"] && !text.contains("tls-certificates")
    }
    guard usesTLS else { return }
    for (place, entry) in Self.certificateKeys.enumerated() {
      let path = conf.value("global", entry.key)
      let other = Self.certificateKeys[1 - place].key
      guard !path.isEmpty else {
        guard !conf.value("global", other).isEmpty else { continue }
        report(
          "global", entry.key, "\(other) is set, but not \(entry.key): the server does not start",
          correction: "\(entry.key)=\(entry.example)", preventsStart: true)
        continue
      }
      guard isServersMachine else { continue }
      let data = FileManager.default.contents(atPath: path)
      let isRight = data.map { String(decoding: $0.prefix(1 << 20), as: UTF8.self).contains(entry.mark) }
      guard isRight != true else { continue }
      report(
        "global", entry.key,
        "\(path) \(isRight == nil ? "cannot be read" : "has no line with \(entry.mark)"): no client gets a connection "
          + "over TLS",
        correction: "\(entry.key)=\(entry.example)",
        remedy: "a PEM file that the user whom Flexisip runs as may read")
    }
  }
}
