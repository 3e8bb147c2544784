// RoomAddressTests.swift: rooms named by conf-id, and what a restart of the conference server leaves of them
import Foundation
import HostilePeer
import MessageFormats
import TestSupport
import Testing

@testable import Lab

/// As seen on Flexisip 2.7 with flexisip-conference 1.1.
@Suite(.timeLimit(.minutes(1)))
struct RoomAddressTests {
  private let phone = "11111111-0000-0000-0000-000000000001"
  private let factory = "sip:conference-factory@sip.example.org"
  private let team = Data(
    """
    <?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>\
    <entry uri="sip:bob@sip.example.org"/></list></resource-lists>
    """.utf8)

  private func headers(_ user: String, _ more: String = "") -> String {
    "Contact: <\(WireClient.gruu(user, phone))>;text\r\nRequire: recipient-list-invite\r\nSubject: Team\r\n"
      + "Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n" + more
  }

  private func uri(_ field: String?) -> String { NameAddress(field ?? "").map(\.uri.description) ?? "" }

  /// Alice makes a room with Bob; both are registered.
  private func makeRoom(
    _ addresses: LabAddresses, _ more: String = ""
  ) async throws -> (alice: WireClient, bob: WireClient, redirection: String, answer: WireMessage) {
    let alice = try WireClient(sipAddress: addresses.sip)
    let bob = try WireClient(sipAddress: addresses.sip)
    _ = try await alice.register("alice", instance: phone)
    _ = try await bob.register("bob", instance: phone)
    let lines = headers("alice", more)
    let redirection = try await alice.perform("INVITE", factory, user: "alice", headers: lines, body: team)
    let room = uri(redirection["Contact"])
    let answer = try await alice.perform("INVITE", room, user: "alice", headers: lines, body: team)
    acknowledge(answer, alice)
    return (alice, bob, room, answer)
  }

  private func acknowledge(_ answer: WireMessage, _ client: WireClient) {
    send("ACK", in: answer, client, sequence: 2)
  }

  /// A request of the device that opened the dialog.
  private func send(
    _ method: String, in answer: WireMessage, _ client: WireClient, sequence: Int, headers: String = ""
  ) {
    client.send(
      """
      \(method) \(uri(answer["Contact"])) SIP/2.0\r
      Via: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK\(UUID().uuidString);rport\r
      From: \(answer["From"] ?? "")\r
      To: \(answer["To"] ?? "")\r
      Call-ID: \(answer["Call-ID"] ?? "")\r
      CSeq: \(sequence) \(method)\r
      Max-Forwards: 70\r
      \(headers)Content-Length: 0\r
      \r

      """.replacingOccurrences(of: "\r\n\n", with: "\r\n"))
  }

  private func subscribe(_ client: WireClient, _ user: String, _ room: String) async throws -> ConferenceInfo {
    let own = WireClient.gruu(user, phone)
    let answer = try await client.perform(
      "SUBSCRIBE", room, user: user, from: own, headers: "Event: conference\r\nContact: <\(own)>\r\n")
    #expect(answer.status == 200)
    return try await notification(client)
  }

  private func notification(_ client: WireClient) async throws -> ConferenceInfo {
    let notify = try await client.request("NOTIFY")
    client.send(notify.answer("200 OK"))
    return try ConferenceInfo(parsing: Deflate.inflate(notify.body, limit: 1 << 20))
  }

