// MessageTests.swift: MESSAGE through Kamailio
import Foundation
import MessageFormats
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(1)))
struct MessageTests {
  @Test(arguments: ["tcp", "udp"], [1, 65_536, 200_000])
  func binaryBodiesArriveUnchanged(transport: String, size: Int) async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port, transport: transport) { clients in
      let body = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) })
      let gruu = try #require(await clients[1].agent.registration?.gruu)
      let type = #"multipart/encrypted;protocol="application/lime";boundary=-----abc"#
      async let response = clients[0].agent.message(
        to: gruu, from: clients[0].agent.registration?.gruu, headers: [SIPHeader("Priority", "non-urgent")],
        contentType: type, body: body)
      let message = try await clients[1].nextMessage()
      #expect(message.body == body)
      #expect(message.contentType == type)
      #expect(message.headers["priority"] == "non-urgent")
      #expect(message.from.uri == (await clients[0].agent.registration?.gruu))
      await clients[1].agent.respond(to: message.id, status: 200)
      #expect(try await response.status == 200)
    }
  }

  @Test(arguments: ["tcp", "udp"])
  func severalMessagesArriveInOrderAndEachHasItsAnswer(transport: String) async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port, transport: transport) { clients in
      let texts = (0..<30).map { "message \($0)" }
      async let results = clients[0].agent.messages(
        to: clients[1].address, texts.map { OutgoingMessage(contentType: "text/plain", body: Data($0.utf8)) })
      var received: [String] = []
      for number in texts.indices {
        let message = try await clients[1].nextMessage()
        received.append(String(decoding: message.body, as: UTF8.self))
        await clients[1].agent.respond(to: message.id, status: number.isMultiple(of: 7) ? 488 : 200)
      }
      #expect(received == texts)
      let statuses = try await results.map { try $0.get().status }
      #expect(statuses == texts.indices.map { $0.isMultiple(of: 7) ? 488 : 200 })
      #expect(await clients[0].agent.sendsSeveralMessages == (transport == "tcp"))
    }
  }

  @Test(arguments: ["tcp", "udp"], [Kamailio.Algorithms.md5, .both])
  func onlyTheFirstMessageIsChallenged(transport: String, algorithms: Kamailio.Algorithms) async throws {
    let server = try await Kamailio(algorithms)
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port, transport: transport) { clients in
      for number in 0..<4 { try await Self.send("\(number)", from: clients[0], to: clients[1]) }
    }
    #expect(server.finalCount("MESSAGE", user: "bob") == 5)
  }

  @Test func whatTheServerNoLongerAcceptsIsAnsweredAnew() async throws {
    let server = try await Kamailio(nonceLifetime: 1)
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port) { clients in
      try await Self.send("first", from: clients[0], to: clients[1])
      // The server tells nobody that its nonce has expired.
      try await Task.sleep(for: .seconds(2.5))
      try await Self.send("second", from: clients[0], to: clients[1])
    }
    #expect(server.finalCount("MESSAGE", user: "bob") == 4)
  }

  private static func send(_ text: String, from: Client, to: Client) async throws {
    async let response = from.agent.message(to: to.address, contentType: "text/plain", body: Data(text.utf8))
    let message = try await to.nextMessage()
    #expect(String(decoding: message.body, as: UTF8.self) == text)
    await to.agent.respond(to: message.id, status: 200)
    #expect(try await response.status == 200)
  }

  @Test func theAnswerWaitsForTheConsumerAndCarriesItsStatus() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port) { clients in
      let (answers, sink) = AsyncStream.makeStream(of: Int.self)
      let sending = Task {
        let response = try await clients[0].agent.message(
          to: clients[1].address, contentType: "text/plain", body: Data("x".utf8))
        sink.yield(response.status)
      }
      let message = try await clients[1].nextMessage()
      sink.yield(0)
      await clients[1].agent.respond(to: message.id, status: 488)
      await clients[1].agent.respond(to: message.id, status: 200)
      var iterator = answers.makeAsyncIterator()
      #expect(await iterator.next() == 0)
      #expect(await iterator.next() == 488)
      try await sending.value
    }
  }

  @Test func deflatedBodiesAreInflatedAndOtherCodingsRefused() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port) { clients in
      let text = Data(String(repeating: "limeade ", count: 100).utf8)
      async let response = clients[0].agent.message(
        to: clients[1].address, headers: [SIPHeader("Content-Encoding", "deflate")], contentType: "text/plain",
        body: Deflate.deflate(text))
      let message = try await clients[1].nextMessage()
      #expect(message.body == text)
      await clients[1].agent.respond(to: message.id, status: 200)
      #expect(try await response.status == 200)
      let zipped = try await clients[0].agent.message(
        to: clients[1].address, headers: [SIPHeader("Content-Encoding", "gzip")], contentType: "text/plain", body: text)
      #expect(zipped.status == 415)
      let damaged = try await clients[0].agent.message(
        to: clients[1].address, headers: [SIPHeader("Content-Encoding", "deflate")], contentType: "text/plain",
        body: text)
      #expect(damaged.status == 400)
      // Nine megabytes of nothing in nine kilobytes.
      let bomb = try await clients[0].agent.message(
        to: clients[1].address, headers: [SIPHeader("Content-Encoding", "deflate")], contentType: "text/plain",
        body: Deflate.deflate(Data(count: 9 << 20)))
      #expect(bomb.status == 400)
    }
  }

  @Test func aHeaderWithALineBreakIsNeverSent() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice"], server: server.port) { clients in
      await #expect {
        _ = try await clients[0].agent.message(
          to: clients[0].address, headers: [SIPHeader("Subject", "a\r\nX-Evil: b")], contentType: "text/plain",
          body: Data())
      } throws: {
        if case SIPError.invalidArgument = $0 { true } else { false }
      }
    }
    #expect(server.finalCount("MESSAGE", user: "alice") == 0)
  }

  @Test func optionsAreAnsweredAndUnknownMethodsRefused() async throws {
    let server = try await Kamailio()
    defer { server.stop() }
    try await withClients(["alice", "bob"], server: server.port) { clients in
      let options = try await clients[0].agent.options(clients[1].address)
      #expect(options.status == 200)
      #expect(options[header: "Allow"]?.contains("MESSAGE") == true)
      let refer = try await clients[0].agent.refer(
        to: clients[1].address, referTo: NameAddress(clients[0].address, parameters: [Parameter("text")]))
      #expect([405, 501].contains(refer.status))
    }
  }

  @Test func twentyAgentsInOneProcessDoNotMeet() async throws {
    let server = try await Kamailio(.both)
    defer { server.stop() }
    let users = (0..<20).map { "user\($0)" }
    try await withClients(users, server: server.port) { clients in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (index, client) in clients.enumerated() {
          group.addTask {
            let peer = clients[(index + 1) % clients.count]
            async let response = client.agent.message(
              to: peer.address, contentType: "text/plain", body: Data(users[index].utf8))
            let message = try await client.nextMessage()
            #expect(message.body == Data(users[(index + 19) % 20].utf8))
            #expect(message.to.uri.user == users[index])
            await client.agent.respond(to: message.id, status: 200)
            #expect(try await response.status == 200)
          }
        }
        try await group.waitForAll()
      }
    }
  }
}
