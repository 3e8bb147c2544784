// SubscriptionTests.swift: SUBSCRIBE and NOTIFY with a scripted focus
import Foundation
import MessageFormats
import Testing

@testable import SIPAgent

@Suite(.timeLimit(.minutes(1)))
struct SubscriptionTests {
  private let room = SIPURI(user: "chatroom-1", host: Kamailio.domain, parameters: [Parameter("gr", "abc")])
  private static let full = Data("<conference-info state=\"full\"/>".utf8)
  private static let type = "Content-Type: application/conference-info+xml"
  private static let contact = "Contact: <sip:127.0.0.1;transport=tcp>;isfocus"

  /// Answers REGISTER with a GRUU; `subscribe` makes what follows a SUBSCRIBE.
  private func focus(_ subscribe: @escaping @Sendable (RawMessage) -> [Data]) throws -> ScriptedServer {
    try ScriptedServer { message in
      switch message.method {
      case "REGISTER":
        let contact = message.headers["Contact"] ?? ""
        let gruu = #";pub-gruu="sip:alice@\#(Kamailio.domain);gr=urn:uuid:1""#
        return [message.answer("200 OK", ["Contact: \(contact)\(gruu)", "Expires: 600"])]
      case "SUBSCRIBE": return subscribe(message)
      default: return []
      }
    }
  }

  private func withAlice(_ server: ScriptedServer, _ body: (Client) async throws -> Void) async throws {
    let alice = try Client("alice", server: server.port)
    do {
      try await alice.agent.register()
      try await body(alice)
    } catch {
      await alice.agent.shutdown()
      server.stop()
      throw error
    }
    await alice.agent.shutdown()
    server.stop()
  }

  private func nextNotify(_ client: Client) async throws -> SubscriptionNotify {
    try await client.next { if case .notify(let notify) = $0 { notify } else { nil } }
  }

  private func nextEnd(_ client: Client) async throws -> SubscriptionEnd {
    try await client.next { if case .subscriptionEnded(let end) = $0 { end } else { nil } }
  }

  @Test func aRoomIsSubscribedAsLinphoneDoesAndItsStateArrivesInflated() async throws {
    let server = try focus { subscribe in
      let body = Deflate.deflate(Self.full)
      // Flexisip's first NOTIFY often overtakes the 200.
      return [
        subscribe.notify(1, state: "active;expires=600", [Self.type, "Content-Encoding: deflate"], body: body),
        subscribe.answer("200 OK", ["Expires: 600", Self.contact]),
        subscribe.notify(2, state: "active;expires=600", [Self.type], body: Data("<partial/>".utf8)),
      ]
    }
    try await withAlice(server) { alice in
      let id = try await alice.agent.subscribe(to: room, headers: [SIPHeader("Last-Notify-Version", "7")])
      let first = try await nextNotify(alice)
      #expect(first.subscription == id)
      #expect(first.resource == room)
      #expect(first.event == "conference")
      #expect(first.contentType == "application/conference-info+xml")
      #expect(first.body == Self.full)
      #expect(try await nextNotify(alice).body == Data("<partial/>".utf8))

      let sent = try #require(server.messages.first { $0.method == "SUBSCRIBE" })
      #expect(sent.firstLine == "SUBSCRIBE \(room) SIP/2.0")
      #expect(sent.headers["From"]?.hasPrefix("<sip:alice@\(Kamailio.domain);gr=urn:uuid:1>") == true)
      #expect(sent.headers["Event"] == "conference")
      #expect(sent.headers["Expires"] == "600")
      #expect(sent.headers["Last-Notify-Version"] == "7")
      #expect(sent.headers["Accept"] == "application/conference-info+xml")
      #expect(sent.headers["Supported"] == "replaces, outbound, gruu")
      #expect(
        sent.headers["Contact"]
          == #"<sip:alice@\#(Kamailio.domain);gr=urn:uuid:1>;+org.linphone.specs="groupchat/1.1,lime,ephemeral/1.1""#)
    }
    // shutdown() has ended the subscription and the registration.
    #expect(server.messages.last { $0.method == "SUBSCRIBE" }?.headers["Expires"] == "0")
    #expect(server.messages.last { $0.method == "REGISTER" }?.headers["Expires"] == "0")
  }

