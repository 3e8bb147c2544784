// OverloadTests.swift: a server that answers 503 is left for the next one (RFC 3263 §4.3)
import Foundation
import MessageFormats
import ServerConnection
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(2)))
struct OverloadTests {
  /// Servers for these overloads, the account that knows them, in this order, by DNS, and what is done with it.
  private func withServers(
    _ overloads: [Kamailio.Overload], over transport: SIPTransport = .tcp, expires: Int = 600,
    _ body: (Client, [Kamailio]) async throws -> Void
  ) async throws {
    let authority = try await TestAuthority()
    let identity = try await authority.issue("DNS:\(Kamailio.domain)")
    var servers: [Kamailio] = []
    defer { for server in servers { server.stop() } }
    for overload in overloads { servers.append(try await Kamailio(tls: identity, overload: overload)) }
    let names = try await Dnsmasq.targets(servers.map { transport == .tls ? $0.tlsPort : $0.port }, over: transport)
    defer { names.stop() }
    let alice = try Client("alice", names: names, expires: expires) { $0.caFile = authority.certificate.path }
    // The servers may have been stopped: no goodbye is waited for.
    do { try await body(alice, servers) } catch {
      await alice.agent.shutdown(keepingRegistration: true)
      throw error
    }
    await alice.agent.shutdown(keepingRegistration: true)
  }

  private func makeBusy(_ client: Client) async throws {
    let response = try await client.agent.options(SIPURI(user: "maintenance", host: Kamailio.domain))
    #expect(response.status == 200)
  }

  /// Over UDP some come twice.
  private func registers(_ server: Kamailio) -> Int {
    Set(server.finalRequests().filter { $0.hasPrefix("REGISTER") }).count
  }

  /// Each is asked once, and what failed does not end the registration at the one that takes it.
  @Test(arguments: SIPTransport.allCases)
  func theNextTargetIsTakenWhenOneIsOverloaded(transport: SIPTransport) async throws {
    let overloads: [Kamailio.Overload] = [.always(retryAfter: 600), .always(retryAfter: 20), .never]
    try await withServers(overloads, over: transport) { alice, servers in
      let registration = try await alice.agent.register()
      #expect(registration.gruu != nil)
      // Whatever else it sent would arrive before the answer to this.
      let response = try await alice.agent.options(alice.address)
      #expect(response.status == 200)
      #expect(servers.map { registers($0) } == [1, 1, 2])
    }
  }

  /// It takes connections, and what is sent over them, and says nothing.
  @Test func theNextTargetIsTakenWhenOneDoesNotAnswer() async throws {
    let silent = try LoopbackSocket.listening()
    let server = try await Kamailio()
    defer { server.stop() }
    let names = try await Dnsmasq.targets([silent.port, server.port], over: .tcp)
    defer { names.stop() }
    let alice = try Client("alice", names: names) { $0.transactionTimeout = 8 }
    do { try await alice.agent.register() } catch {
      await alice.agent.shutdown()
      throw error
    }
    await alice.agent.shutdown()
    #expect(registers(server) >= 2)
  }

  @Test(arguments: [SIPTransport.tcp, .udp])
  func aRefreshThatIsRefusedGoesToTheNextTarget(transport: SIPTransport) async throws {
    try await withServers([.onDemand(retryAfter: 600), .never], over: transport, expires: 4) { alice, servers in
      try await alice.agent.register()
      try await makeBusy(alice)
      let delay = try await alice.next { event -> Double? in
        if case .registration(.lost(.refused(503, _), let delay)) = event { delay } else { nil }
      }
      #expect(delay < 60, "Retry-After is for the server that said it")
      _ = try await alice.next { if case .registration(.registered) = $0 { true } else { nil } }
      #expect(registers(servers[1]) >= 2)
    }
  }

  /// It may be somebody behind the server that is overloaded: the registrar is asked.
  @Test(arguments: [SIPTransport.tcp, .udp])
  func aRefusedMessageLeadsToTheNextTarget(transport: SIPTransport) async throws {
    try await withServers([.onDemand(retryAfter: 600), .never], over: transport) { alice, servers in
      try await alice.agent.register()
      _ = try await alice.nextRegistrationState()
      try await makeBusy(alice)
      let response = try await alice.agent.message(
        to: SIPURI(user: "bob", host: Kamailio.domain), contentType: "text/plain", body: Data("hello".utf8))
      #expect(response.status == 503)
      guard case .registered(let registration) = try await alice.nextRegistrationState() else {
        Issue.record("not registered with the other server")
        return
      }
      #expect(registration.isReconnected, "the other server knows of no dialogs and subscriptions")
      #expect(try await alice.agent.options(alice.address).status == 200)
      #expect(servers.map { registers($0) } == [3, 2])
    }
  }

  @Test func whenAllAreOverloadedTheFirstThatWantsToBeAskedAgainDecides() async throws {
    let overloads: [Kamailio.Overload] = [.onDemand(retryAfter: 600), .always(retryAfter: 300)]
    try await withServers(overloads, expires: 4) { alice, servers in
      try await alice.agent.register()
      try await makeBusy(alice)
      _ = try await alice.next { event -> Bool? in
        if case .registration(.lost(.refused(503, _), ..<60)) = event { true } else { nil }
      }
      guard case .lost(.refused(503, _), let delay) = try await alice.nextRegistrationState() else {
        Issue.record("not told")
        return
      }
      #expect((300...375).contains(delay))
      #expect(registers(servers[1]) == 1)
    }
  }

  @Test func sofiaSeesNoRetryAfterOfARegister() {
    func head(_ status: String, _ method: String, _ field: String) -> [UInt8] {
      Array("SIP/2.0 \(status) x\r\nCSeq: 7 \(method)\r\n\(field): 5\r\nSubject: Retry-After\r\n\r\n".utf8)
    }
    for field in ["Retry-After", "retry-after "] {
      let hidden = String(decoding: ServerDelay.hide(in: head("503", "REGISTER", field)), as: UTF8.self)
      #expect(hidden.contains("\r\nRetry-Later") && hidden.hasSuffix("Subject: Retry-After\r\n\r\n"))
    }
    for other in [head("500", "REGISTER", "Retry-After"), head("503", "MESSAGE", "Retry-After"), [], [13]] {
      #expect(ServerDelay.hide(in: other) == other)
    }
    let delays = ["Retry-Later", "Retry-After"].map {
      ServerDelay.seconds(in: SIPResponse(status: 503, headers: [SIPHeader($0, "5 (soon);duration=60")]))
    }
    #expect(delays == [5, 5])
  }

  @Test func eachAddressIsAskedOnceInAnAttempt() throws {
    let all = try (1...3).map { try SocketAddress.all(of: "127.0.0.\($0)", port: 5060)[0] }
    let choice = ServerChoice { () throws(ConnectionFailure) in all }
    #expect(!choice.isPlural && !choice.refuse(all[0], for: 0, since: .now), "no other one is known")
    #expect(try choice.addresses() == [all[1], all[2]])
    #expect(choice.isPlural)
    let start = ContinuousClock.now
    #expect(choice.refuse(all[1], for: 600, since: start))
    #expect(try choice.addresses() == [all[2]])
    #expect(!choice.refuse(all[2], for: 300, since: start))
    #expect(try choice.addresses() == [all[0], all[2], all[1]], "when all have refused, the soonest first")
  }
}
