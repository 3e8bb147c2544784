// DownloadPolicy.swift: which servers a message may make us call
import Foundation
import HTTPClient

/// The hosts that files are fetched from without a word of the user: the account's file server and what the
/// configuration names.
public struct DownloadPolicy: Sendable {
  /// In lower case, with their port; without one for the standard ports of http and https: another port is another
  /// server, which anybody with an account on that machine may run.
  public private(set) var hosts: Set<String>
  /// For a file whose host the user was told.
  public var allowsAnyHost = false
  /// Set when the account's own file server uses https.
  public var requiresTLS: Bool

  /// - Parameter hosts: besides the file server's; as ``isHost(_:)`` has them.
  public init(fileServer: URL?, hosts: [String] = [], allowsAnyHost: Bool = false) {
    let own = fileServer.flatMap { try? HTTPAddress($0.absoluteString) }?.authority
    self.hosts = Set((hosts + [own].compactMap { $0 }).map(Self.normalized))
    self.allowsAnyHost = allowsAnyHost
    requiresTLS = fileServer?.scheme?.lowercased() == "https"
  }

  /// Whether a text is a host with or without a port: `files.example.org`, `files.example.org:8443`, `[2001:db8::1]`.
  public static func isHost(_ text: String) -> Bool {
    guard let address = try? HTTPAddress("https://\(normalized(text))") else { return false }
    return [address.authority, "\(address.authority):443"].contains(normalized(text))
  }

  private static func normalized(_ host: String) -> String {
    let host = host.lowercased()
    // An IPv6 address alone needs no brackets.
    return host.count { $0 == ":" } > 1 && !host.contains("[") ? "[\(host)]" : host
  }

  func isKnown(_ address: HTTPAddress) -> Bool { address.isOn(hosts) }

  func check(_ address: HTTPAddress) throws {
    guard allowsAnyHost || isKnown(address) else {
      throw FileTransferError.otherHost(address.authority, known: hosts.sorted())
    }
    if requiresTLS, !address.isSecure { throw FileTransferError.notSecure(host: address.authority) }
  }

  /// Whether a file at this address would be fetched without a word of the user.
  public func allows(_ url: String) -> Bool { (try? check(HTTPAddress(url))) != nil }
}
