// RoutingTests.swift: authentication, routing and store-and-forward between clients that speak raw SIP
import Foundation
import HostilePeer
import Testing

@testable import Lab

@Suite(.timeLimit(.minutes(1)))
struct RoutingTests {
  private let phone = "11111111-0000-0000-0000-000000000001"
  private let tablet = "11111111-0000-0000-0000-000000000002"
  private let text = "Content-Type: text/plain\r\n"

  @Test func aMessageIsChallengedByTheProxyWithBothAlgorithms() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      alice.send(
        WireClient.text("MESSAGE", "sip:bob@sip.example.org", from: "sip:alice@sip.example.org", callID: "m"))
      let response = try await alice.response()
      #expect(response.status == 407)
      #expect(response.all("Proxy-Authenticate").count == 2)
    }
  }

  @Test(arguments: ["100 Trying", "200 OK", "503 Service Unavailable"])
  func aResponseThatNobodyWaitsForIsDropped(_ status: String) async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      for method in ["MESSAGE", "INVITE"] {
        alice.send(
          "SIP/2.0 \(status)\r\nVia: SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bKstray\r\n"
            + "From: <sip:a@sip.example.org>;tag=1\r\nTo: <sip:b@sip.example.org>;tag=2\r\nCall-ID: stray\r\n"
            + "CSeq: 1 \(method)\r\nContent-Length: 0\r\n\r\n")
      }
      _ = try await alice.register("alice", instance: phone)
    }
  }

  @Test func noOneSendsInAnothersName() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let response = try await alice.perform(
        "MESSAGE", "sip:bob@sip.example.org", user: "alice", from: "sip:carol@sip.example.org")
      #expect(response.status == 403)
    }
  }

  @Test(arguments: [
    ("sip:nobody@sip.example.org", 404), ("sip:bob@elsewhere.example", 404), ("sip:bob@sip.example.org", 480),
    ("sip:chatroom-none@sip.example.org;gr=x", 404),
  ])
  func anInviteToWhoIsNotThereIsRefused(_ target: String, _ status: Int) async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let response = try await alice.perform(
        "INVITE", target, user: "alice", headers: "Contact: <\(WireClient.gruu("alice", phone))>;text\r\n")
      #expect(response.status == status)
    }
  }

  @Test func aRequestWithoutHopsLeftIsRefused() async throws {
    try await withLab { addresses, _ in
      let bob = try WireClient(sipAddress: addresses.sip)
      _ = try await bob.register("bob", instance: phone)
      let alice = try WireClient(sipAddress: addresses.sip)
      #expect(try await alice.perform("MESSAGE", "sip:bob@sip.example.org", user: "alice", hops: 0).status == 483)
    }
  }

  @Test(arguments: [100, 127, 128, 1_023, 1_024, 5_000])
  func aLongHeaderFieldPassesUnchanged(length: Int) async throws {
    try await withLab { addresses, _ in
      let bob = try WireClient(sipAddress: addresses.sip)
      _ = try await bob.register("bob", instance: phone)
      let alice = try WireClient(sipAddress: addresses.sip)
      let words = String((0..<length).map { $0 % 7 == 6 ? " " : "x" }.dropLast(1)) + "y"
      async let response = alice.perform(
        "MESSAGE", "sip:bob@sip.example.org", user: "alice", headers: "Subject: \(words)\r\nX-Own: \(words)\r\n")
      let request = try await bob.request("MESSAGE")
      #expect(request["Subject"] == words)
      #expect(request["X-Own"] == words)
      bob.send(request.answer("200 OK"))
      #expect(try await response.status == 200)
    }
  }

  @Test func aRequestThatWentThroughTheLabIsALoop() async throws {
    try await withLab { addresses, _ in
      let bob = try WireClient(sipAddress: addresses.sip)
      _ = try await bob.register("bob", instance: phone)
      let alice = try WireClient(sipAddress: addresses.sip)
      let authority = addresses.sip.dropFirst("sip:".count).prefix { $0 != ";" }
      let response = try await alice.perform(
        "MESSAGE", "sip:bob@sip.example.org", user: "alice",
        headers: "Via: SIP/2.0/TCP \(authority);branch=z9hG4bKloop\r\n")
      #expect(response.status == 482)
    }
  }

  @Test func aGRUUReachesItsDeviceAndAnAddressReachesAll() async throws {
    try await withLab { addresses, _ in
      let first = try WireClient(sipAddress: addresses.sip)
      let second = try WireClient(sipAddress: addresses.sip)
      _ = try await first.register("bob", instance: phone)
      _ = try await second.register("bob", instance: tablet)
      let alice = try WireClient(sipAddress: addresses.sip)
      for (target, receivers) in [
        (WireClient.gruu("bob", tablet), [second]), ("sip:bob@sip.example.org", [first, second]),
      ] {
        async let response = alice.perform(
          "MESSAGE", target, user: "alice", headers: text, body: Data(target.utf8))
        for receiver in receivers {
          let message = try await receiver.request("MESSAGE")
          #expect(message.body == Data(target.utf8))
          #expect(message["Max-Forwards"] == "69")
          #expect(message["Proxy-Authorization"] == nil)
          receiver.send(message.answer("200 OK"))
        }
        #expect(try await response.status == 200)
      }
    }
  }

  @Test func aRefusalComesBackToTheSender() async throws {
    try await withLab { addresses, _ in
      let bob = try WireClient(sipAddress: addresses.sip)
      _ = try await bob.register("bob", instance: phone)
      let alice = try WireClient(sipAddress: addresses.sip)
      async let response = alice.perform("MESSAGE", "sip:bob@sip.example.org", user: "alice", headers: text)
      bob.send(try await bob.request("MESSAGE").answer("415 Unsupported Media Type"))
      #expect(try await response.status == 415)
    }
  }

  @Test func messagesForADeviceThatIsAwayComeInOrderWhenItIsBack() async throws {
    try await withLab { addresses, lab in
      let bob = try WireClient(sipAddress: addresses.sip)
      _ = try await bob.register("bob", instance: phone)
      bob.disconnect()
      for await event in lab.events where event.description.contains("is offline") { break }
      let alice = try WireClient(sipAddress: addresses.sip)
      for number in 1...3 {
        let response = try await alice.perform(
          "MESSAGE", "sip:bob@sip.example.org", user: "alice", headers: text, body: Data("\(number)".utf8))
        #expect(response.status == 202)
      }
      let back = try WireClient(sipAddress: addresses.sip)
      _ = try await back.register("bob", instance: phone)
      for number in 1...3 {
        let message = try await back.request("MESSAGE")
        #expect(message.body == Data("\(number)".utf8))
        back.send(message.answer("200 OK"))
      }
    }
  }

  @Test func aMessageThatABrokenConnectionDidNotAnswerFollowsTheDeviceToItsNewOne() async throws {
    try await withLab { addresses, _ in
      let bob = try WireClient(sipAddress: addresses.sip)
      _ = try await bob.register("bob", instance: phone)
      let alice = try WireClient(sipAddress: addresses.sip)
      async let response = alice.perform(
        "MESSAGE", "sip:bob@sip.example.org", user: "alice", headers: text, body: Data("late".utf8))
      _ = try await bob.request("MESSAGE")
      let back = try WireClient(sipAddress: addresses.sip)
      _ = try await back.register("bob", instance: phone)
      bob.disconnect()
      let message = try await back.request("MESSAGE")
      #expect(message.body == Data("late".utf8))
      back.send(message.answer("200 OK"))
      #expect(try await response.status == 202)
    }
  }

  @Test func theLabStartsAgainAfterAStopAndRefusesATakenPort() async throws {
    var configuration = LabConfiguration.example
    configuration.hasKeyServer = false
    let lab = Lab(configuration)
    let first = try await lab.start()
    await #expect(throws: LabError.self) { _ = try await lab.start() }
    configuration.port = UInt16(first.sip.split(separator: ":")[2].prefix { $0.isNumber }) ?? 0
    let second = Lab(configuration)
    await #expect(throws: (any Error).self) { _ = try await second.start() }
    await lab.stop()
    let client = try WireClient(sipAddress: try await lab.start().sip)
    #expect(try await client.register("alice", instance: phone).status == 200)
    await lab.stop()
  }
}

