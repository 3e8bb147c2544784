// OwnDevice.swift: this device: its address (GRUU, RFC 5627), its LIME account and, while connected, its SIP agent.
import Foundation
import GRDB
import Lime
import MessageFormats
import SIPAgent
import ServerConnection

/// `ChatClient` says when it has what; everybody else asks.
@ChatActor final class OwnDevice {
  private let context: ChatContext
  /// From the start to the stop of the client.
  private(set) var agent: SIPAgent?
  /// nil before the first registration.
  private(set) var gruu: SIPURI?
  /// nil before this run's first registration.
  private(set) var lime: LimeAccount?
  private(set) var isConnected = false
  /// When this device was registered for the first time of all, if that was in this run.
  private var firstConnected: ContinuousClock.Instant?

  init(_ context: ChatContext) { self.context = context }

  /// The address of last time, under which what is written waits in the outbox.
  func recall() async throws {
    if gruu == nil { gruu = try await context.store.deviceID().flatMap { SIPURI($0) } }
  }

  /// Registers nothing yet.
  func makeAgent(trace: WireTrace?) async throws -> SIPAgent {
    let instance = try await context.store.database.write { db -> String in
      if let known = try Setting.instanceID.read(db) { return known }
      let fresh = "urn:uuid:\(UUID().uuidString.lowercased())"
      try Setting.instanceID.write(db, fresh)
      return fresh
    }
    let account = context.account
    var configuration = SIPAgentConfiguration(
      address: account.registrationAddress, password: { account.password.reveal() }, instanceID: instance)
    configuration.realm = account.realm
    configuration.outboundProxy = account.outboundProxy
    configuration.expires = account.expires
    configuration.caFile = account.caFile
    configuration.nameServer = account.nameServer
    configuration.specs =
      account.keyServer == nil ? "groupchat/1.1,ephemeral/1.1" : "groupchat/1.1,lime,ephemeral/1.1"
    configuration.trace = trace
    configuration.userAgent = "limeade/\(Version.current)"
    let agent = try SIPAgent(configuration: configuration)
    self.agent = agent
    return agent
  }

  /// - Parameter isFirst: it never had this address before.
  func connected(as gruu: SIPURI, isFirst: Bool) {
    (self.gruu, isConnected) = (gruu, true)
    if isFirst { firstConnected = .now }
  }

  /// Whether invitations may come that the server sends to a new device: into the rooms that its account is in.
  var isFirstContact: Bool { firstConnected.map { .now - $0 < Self.firstContact } ?? false }
  private static let firstContact: Duration = .seconds(10)

  /// From here on it can encrypt and decrypt.
  func open(_ lime: LimeAccount) { self.lime = lime }

  func disconnected() { isConnected = false }

  /// - Returns: the agent, which nobody uses any more.
  func release() -> SIPAgent? {
    isConnected = false
    defer { agent = nil }
    return agent
  }
}
