// SIPThreadTests.swift: the SIP actor and Sofia's thread
import Foundation
import TestSupport
import Testing

@testable import SIPAgent

@SIPActor private func onLoop() -> Bool { SofiaLoop.shared.isIsolatingCurrentContext() == true }

@Test func theSIPActorRunsOnTheLoopThread() async { #expect(await onLoop()) }

/// nua_create waits for events itself, which must not make those of others happen twice.
@Suite struct NewAgentsBesideConnections {
  private static let connections = 16
  private static let rounds = 500
  private static let agents = 100

  @Test func noConnectionEndsBecauseAnotherAgentIsMade() async throws {
    let server = try await SIPServer()
    await SIPActor.run { server.onRequest = { _, transaction in transaction.respond(200, "OK") } }
    let port = Int(server.port)
    let answered = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<Self.connections {
        let connection = try LoopbackSocket.connected(to: port)
        group.addTask { await Self.onThread { Self.answers(over: connection) } }
      }
      group.addTask {
        for _ in 0..<Self.agents {
          let client = try Client("alice", server: port)
          try await client.agent.register()
          await client.agent.shutdown()
        }
        return 0
      }
      return try await group.reduce(0, +)
    }
    await server.stop()
    #expect(answered == Self.connections * Self.rounds)
  }

  private static func onThread<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: body()) }
    }
  }

  /// How many of `rounds` requests are answered before the connection ends.
  private static func answers(over connection: LoopbackSocket) -> Int {
    var framer = SIPFramer()
    for round in 0..<rounds {
      // So that there is nothing to read at times, as between the messages of people.
      usleep(500)
      let request = [
        "OPTIONS sip:127.0.0.1 SIP/2.0", "Via: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bK\(UUID().uuidString);rport",
        "Max-Forwards: 70", "From: <sip:alice@127.0.0.1>;tag=a", "To: <sip:127.0.0.1>",
        "Call-ID: \(UUID().uuidString)", "CSeq: \(round) OPTIONS", "Content-Length: 0", "", "",
      ].joined(separator: "\r\n")
      guard send(connection.descriptor, request, request.utf8.count, Int32(MSG_NOSIGNAL)) == request.utf8.count else {
        return round
      }
      var heads = 0
      var buffer = [UInt8](repeating: 0, count: 4096)
      while heads == 0 {
        let count = recv(connection.descriptor, &buffer, buffer.count, 0)
        guard count > 0 else { return round }
        heads += framer.cut(Array(buffer[..<count])).count { if case .head = $0 { true } else { false } }
      }
    }
    return rounds
  }
}

extension SIPActor {
  @SIPActor fileprivate static func run<Value: Sendable>(_ body: @SIPActor () -> Value) -> Value { body() }
}