/// What a client meets that creates rooms wrongly.
@Suite(.timeLimit(.minutes(1)))
struct FactoryTests {
  private let device = "11111111-0000-0000-0000-000000000001"
  private let factory = "sip:conference-factory@sip.example.org"
  private let list = Data(
    """
    <?xml version="1.0"?><resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>\
    <entry uri="sip:bob@sip.example.org"/></list></resource-lists>
    """.utf8)

  private func headers(contact: String) -> String {
    "Contact: \(contact)\r\nRequire: recipient-list-invite\r\nSubject: Team\r\n"
      + "Content-Type: application/resource-lists+xml\r\nContent-Disposition: recipient-list\r\n"
  }

  private var contact: String { "<\(WireClient.gruu("alice", device))>;text" }

  @Test func theFactoryRedirectsToANewRoom() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let response = try await alice.perform(
        "INVITE", factory, user: "alice", headers: headers(contact: contact), body: list)
      #expect(response.status == 302)
      #expect(response["Contact"]?.hasPrefix("<sip:chatroom-") == true)
      #expect(response["Contact"]?.hasSuffix(">;isfocus") == true)
    }
  }

  @Test func aContactWithoutGRUUIsRefused() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let response = try await alice.perform(
        "INVITE", factory, user: "alice", headers: headers(contact: "<sip:alice@127.0.0.1>;text"), body: list)
      #expect(response.status == 403)
    }
  }

  @Test func anUnknownRequiredExtensionIsRefused() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let response = try await alice.perform(
        "INVITE", factory, user: "alice", headers: headers(contact: contact) + "Require: telepathy\r\n", body: list)
      #expect(response.status == 420)
      #expect(response["Unsupported"] == "telepathy")
    }
  }

  @Test func aRoomThatNoOneCanJoinIsRefused() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      _ = try await alice.register("alice", instance: device)
      let room =
        try await alice.perform(
          "INVITE", factory, user: "alice", headers: headers(contact: contact), body: list)["Contact"] ?? ""
      let address = String(room.dropFirst().prefix { $0 != ">" })
      let response = try await alice.perform(
        "INVITE", address, user: "alice", headers: headers(contact: contact), body: list)
      #expect(response.status == 488)
    }
  }

  @Test func theSamePairIsSentToTheSameOneToOneRoomUnlessEncryptionDiffers() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let bob = try WireClient(sipAddress: addresses.sip)
      for (client, user) in [(alice, "alice"), (bob, "bob")] {
        _ = try await client.register(user, instance: device)
      }
      let pair = headers(contact: contact) + "One-To-One-Chat-Room: true\r\n"
      let room = try await alice.perform("INVITE", factory, user: "alice", headers: pair, body: list)["Contact"] ?? ""
      let address = String(room.dropFirst().prefix { $0 != ">" })
      _ = try await alice.perform("INVITE", address, user: "alice", headers: pair, body: list)
      let back = Data(String(decoding: list, as: UTF8.self).replacingOccurrences(of: "bob", with: "alice").utf8)
      let bobsPair = pair.replacingOccurrences(of: "sip:alice", with: "sip:bob")
      let again = try await bob.perform("INVITE", factory, user: "bob", headers: bobsPair, body: back)
      #expect(again["Contact"] == room)
      let other = try await bob.perform(
        "INVITE", factory, user: "bob", headers: bobsPair + "End-To-End-Encrypted: true\r\n", body: back)
      #expect(other.status == 302)
      #expect(other["Contact"] != room)
    }
  }

  @Test func strangersNeitherJoinNorWriteNorWatch() async throws {
    try await withLab { addresses, _ in
      let alice = try WireClient(sipAddress: addresses.sip)
      let bob = try WireClient(sipAddress: addresses.sip)
      let carol = try WireClient(sipAddress: addresses.sip)
      for (client, user) in [(alice, "alice"), (bob, "bob"), (carol, "carol")] {
        _ = try await client.register(user, instance: device)
      }
      let room =
        try await alice.perform(
          "INVITE", factory, user: "alice", headers: headers(contact: contact), body: list)["Contact"] ?? ""
      let address = String(room.dropFirst().prefix { $0 != ">" })
      let created = try await alice.perform(
        "INVITE", address, user: "alice", headers: headers(contact: contact), body: list)
      #expect(created.status == 200)
      let own = WireClient.gruu("carol", device)
      let join = try await carol.perform("INVITE", address, user: "carol", headers: "Contact: <\(own)>;text\r\n")
      #expect(join.status == 603)
      let write = try await carol.perform(
        "MESSAGE", address, user: "carol", from: own, headers: "Content-Type: message/cpim\r\n")
      #expect(write.status == 403)
      let watch = try await carol.perform(
        "SUBSCRIBE", address, user: "carol", from: own, headers: "Event: conference\r\nContact: <\(own)>\r\n")
      #expect(watch.status == 403)
      let remove = try await carol.perform(
        "REFER", address, user: "carol", headers: "Refer-To: <sip:bob@sip.example.org;method=BYE>\r\n")
      #expect(remove.status == 603)
    }
  }
}
