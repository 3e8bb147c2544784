// DatagramTests.swift: SIP over UDP, its servers found by DNS, one failing after the other
import Foundation
import MessageFormats
import ServerConnection
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(2)))
struct DatagramTests {
  private static func client(
    _ user: String, _ names: Dnsmasq, keepalive: Double = 30, patience: Double = 10,
    answer: Double = 10
  ) throws -> Client {
    try Client(user, names: names) { configuration in
      configuration.keepaliveInterval = keepalive
      configuration.connectTimeout = patience
      configuration.pongTimeout = answer
    }
  }

  @Test func theNextTargetIsTakenWhenOneRefuses() async throws {
    let dead = try LoopbackSocket.refusingDatagram()
    let (first, second) = try await (Kamailio(), Kamailio())
    defer {
      first.stop()
      second.stop()
    }
    let names = try await Dnsmasq.targets([dead.port, first.port, second.port])
    defer { names.stop() }
    let alice = try Self.client("alice", names, keepalive: 0.5)
    try await alice.agent.register()
    #expect(first.finalRequests().count { $0.hasPrefix("REGISTER udp SIP/2.0/UDP 127.0.0.1:") } == 2)
    // The first one is stopped now; the next keepalive finds that out.
    _ = try await alice.nextRegistrationState()
    guard case .registered = try await alice.nextRegistrationState() else {
      Issue.record("not registered again")
      return
    }
    // The other server is one's own registrar too: messages go there.
    let response = try await alice.agent.options(alice.address)
    #expect(response.status == 200)
    let requests = second.finalRequests().filter { $0.hasPrefix("REGISTER") }
    #expect(requests.count >= 1 && requests.allSatisfy { $0.hasPrefix("REGISTER udp SIP/2.0/UDP 127.0.0.1:") })
    await alice.agent.shutdown()
  }

  @Test func theNextTargetIsTakenWhenOneIsSilent() async throws {
    let silent = try LoopbackSocket.silentDatagram()
    let server = try await Kamailio()
    defer { server.stop() }
    let names = try await Dnsmasq.targets([silent.port, server.port])
    defer { names.stop() }
    let alice = try Self.client("alice", names, patience: 0.5)
    try await alice.agent.register()
    await alice.agent.shutdown()
    // The silent one was asked first. The other one got the same request as a new transaction (RFC 3263 §4.3).
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = recv(silent.descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
    let request = try #require(SIPDatagram(Array(buffer.prefix(max(0, count)))))
    #expect(request.head.starts(with: Array("REGISTER sip:\(Kamailio.domain) SIP/2.0\r\n".utf8)))
    let branch = try #require(request.transaction?.split(separator: " ").first)
    let random = branch.dropFirst("z9hG4bK".count)
    let registers = server.finalRequests().filter { $0.hasPrefix("REGISTER udp") }
    #expect(registers.count >= 2)
    #expect(registers.contains { $0.contains(random) } && !registers.contains { $0.contains(branch) })
  }

  /// Nobody sends anything, and still the loss is noticed.
  @Test func aServerThatFallsSilentIsLeft() async throws {
    let (first, second) = try await (Kamailio(), Kamailio())
    let proxy = try DatagramProxy(to: first.port)
    defer {
      proxy.stop()
      first.stop()
      second.stop()
    }
    let names = try await Dnsmasq.targets([proxy.port, second.port])
    defer { names.stop() }
    let alice = try Self.client("alice", names, keepalive: 0.3, answer: 2)
    try await alice.agent.register()
    _ = try await alice.nextRegistrationState()
    while !proxy.forwarded.contains(where: { $0.contains(" OPTIONS\r\n") }) {
      try await Task.sleep(for: .milliseconds(20))
    }
    proxy.fallSilent()
    guard case .registered = try await alice.nextRegistrationState() else {
      Issue.record("not registered again")
      return
    }
    await alice.agent.shutdown()
    #expect(second.finalCount("REGISTER", user: "alice") >= 1)
  }

  @Test func withoutAnyServerTheCauseIsTold() async throws {
    let dead = try LoopbackSocket.refusingDatagram()
    let alice = try Client("alice", server: dead.port, transport: "udp")
    for _ in 0..<2 {
      await #expect(throws: SIPError.unreachable(server: "127.0.0.1:\(dead.port)", reason: "Connection refused")) {
        try await alice.agent.register()
      }
    }
    await alice.agent.shutdown()
  }

  @Test func aRestartedServerIsFoundAgain() async throws {
    let first = try await Kamailio()
    let alice = try Client("alice", server: first.port, transport: "udp") { $0.keepaliveInterval = 0.5 }
    try await alice.agent.register()
    _ = try await alice.nextRegistrationState()
    first.stop()
    guard case .lost(let cause, _) = try await alice.nextRegistrationState() else {
      Issue.record("the loss is not reported")
      return
    }
    #expect(cause == .unreachable(server: "127.0.0.1:\(first.port)", reason: "Connection refused"))
    let second = try await Kamailio(port: first.port)
    defer { second.stop() }
    _ = try await alice.next { if case .registration(.registered) = $0 { true } else { nil } }
    await alice.agent.shutdown()
  }

  /// RFC 3261 §18.1.1: what is large goes by TCP, and by UDP after all where there is none. The trace has it whole.
  @Test(arguments: [true, false])
  func largeMessagesArriveAndTheTraceHasThem(hasTCP: Bool) async throws {
    let server = try await Kamailio(hasTCP: hasTCP)
    defer { server.stop() }
    let folder = try TemporaryFolder()
    let path = folder.file("trace").path
    let alice = try Client("alice", server: server.port, transport: "udp")
    let bob = try Client("bob", server: server.port, transport: "udp") { $0.trace = try? WireTrace(path: path) }
    try await alice.agent.register()
    try await bob.agent.register()
    // One line, longer than Sofia's own log has them.
    let text = (0..<2000).map { "\($0) " }.joined()
    let answering = [alice, bob].map { client in
      Task {
        while let message = try? await client.nextMessage() {
          #expect(message.body == Data(text.utf8))
          await client.agent.respond(to: message.id, status: 200)
        }
      }
    }
    for (sender, receiver) in [(alice, bob), (bob, alice)] {
      #expect(try await Self.send(text, from: sender, to: receiver) == 200)
    }
    await alice.agent.shutdown()
    await bob.agent.shutdown()
    for task in answering { await task.value }
    let messages = server.finalRequests().filter { $0.hasPrefix("MESSAGE") }
    #expect(messages.contains { $0.hasPrefix(hasTCP ? "MESSAGE tcp SIP/2.0/TCP" : "MESSAGE udp SIP/2.0/UDP") })
    let trace = try String(contentsOfFile: path, encoding: .utf8)
    let transport = hasTCP ? "TCP" : "UDP"
    for direction in ["->", "<-"] {
      #expect(trace.contains(" \(direction) \(transport) 127.0.0.1:"))
    }
    #expect(trace.ranges(of: text + "\n").count >= 2)
  }

  /// A server without TCP may be known as such only when a first message has failed.
  private static func send(_ text: String, from sender: Client, to receiver: Client) async throws -> Int {
    for _ in 0..<100 {
      do {
        return try await sender.agent.message(
          to: receiver.address, contentType: "text/plain", body: Data(text.utf8)
        ).status
      } catch SIPError.unreachable {
        try await Task.sleep(for: .milliseconds(100))
      }
    }
    throw TestFailure("no message goes out")
  }
}
