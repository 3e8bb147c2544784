// ServerCertificate.swift: what a server's certificate says, for people to read
import Foundation

/// The certificate that a server proved itself with.
public struct ServerCertificate: Sendable, Hashable {
  /// For which hosts and domains it is; some of them when there are many.
  public var names: [String]
  /// The common name of who signed it.
  public var issuer: String
  /// The end of its validity (`notAfter`).
  public var expires: Date
}