  @Test func theEndOfASubscriptionIsReportedWithItsReason() async throws {
    let server = try focus { subscribe in
      [
        subscribe.answer("200 OK", ["Expires: 600", Self.contact]),
        subscribe.notify(1, state: "terminated;reason=noresource", [Self.type], body: Self.full),
      ]
    }
    try await withAlice(server) { alice in
      let id = try await alice.agent.subscribe(to: room)
      let end = try await nextEnd(alice)
      #expect(end == SubscriptionEnd(subscription: id, resource: room, reason: "noresource"))
    }
  }

  @Test func aRefusedSubscriptionThrows() async throws {
    let server = try focus { [$0.answer("404 Not Found")] }
    try await withAlice(server) { alice in
      await #expect(throws: SIPError.refused(status: 404, reason: "Not Found")) {
        _ = try await alice.agent.subscribe(to: room)
      }
    }
  }

  @Test func aNotifyThatCannotBeDecodedIsDropped() async throws {
    let server = try focus { subscribe in
      [
        subscribe.answer("200 OK", ["Expires: 600", Self.contact]),
        subscribe.notify(1, state: "active", [Self.type, "Content-Encoding: gzip"], body: Self.full),
        subscribe.notify(2, state: "active", [Self.type, "Content-Encoding: deflate"], body: Self.full),
        subscribe.notify(3, state: "active", [Self.type], body: Data("<third/>".utf8)),
      ]
    }
    try await withAlice(server) { alice in
      _ = try await alice.agent.subscribe(to: room)
      #expect(try await nextNotify(alice).body == Data("<third/>".utf8))
    }
  }

  /// Whoever knows the dialog's Call-ID and our tag is not the notifier yet.
  @Test func aNotifyFromAnotherTagThanTheNotifiersDoesNotCount() async throws {
    let server = try focus { subscribe in
      let forged = subscribe.notify(2, state: "active", [Self.type], body: Data("<forged/>".utf8))
      return [
        subscribe.answer("200 OK", ["Expires: 600", Self.contact]),
        subscribe.notify(1, state: "active", [Self.type], body: Self.full),
        Data(String(decoding: forged, as: UTF8.self).replacing(";tag=server", with: ";tag=other").utf8),
        subscribe.notify(3, state: "active", [Self.type], body: Data("<third/>".utf8)),
      ]
    }
    try await withAlice(server) { alice in
      _ = try await alice.agent.subscribe(to: room)
      #expect(try await nextNotify(alice).body == Self.full)
      #expect(try await nextNotify(alice).body == Data("<third/>".utf8))
    }
  }

  @Test func unsubscribeIsSilentAndOnlyOnce() async throws {
    let server = try focus { subscribe in
      let isEnd = subscribe.headers["Expires"] == "0"
      return [subscribe.answer("200 OK", ["Expires: \(isEnd ? 0 : 600)", Self.contact])]
        + [subscribe.notify(isEnd ? 2 : 1, state: isEnd ? "terminated;reason=timeout" : "active;expires=600")]
    }
    try await withAlice(server) { alice in
      let id = try await alice.agent.subscribe(to: room)
      await alice.agent.unsubscribe(id)
      await alice.agent.unsubscribe(id)
      #expect(server.messages.filter { $0.method == "SUBSCRIBE" }.count == 2)
      await #expect(throws: SIPError.noSuchDialog) { try await alice.agent.resubscribe(id) }
    }
  }

  @Test func resubscribeAsksForAnotherVersionInTheSameDialog() async throws {
    let server = try focus { [$0.answer("200 OK", ["Expires: 600", Self.contact])] }
    try await withAlice(server) { alice in
      let id = try await alice.agent.subscribe(to: room, headers: [SIPHeader("Last-Notify-Version", "0")])
      try await alice.agent.resubscribe(id, headers: [SIPHeader("Last-Notify-Version", "9")])
      let sent = server.messages.filter { $0.method == "SUBSCRIBE" }
      #expect(sent.count == 2)
      #expect(sent[0].headers["Call-ID"] == sent[1].headers["Call-ID"])
      #expect(sent[1].headers.all(named: "Last-Notify-Version") == ["9"])
      #expect(sent[1].headers.all(named: "Event") == ["conference"])
    }
  }
}

