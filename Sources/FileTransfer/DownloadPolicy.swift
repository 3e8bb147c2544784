// DownloadPolicy.swift: which servers a message may make us call
import Foundation
import HTTPClient

public struct DownloadPolicy: Sendable {
  /// Names of hosts, in lower case.
  public var hosts: Set<String>
  /// For a file whose host the user was told.
  public var allowsAnyHost = false
  /// Set when the account's own file server uses https.
  public var requiresTLS: Bool

  /// - Parameter hosts: besides the file server's.
  public init(fileServer: URL?, hosts: [String] = [], allowsAnyHost: Bool = false) {
    self.hosts = Set((hosts + [fileServer?.host].compactMap { $0 }).map { $0.lowercased() })
    self.allowsAnyHost = allowsAnyHost
    requiresTLS = fileServer?.scheme?.lowercased() == "https"
  }

  func isKnown(_ address: HTTPAddress) -> Bool { hosts.contains(address.hostName) }

  func check(_ address: HTTPAddress) throws {
    guard allowsAnyHost || isKnown(address) else {
      throw FileTransferError.otherHost(address.hostName, known: hosts.sorted())
    }
    if requiresTLS, !address.isSecure { throw FileTransferError.notSecure(host: address.hostName) }
  }

  /// Whether a file at this address would be fetched without a word of the user.
  public func allows(_ url: String) -> Bool { (try? check(HTTPAddress(url))) != nil }
}
