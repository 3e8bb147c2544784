// OwnDevice.swift: this device: its address (GRUU, RFC 5627), its LIME account and, while connected, its SIP agent.
import Foundation
import Lime
import MessageFormats
import SIPAgent

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

  init(_ context: ChatContext) { self.context = context }

  /// The address of last time, under which what is written waits in the outbox.
  func recall() async throws {
    if gruu == nil { gruu = try await context.store.deviceID().flatMap { SIPURI($0) } }
  }

  func use(_ agent: SIPAgent) { self.agent = agent }

  func connected(as gruu: SIPURI) { (self.gruu, isConnected) = (gruu, true) }

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