@Suite(.timeLimit(.minutes(1)))
struct ScriptedRegistrationTests {
  private func register(_ script: @escaping @Sendable (RawMessage) -> [Data]) async throws -> Registration {
    let server = try ScriptedServer(script)
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    let result: Result<Registration, any Error>
    do { result = .success(try await alice.agent.register()) } catch { result = .failure(error) }
    await alice.agent.shutdown()
    return try result.get()
  }

  @Test func ourBindingIsFoundByItsURIWhenTheInstanceIsNotRepeated() async throws {
    let registration = try await register { message in
      let contact = (message.headers["Contact"] ?? "").prefix { $0 != ">" } + ">"
      let other = "<sip:alice@192.0.2.7:5060>;expires=9;pub-gruu=\"sip:alice@\(Kamailio.domain);gr=urn:uuid:other\""
      let ours = "\(contact);expires=77;pub-gruu=\"sip:alice@\(Kamailio.domain);gr=urn:uuid:ours\""
      return [message.answer("200 OK", ["Contact: \(other), \(ours)"])]
    }
    #expect(registration == Registration(gruu: SIPURI("sip:alice@\(Kamailio.domain);gr=urn:uuid:ours"), expires: 77))
  }

  @Test func aRegistrarWithoutGRUUStillRegisters() async throws {
    let registration = try await register { message in
      [message.answer("200 OK", ["Contact: \(message.headers["Contact"] ?? "");expires=60"])]
    }
    #expect(registration == Registration(gruu: nil, expires: 60))
  }

  @Test func aChallengeOtherThanDigestIsNotAnswered() async throws {
    await #expect(throws: SIPError.unsupportedChallenge("Basic realm=\"x\"")) {
      _ = try await register { [$0.answer("401 Unauthorized", ["WWW-Authenticate: Basic realm=\"x\""])] }
    }
  }

  @Test func aServerThatCallsEveryNonceStaleIsNotFollowedForever() async throws {
    let server = try ScriptedServer { message in
      let challenge = "Digest realm=\"x\", nonce=\"\(UUID().uuidString)\", stale=true, algorithm=SHA-256, qop=\"auth\""
      return [message.answer("401 Unauthorized", ["WWW-Authenticate: \(challenge)"])]
    }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    await #expect(throws: (any Error).self) { try await alice.agent.register() }
    await alice.agent.shutdown()
    #expect(server.messages.count <= 8)
  }

  @Test func shutdownDoesNotWaitForRequestsThatNobodyAnswers() async throws {
    let server = try ScriptedServer { message in
      message.method == "REGISTER" ? [message.answer("200 OK", ["Contact: \(message.headers["Contact"] ?? "")"])] : []
    }
    defer { server.stop() }
    let alice = try Client("alice", server: server.port)
    try await alice.agent.register()
    let sending = Task {
      try await alice.agent.message(to: alice.address, contentType: "text/plain", body: Data("x".utf8))
    }
    while !server.messages.contains(where: { $0.method == "MESSAGE" }) { try await Task.sleep(for: .milliseconds(5)) }
    let clock = ContinuousClock()
    let start = clock.now
    await alice.agent.shutdown()
    #expect(start.duration(to: clock.now) < .seconds(6))
    await #expect(throws: SIPError.shutDown) { _ = try await sending.value }
    await #expect(throws: SIPError.shutDown) { try await alice.agent.register() }
  }

  @Test func aRefusalIsReportedWithItsStatus() async throws {
    await #expect(throws: SIPError.refused(status: 403, reason: "Forbidden")) {
      _ = try await register { [$0.answer("403 Forbidden")] }
    }
  }
}
