// LinphoneClient.swift: Debian's liblinphone as a chat client, driven through Tests/Peers/linphone-client.cpp.
import Foundation
import TestSupport

/// One Linphone client with one account.
struct LinphoneClient {
  /// liblinphone's names for its numbers.
  static let registrationOk = "2"
  static let deliveredToUser = "6"

  let process: PeerProcess
  private let folder: TemporaryFolder

  init(user: String, domain: String, proxy: String, factory: String, keyServer: String?) throws {
    folder = try TemporaryFolder()
    process = try PeerProcess(
      TestPaths.peer("linphone-client"),
      [
        "--dir", folder.url.path, "--identity", "sip:\(user)@\(domain)", "--password", user, "--proxy", proxy,
        "--factory", factory, "--lime", keyServer ?? "",
      ], name: "linphone(\(user))")
  }

  /// Until others can invite it and encrypt to it.
  func waitUntilReady() async throws {
    try await process.event("registration", ["state": Self.registrationOk])
    try await process.event("keys-published")
  }
}
