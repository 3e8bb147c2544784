// Clients.swift: agents for tests, and their events
import Foundation
import MessageFormats
import Testing

@testable import SIPAgent

/// An agent and an iterator over its events; answers nothing by itself.
actor Client {
  nonisolated let agent: SIPAgent
  nonisolated let instanceID: String
  private var iterator: AsyncStream<SIPEvent>.Iterator

  init(
    _ user: String, server: Int, transport: String = "tcp", host: String = "127.0.0.1", password: String? = nil,
    expires: Int = 600, configure: (inout SIPAgentConfiguration) -> Void = { _ in }
  ) throws {
    let instanceID = "urn:uuid:\(UUID().uuidString.lowercased())"
    let secret = password ?? user
    var configuration = SIPAgentConfiguration(
      address: SIPURI(user: user, host: Kamailio.domain), password: { secret },
      outboundProxy: SIPURI(user: nil, host: host, port: server, parameters: [Parameter("transport", transport)]),
      instanceID: instanceID, expires: expires)
    configure(&configuration)
    agent = try SIPAgent(configuration: configuration)
    self.instanceID = instanceID
    iterator = agent.events.makeAsyncIterator()
  }

  nonisolated var address: SIPURI { agent.configuration.address }

  /// The first event for which `select` gives a value; those before it are dropped.
  func next<Value: Sendable>(_ select: @Sendable (SIPEvent) -> Value?) async throws -> Value {
    var events = iterator
    defer { iterator = events }
    while let event = await events.next(isolation: self) {
      if let value = select(event) { return value }
    }
    throw Ended()
  }

  func nextMessage() async throws -> IncomingMessage {
    try await next { if case .message(let message) = $0 { message } else { nil } }
  }

  func nextInvitation() async throws -> IncomingInvite {
    try await next { if case .invitation(let invite) = $0 { invite } else { nil } }
  }

  func nextRegistrationState() async throws -> RegistrationState {
    try await next { if case .registration(let state) = $0 { state } else { nil } }
  }

  func nextDialogEnd() async throws -> DialogID {
    try await next { if case .dialogEnded(let id) = $0 { id } else { nil } }
  }

  struct Ended: Error {}
}

/// Runs `body` with registered agents of these users and shuts them down afterwards.
func withClients(
  _ users: [String], server: Int, transport: String = "tcp", _ body: ([Client]) async throws -> Void
) async throws {
  let clients = try users.map { try Client($0, server: server, transport: transport) }
  do {
    for client in clients { try await client.agent.register() }
    try await body(clients)
  } catch {
    for client in clients { await client.agent.shutdown() }
    throw error
  }
  for client in clients { await client.agent.shutdown() }
}
