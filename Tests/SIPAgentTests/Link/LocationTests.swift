// LocationTests.swift: servers found by DNS, over IPv6, and requests from elsewhere
import Foundation
import MessageFormats
import ServerConnection
import TestSupport
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(2)))
struct LocationTests {
  /// Where DNS leads to.
  private static let host = "host.\(TestDomain.name)"

  @Test func theNextTargetIsTakenWhenOneFails() async throws {
    let dead = try LoopbackSocket.refusing()
    let (first, second) = try await (Kamailio(), Kamailio())
    defer {
      first.stop()
      second.stop()
    }
    let names = try await Dnsmasq(
      zone: TestDomain.name,
      [(dead.port, 10), (first.port, 20), (second.port, 30)].map {
        "srv-host=_sip._tcp.\(Kamailio.domain),\(Self.host),\($0.0),\($0.1),0"
      } + ["host-record=\(Self.host),127.0.0.1"])
    defer { names.stop() }
    let alice = try Client("alice", server: 0) { configuration in
      configuration.outboundProxy = nil
      configuration.nameServer = NameServer("127.0.0.1:\(names.port)")
    }
    try await alice.agent.register()
    #expect(first.finalCount("REGISTER", user: "alice") == 2)
    // The first one is stopped now.
    _ = try await alice.nextRegistrationState()
    guard case .registered = try await alice.nextRegistrationState() else {
      Issue.record("not registered again")
      return
    }
    #expect(second.finalCount("REGISTER", user: "alice") >= 1)
    await alice.agent.shutdown()
  }

  /// The certificate must be for the domain of the account, not for the host that DNS names.
  @Test(arguments: ["DNS:\(Kamailio.domain)", "DNS:\(host)"])
  func dnsChoosesTLS(name: String) async throws {
    let authority = try await TestAuthority()
    let server = try await Kamailio(tls: try await authority.issue(name))
    defer { server.stop() }
    let names = try await Dnsmasq(
      zone: TestDomain.name,
      [
        "naptr-record=\(Kamailio.domain),10,50,s,SIPS+D2T,,_sips._tcp.\(Kamailio.domain)",
        "srv-host=_sips._tcp.\(Kamailio.domain),\(Self.host),\(server.tlsPort),10,0",
        "host-record=\(Self.host),127.0.0.1",
      ])
    defer { names.stop() }
    let alice = try Client("alice", server: 0) { configuration in
      configuration.outboundProxy = nil
      configuration.nameServer = NameServer("127.0.0.1:\(names.port)")
      configuration.caFile = authority.certificate.path
    }
    if name == "DNS:\(Kamailio.domain)" {
      try await alice.agent.register()
    } else {
      await #expect(
        throws: SIPError.insecure(
          server: Kamailio.domain, .wrongName(expected: Kamailio.domain, names: [Self.host]))
      ) { try await alice.agent.register() }
    }
    await alice.agent.shutdown()
    let requests = server.finalRequests().filter { $0.hasPrefix("REGISTER") }
    #expect(requests.isEmpty == (name != "DNS:\(Kamailio.domain)"))
    #expect(requests.allSatisfy { $0.hasPrefix("REGISTER tls SIP/2.0/TLS ") })
  }

  @Test(.enabled(if: Kamailio.hasIPv6, "this machine has no ::1"), arguments: ["tcp", "tls", "udp"])
  func ipv6Works(transport: String) async throws {
    let authority = try await TestAuthority()
    let server = try await Kamailio(tls: try await authority.issue("IP:::1"))
    defer { server.stop() }
    let port = transport == "tls" ? server.tlsPort : server.port
    let clients = try ["alice", "bob"].map { user in
      try Client(user, server: port, transport: transport, host: "[::1]") { $0.caFile = authority.certificate.path }
    }
    for client in clients { try await client.agent.register() }
    async let response = clients[0].agent.message(
      to: clients[1].address, contentType: "text/plain", body: Data("hello".utf8))
    let message = try await clients[1].nextMessage()
    await clients[1].agent.respond(to: message.id, status: 200)
    #expect(try await response.status == 200)
    for client in clients { await client.agent.shutdown() }
    let proto = transport.uppercased()
    #expect(server.finalRequests().contains { $0.hasPrefix("MESSAGE \(transport) SIP/2.0/\(proto) [::1]:") })
  }

  // MARK: Requests from elsewhere

  private static func intrusion(_ transport: String) -> String {
    """
    MESSAGE sip:alice@127.0.0.1 SIP/2.0\r
    Via: SIP/2.0/\(transport) 127.0.0.2:5070;branch=z9hG4bK\(UUID().uuidString);rport\r
    Max-Forwards: 70\r
    From: <sip:bob@\(Kamailio.domain)>;tag=intruder\r
    To: <sip:alice@\(Kamailio.domain)>\r
    Call-ID: \(UUID().uuidString)\r
    CSeq: 1 MESSAGE\r
    Content-Type: text/plain\r
    Content-Length: 4\r
    \r
    evil
    """
  }

  /// Alice hears of bob's message only.
  private func isUndisturbed(_ alice: Client, _ bob: Client) async throws {
    async let response = bob.agent.message(to: alice.address, contentType: "text/plain", body: Data("good".utf8))
    let message = try await alice.nextMessage()
    #expect(String(decoding: message.body, as: UTF8.self) == "good")
    await alice.agent.respond(to: message.id, status: 200)
    #expect(try await response.status == 200)
  }

  /// The UDP port of the link takes what the server's address and port send; the TCP port, which is there for large
  /// messages, connections from the server's address.
  @Test(arguments: ["UDP", "TCP"])
  func overUDPOnlyTheProxyIsHeard(intruder: String) async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port, transport: "udp") { clients in
      let port = try await server.contactPort(of: "alice")
      let script = """
        import socket, sys
        s = socket.socket(socket.AF_INET, socket.SOCK_\(intruder == "UDP" ? "DGRAM" : "STREAM"))
        s.bind(("127.0.0.2", 0))
        s.settimeout(30)
        try:
          s.connect(("127.0.0.1", int(sys.argv[1])))
          s.sendall(sys.argv[2].encode())
          print(len(s.recv(4096)))
        except ConnectionError:
          print(0)
        """
      let answer = try await PeerProcess.run(
        URL(fileURLWithPath: "/usr/bin/python3"), ["-c", script, "\(port)", Self.intrusion(intruder)])
      #expect(answer == ["0"])
      try await isUndisturbed(clients[0], clients[1])
    }
  }

  /// The port of the link to the server, which is in Contact, is closed to other processes.
  @Test func overTCPOthersOfTheMachineGetNoConnection() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port) { clients in
      let port = try await server.contactPort(of: "alice")
      let script = """
        import socket, sys
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 30)
        try:
          s.sendall(sys.argv[2].encode())
          print(len(s.recv(4096)))
        except ConnectionError:
          print(0)
        """
      for _ in 0..<3 {
        let answer = try await PeerProcess.run(
          URL(fileURLWithPath: "/usr/bin/python3"), ["-c", script, "\(port)", Self.intrusion("TCP")])
        #expect(answer == ["0"])
      }
      try await isUndisturbed(clients[0], clients[1])
    }
    // The connections were not disturbed: nobody registered again.
    #expect(server.finalCount("REGISTER", user: "alice") == 3)
  }
}