  @Test func oneRoomHasTwoSpellingsAndBothAreTaken() async throws {
    try await withLab({ $0.roomAddresses = .confID }) { addresses, lab in
      let (alice, bob, room, answer) = try await makeRoom(addresses)
      let pattern = /sip:conference-focus@sip\.example\.org;gr=([^;]+);conf-id=([^;]+)/
      let match = try #require(room.wholeMatch(of: pattern))
      let turned = "sip:conference-focus@sip.example.org;conf-id=\(match.2);gr=\(match.1)"
      #expect(answer.status == 200)
      #expect(uri(answer["Contact"]) == turned)
      let invite = try await bob.request("INVITE")
      #expect(uri(invite["From"]) == room)
      #expect(uri(invite["Contact"]) == turned)
      bob.send(invite.answer("200 OK"))
      // Whatever the device writes, the focus writes its own.
      for spelling in [room, turned, turned.replacing("sip.example.org", with: "SIP.example.ORG")] {
        #expect(try await subscribe(bob, "bob", spelling).entity.description == room)
        async let sent = alice.perform(
          "MESSAGE", spelling, user: "alice", from: WireClient.gruu("alice", phone),
          headers: "Content-Type: text/plain\r\n", body: Data("x".utf8))
        let message = try await bob.request("MESSAGE")
        bob.send(message.answer("200 OK"))
        #expect(uri(message["From"]) == room)
        #expect(try await sent.status == 200)
      }
      let other = turned.replacing("conf-id=\(match.2)", with: "conf-id=\(match.2)x")
      #expect(try await alice.perform("MESSAGE", other, user: "alice").status == 404)

      await lab.restartConferenceServer()
      // Dialogs are gone, the room and its devices are there under the other spelling.
      send("BYE", in: answer, alice, sequence: 3)
      #expect(try await alice.response().status == 481)
      async let sent = alice.perform(
        "MESSAGE", room, user: "alice", from: WireClient.gruu("alice", phone),
        headers: "Content-Type: text/plain\r\n", body: Data("y".utf8))
      let message = try await bob.request("MESSAGE")
      bob.send(message.answer("200 OK"))
      #expect(uri(message["From"]) == turned)
      #expect(try await sent.status == 200)
      let state = try await subscribe(bob, "bob", room)
      #expect(state.entity.description == turned)
      #expect(state.users.map(\.entity.description) == ["sip:alice@sip.example.org", "sip:bob@sip.example.org"])
    }
  }

  @Test func aRestartKeepsRoomsOfTheUsualNameAsTheyAre() async throws {
    try await withLab { addresses, lab in
      let (_, bob, room, answer) = try await makeRoom(addresses)
      #expect(room.hasPrefix("sip:chatroom-"))
      #expect(uri(answer["Contact"]) == room)
      bob.send(try await bob.request("INVITE").answer("200 OK"))
      #expect(try await subscribe(bob, "bob", room).entity.description == room)
      await lab.restartConferenceServer()
      #expect(try await subscribe(bob, "bob", room).entity.description == room)
    }
  }

  /// Linphone 5.5 aborts when one of the three is missing.
  @Test func aRoomsLifetimeIsWrittenWithModeAndBothTimes() throws {
    let address = try #require(SIPURI("sip:room@sip.example.org"))
    let room = ConferenceRoom(address: address, subject: "", lifetime: .init(read: 3600, unread: 86_400))
    let document = String(decoding: ConferenceDocument(room: room).full, as: UTF8.self)
    let elements = document.components(separatedBy: "<linphone-cie:").dropFirst().compactMap {
      $0.components(separatedBy: "</").first
    }
    #expect(elements.dropFirst() == ["mode>admin-managed", "lifetime>3600", "not-read-lifetime>86400"])
  }

  @Test func theLifetimeOfARoomReachesItsMembersAndChangesWithItsAdministrators() async throws {
    try await withLab { addresses, _ in
      let (alice, bob, room, answer) = try await makeRoom(
        addresses, "Ephemerable: true\r\nEphemeral-Life-Time: 3600\r\nEphemeral-Not-Read-Life-Time: 86400\r\n")
      let invite = try await bob.request("INVITE")
      #expect(invite["Ephemerable"] == "true")
      #expect(invite["Ephemeral-Life-Time"] == "3600")
      #expect(invite["Ephemeral-Not-Read-Life-Time"] == "86400")
      bob.send(invite.answer("200 OK"))
      #expect(try await subscribe(bob, "bob", room).ephemeralLifetime == 3600)
      for (sequence, seconds) in [(3, 60), (4, 0)] {
        send("INVITE", in: answer, alice, sequence: sequence, headers: "Ephemeral-Life-Time: \(seconds)\r\n")
        let info = try await notification(bob)
        #expect(info.ephemeralLifetime == seconds && info.ephemeralUnreadLifetime == 0)
        #expect(info.state == .partial)
      }
      // Without the header each device decides for itself again, for good.
      send("INVITE", in: answer, alice, sequence: 5)
      #expect(try await notification(bob).ephemeralLifetime == 0)
      send("INVITE", in: answer, alice, sequence: 6, headers: "Subject: New\r\nEphemeral-Life-Time: 5\r\n")
      let last = try await notification(bob)
      #expect(last.subject == "New")
      #expect(last.ephemeralLifetime == nil)
    }
  }

