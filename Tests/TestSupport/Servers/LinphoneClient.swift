// LinphoneClient.swift: Debian's liblinphone as a chat client, driven through Tests/Peers/linphone-client.cpp
import Foundation

/// One Linphone client with one account.
public struct LinphoneClient: Sendable {
  /// liblinphone's names for its numbers.
  public static let registrationNone = "0"
  public static let registrationOk = "2"
  public static let registrationFailed = "4"
  public static let deliveredToUser = "6"

  /// Without them liblinphone aborts.
  private static let grammars = "/usr/share/belr/grammars/identity_grammar"

  public let process: PeerProcess
  private let folder: TemporaryFolder
  private let arguments: [String]

  /// - Parameters:
  ///   - caFile: authorities that a certificate must be of; nil takes any certificate.
  ///   - curve: LIME's; nil for liblinphone's usual one.
  public init(
    user: String, domain: String, proxy: String, factory: String, keyServer: String?, fileServer: String? = nil,
    caFile: String? = nil, curve: String? = nil
  ) throws {
    guard FileManager.default.fileExists(atPath: Self.grammars) else {
      throw TestFailure("\(Self.grammars) is not there: install linphone-common (scripts/install-packages test)")
    }
    folder = try TemporaryFolder()
    arguments = [
      "--dir", folder.url.path, "--identity", "sip:\(user)@\(domain)", "--password", user, "--proxy", proxy,
      "--factory", factory, "--lime", keyServer ?? "", "--file", fileServer ?? "", "--ca", caFile ?? "",
      "--curve", curve ?? "",
    ]
    process = try PeerProcess(TestPaths.peer("linphone-client"), arguments, name: "linphone(\(user))")
  }

  private init(_ folder: TemporaryFolder, _ arguments: [String], name: String) throws {
    (self.folder, self.arguments) = (folder, arguments)
    process = try PeerProcess(TestPaths.peer("linphone-client"), arguments, name: name)
  }

  /// Stops the program and starts it again with its data: the same device, which publishes no keys any more.
  public func restarted() throws -> LinphoneClient {
    process.stop()
    return try LinphoneClient(folder, arguments, name: process.name)
  }

  /// Its numbers: 5, 1, 65 of Debian 12.
  public func version() async throws -> [Int] {
    let text = try await process.event("version")["version"] ?? ""
    return text.split { !$0.isNumber }.compactMap { Int($0) }
  }

  /// Until others can invite it and encrypt to it.
  public func waitUntilReady() async throws {
    try await process.event("registration", ["state": Self.registrationOk])
    try await process.event("keys-published")
  }
}
