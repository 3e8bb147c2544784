// FaultTests.swift: bad networks between an agent and Kamailio
import Foundation
import MessageFormats
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(4)))
struct FaultTests {
  /// An agent behind a proxy, registered; `body` gets both and the server.
  private func withFaults(
    _ mode: FaultProxy.Mode = .forward, keepalive: Double = 0.3,
    _ body: (Client, FaultProxy, Kamailio) async throws -> Void
  ) async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    let proxy = try FaultProxy(to: server.port, mode)
    defer { proxy.stop() }
    let alice = try Client("alice", server: proxy.port) { configuration in
      configuration.keepaliveInterval = keepalive
      configuration.pongTimeout = 1
      configuration.acknowledgementTimeout = 1
    }
    do {
      try await alice.agent.register()
      try await isRegistered(alice)
      try await body(alice, proxy, server)
    } catch {
      await alice.agent.shutdown()
      throw error
    }
    await alice.agent.shutdown()
  }

  private func isLost(_ alice: Client) async throws -> SIPError {
    try await alice.next { event in
      if case .registration(.lost(let error, _)) = event { error } else { nil }
    }
  }

  private func isRegistered(_ alice: Client) async throws {
    _ = try await alice.next { event -> Registration? in
      if case .registration(.registered(let registration)) = event { registration } else { nil }
    }
  }

  @Test func messagesInSingleBytesArrive() async throws {
    try await withFaults(.dribble) { alice, _, server in
      try await withClients(["bob"], server: server.port) { clients in
        let body = Data((0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7) })
        async let response = clients[0].agent.message(
          to: alice.address, contentType: "application/octet-stream", body: body)
        let message = try await alice.nextMessage()
        #expect(message.body == body)
        await alice.agent.respond(to: message.id, status: 200)
        #expect(try await response.status == 200)
      }
    }
  }

  @Test func aResetConnectionIsMadeAgain() async throws {
    try await withFaults { alice, proxy, _ in
      proxy.refuse(true)
      proxy.cut()
      _ = try await isLost(alice)
      proxy.refuse(false)
      try await isRegistered(alice)
    }
  }

  /// nua makes a new connection by itself, and registers: this is no loss, but the server may have been restarted.
  @Test func aQuickReturnIsToldToo() async throws {
    try await withFaults { alice, proxy, _ in
      proxy.cut()
      let isTold = try await alice.next { event -> Bool? in
        switch event {
        case .registration(.lost): true
        case .registration(.registered(let registration)): registration.isReconnected
        default: nil
        }
      }
      #expect(isTold)
    }
  }

  /// The other end is gone without a word, as after a lost Wi-Fi: nothing is acknowledged any more.
  @Test func aDeadNetworkIsNoticed() async throws {
    try await withFaults { alice, proxy, _ in
      proxy.unplug()
      try await isRegistered(alice)
      #expect(proxy.connections == 2)
    }
  }

  /// The server's machine acknowledges, but the server hangs.
  @Test func aServerThatNoLongerAnswersPingsIsLost() async throws {
    try await withFaults { alice, proxy, _ in
      let answers = proxy.bytesToClients
      // Kamailio answers each ping with two bytes.
      while proxy.bytesToClients < answers + 4 { try await Task.sleep(for: .milliseconds(20)) }
      proxy.refuse(true)
      proxy.set(.swallow)
      _ = try await isLost(alice)
      proxy.set(.forward)
      proxy.refuse(false)
      try await isRegistered(alice)
    }
  }

  /// Flexisip does not answer pings: that alone is no loss.
  @Test func aServerThatNeverAnsweredPingsIsKept() async throws {
    let server = try ScriptedServer { message in
      message.method == "REGISTER" ? [message.answer("200 OK", ["Contact: \(message.headers["Contact"] ?? "")"])] : []
    }
    defer { server.stop() }
    let proxy = try FaultProxy(to: server.port)
    defer { proxy.stop() }
    let alice = try Client("alice", server: proxy.port) { configuration in
      configuration.keepaliveInterval = 0.05
      configuration.pongTimeout = 0.1
    }
    try await alice.agent.register()
    let sent = proxy.bytesToServers
    // Forty pings of four bytes.
    while proxy.bytesToServers < sent + 160 { try await Task.sleep(for: .milliseconds(20)) }
    #expect(proxy.connections == 1)
    await alice.agent.shutdown()
  }
}