  @Test(arguments: ["", "Ephemerable: false\r\nEphemeral-Life-Time: 0\r\n", "Ephemeral-Life-Time: 9\r\n"])
  func aRoomWithoutLifetimeSaysNothingOfOne(_ more: String) async throws {
    try await withLab { addresses, _ in
      let (_, bob, room, _) = try await makeRoom(addresses, more)
      let invite = try await bob.request("INVITE")
      #expect(invite["Ephemerable"] == nil)
      bob.send(invite.answer("200 OK"))
      #expect(try await subscribe(bob, "bob", room).ephemeralLifetime == nil)
    }
  }

  @Test(arguments: LabConfiguration.RoomAddresses.allCases)
  func theFactoryAskedAgainForAPairNamesItsRoomAndChangesNothing(
    _ kind: LabConfiguration.RoomAddresses
  ) async throws {
    try await withLab({ $0.roomAddresses = kind }) { addresses, lab in
      let pair = "One-To-One-Chat-Room: true\r\nEnd-To-End-Encrypted: true\r\n"
      let (alice, bob, room, _) = try await makeRoom(addresses, pair)
      bob.send(try await bob.request("INVITE").answer("200 OK"))
      let before = try await subscribe(bob, "bob", room)
      let back = Data(String(decoding: team, as: UTF8.self).replacing("bob", with: "alice").utf8)
      func ask(_ client: WireClient, _ user: String, _ list: Data, _ more: String) async throws -> String {
        let answer = try await client.perform("INVITE", factory, user: user, headers: headers(user, more), body: list)
        return uri(answer["Contact"])
      }
      for _ in 0..<3 {
        #expect(try await ask(alice, "alice", team, pair) == room)
        #expect(try await ask(bob, "bob", back, pair) == room)
      }
      #expect(try await ask(alice, "alice", team, "One-To-One-Chat-Room: true\r\n") != room)
      let again = try await subscribe(bob, "bob", room)
      #expect(again.version == before.version)
      #expect(again.users == before.users)
      await lab.restartConferenceServer()
      let spelled = try await ask(bob, "bob", back, pair)
      #expect(SIPURI(spelled) == SIPURI(room))
      #expect((spelled == room) == (kind == .chatroom))
    }
  }

  /// A one-to-one room is of two.
  @Test func theFactoryRefusesAPairOfThree() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let list = Data(
        String(decoding: team, as: UTF8.self)
          .replacing("<entry", with: "<entry uri=\"sip:carol@sip.example.org\"/><entry").utf8)
      let answer = try await alice.perform(
        "INVITE", factory, user: "alice", headers: headers("alice", "One-To-One-Chat-Room: true\r\n"), body: list)
      #expect(answer.status == 488)
    }
  }

  @Test func whoAsksForRoomsWithoutEndTakesNoneFromOthers() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let bob = try WireClient(sipAddress: addresses.sip)
      let carol = try WireClient(sipAddress: addresses.sip)
      _ = try await alice.register("alice", instance: phone)
      _ = try await bob.register("bob", instance: phone)
      let room = uri(
        try await alice.perform(
          "INVITE", factory, user: "alice", headers: headers("alice"), body: team)["Contact"])
      for _ in 0..<(ConferenceServer.maximumUnfilled + 100) {
        _ = try await carol.perform("INVITE", factory, user: "carol", headers: headers("carol"), body: team)
      }
      let answer = try await alice.perform("INVITE", room, user: "alice", headers: headers("alice"), body: team)
      #expect(answer.status == 200)
    }
  }
}
