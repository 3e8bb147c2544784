// RegistrationTests.swift: REGISTER over a real connection: challenges, bindings, GRUUs, refusals
import DigestAuth
import Foundation
import HostilePeer
import SIPAgent
import Testing

@testable import Lab

/// Runs a lab around a body.
func withLab(
  _ change: (inout LabConfiguration) -> Void = { _ in }, _ body: (LabAddresses, Lab) async throws -> Void
) async throws {
  var configuration = LabConfiguration.example
  configuration.hasKeyServer = false
  change(&configuration)
  let lab = Lab(configuration)
  let addresses = try await lab.start()
  do {
    try await body(addresses, lab)
  } catch {
    await lab.stop()
    throw error
  }
  await lab.stop()
}

@Suite(.timeLimit(.minutes(1)))
struct RegistrationTests {
  private let device = "11111111-2222-3333-4444-555555555555"
  private let other = "99999999-2222-3333-4444-555555555555"

  @Test func aChallengeOffersBothAlgorithmsWithOneNonce() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      client.send(WireClient.text("REGISTER", "sip:sip.example.org", from: "sip:alice@sip.example.org", callID: "c"))
      let response = try await client.response()
      #expect(response.status == 401)
      let challenges = try response.all("WWW-Authenticate").map { try DigestChallenge(parsing: $0) }
      #expect(challenges.map(\.algorithm) == [.md5, .sha256])
      #expect(Set(challenges.map(\.nonce)).count == 1)
    }
  }

  @Test(arguments: [DigestAlgorithm.md5, .sha256])
  func theRightPasswordIsTakenWithEitherAlgorithm(_ algorithm: DigestAlgorithm) async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      #expect(try await client.register("alice", instance: device, algorithm: algorithm).status == 200)
    }
  }

  @Test func wrongPasswordsAndUnknownUsersAreForbidden() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      #expect(try await client.register("alice", instance: device, password: "wrong").status == 403)
      #expect(try await client.register("nobody", instance: device).status == 403)
    }
  }

  /// As of Flexisip 2.2.
  @Test func whoAsksForBindingsThatAreNotThereGetsAnError() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      let alice = "sip:alice@sip.example.org"
      let before = try await client.perform("REGISTER", "sip:sip.example.org", user: "alice", to: alice)
      #expect(before.status == 500)
      _ = try await client.register("alice", instance: device)
      let after = try await client.perform("REGISTER", "sip:sip.example.org", user: "alice", to: alice)
      #expect(after.status == 200)
      #expect(after.all("Contact").count == 1)
    }
  }

  @Test func noOneRegistersForSomeoneElse() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      let response = try await client.perform(
        "REGISTER", "sip:sip.example.org", user: "alice", to: "sip:bob@sip.example.org",
        headers: "Contact: <sip:alice@127.0.0.1>\r\n")
      #expect(response.status == 403)
    }
  }

  @Test func theAnswerEchoesAllDevicesWithTheirGRUUs() async throws {
    try await withLab { addresses, _ in
      let first = try WireClient(sipAddress: addresses.sip)
      let second = try WireClient(sipAddress: addresses.sip)
      _ = try await first.register("alice", instance: device)
      let contacts = try await second.register("alice", instance: other).all("Contact")
      #expect(contacts.count == 2)
      for instance in [device, other] {
        #expect(contacts.contains { $0.contains("pub-gruu=\"\(WireClient.gruu("alice", instance))\"") })
      }
    }
  }

  @Test func aDeviceThatDoesNotSupportGRUUsGetsNone() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      let response = try await client.perform(
        "REGISTER", "sip:sip.example.org", user: "alice", to: "sip:alice@sip.example.org",
        headers: "Contact: <sip:alice@127.0.0.1>;+sip.instance=\"<urn:uuid:\(device)>\"\r\n")
      #expect(response.status == 200)
      #expect(response["Contact"]?.contains("pub-gruu") == false)
    }
  }

  @Test func unregisteringRemovesTheDevice() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      _ = try await client.register("alice", instance: device)
      #expect(try await client.register("alice", instance: device, expires: 0).all("Contact") == [])
    }
  }

  @Test func anAsteriskRemovesEverythingButOnlyWithExpiresZero() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      _ = try await client.register("alice", instance: device)
      let bad = try await client.perform(
        "REGISTER", "sip:sip.example.org", user: "alice", to: "sip:alice@sip.example.org", headers: "Contact: *\r\n")
      #expect(bad.status == 400)
      let good = try await client.perform(
        "REGISTER", "sip:sip.example.org", user: "alice", to: "sip:alice@sip.example.org",
        headers: "Contact: *\r\nExpires: 0\r\n")
      #expect(good.status == 200)
      #expect(good.all("Contact") == [])
    }
  }

  @Test func tooShortARegistrationIsRefusedWithTheMinimum() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      let response = try await client.register("alice", instance: device, expires: 10)
      #expect(response.status == 423)
      #expect(response["Min-Expires"] == "60")
    }
  }

  @Test func aRegistrationExpires() async throws {
    var registrar = Registrar(domain: "x.org", minimumExpires: 1)
    let request = SIPRequest(
      method: "REGISTER", uri: "sip:x.org",
      headers: [
        SIPHeader("To", "<sip:alice@x.org>"), SIPHeader("Call-ID", "1"), SIPHeader("CSeq", "1 REGISTER"),
        SIPHeader("Contact", "<sip:alice@10.0.0.1>;expires=10"),
      ])
    let start = Date(timeIntervalSince1970: 1_000)
    #expect(registrar.register(request, user: "alice", over: .stream(1), now: start).status == 200)
    #expect(registrar.removeExpired(now: start.addingTimeInterval(9)).isEmpty)
    #expect(registrar.removeExpired(now: start.addingTimeInterval(10)).count == 1)
    #expect(registrar.bindings(of: "alice").isEmpty)
  }

  @Test func anOlderRequestOfTheSameCallIsRefused() async throws {
    var registrar = Registrar(domain: "x.org", minimumExpires: 1)
    func register(_ sequence: Int) -> Int {
      let request = SIPRequest(
        method: "REGISTER", uri: "sip:x.org",
        headers: [
          SIPHeader("To", "<sip:alice@x.org>"), SIPHeader("Call-ID", "1"),
          SIPHeader("CSeq", "\(sequence) REGISTER"), SIPHeader("Contact", "<sip:alice@10.0.0.1>"),
        ])
      return registrar.register(request, user: "alice", over: .stream(1)).status
    }
    #expect(register(5) == 200)
    #expect(register(5) == 500)
    #expect(register(6) == 200)
  }
}

/// Requests that are wrong get their answer, and the lab goes on.
@Suite(.timeLimit(.minutes(1)))
struct MalformedRequestTests {
  private static let valid = WireClient.text(
    "REGISTER", "sip:sip.example.org", from: "sip:alice@sip.example.org", callID: "good")

  @Test(arguments: [
    ("a CSeq of another method", valid.replacingOccurrences(of: "1 REGISTER", with: "1 INVITE"), 400),
    ("no From", valid.replacingOccurrences(of: "From:", with: "X-From:"), 400),
    ("a CSeq that is no number", valid.replacingOccurrences(of: "CSeq: 1 ", with: "CSeq: one "), 400),
    ("another SIP version", valid.replacingOccurrences(of: "SIP/2.0\r\nVia", with: "SIP/3.0\r\nVia"), 505),
    ("no SIP URI", valid.replacingOccurrences(of: "REGISTER sip:sip.example.org ", with: "REGISTER tel:1 "), 416),
  ])
  func aBadRequestIsRefusedAndTheLabGoesOn(_ what: String, _ text: String, _ status: Int) async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      client.send(text)
      #expect(try await client.response().status == status, "\(what)")
      let next = try WireClient(sipAddress: addresses.sip)
      #expect(try await next.register("alice", instance: UUID().uuidString).status == 200)
    }
  }

  @Test(arguments: [
    "\0\u{1}\u{2}\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "REGISTER sip:x SIP/2.0\r\n\r\n", "\r\n\r\n\r\n",
  ])
  func whatIsNoSIPDoesNoHarm(_ text: String) async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      client.send(text)
      let next = try WireClient(sipAddress: addresses.sip)
      #expect(try await next.register("alice", instance: UUID().uuidString).status == 200)
    }
  }

  @Test func tooLargeAMessageIsRefused() async throws {
    try await withLab { addresses, _ in
      let client = try WireClient(sipAddress: addresses.sip)
      let body = Data(repeating: 65, count: SIPServer.maximumMessageSize + 1)
      client.send(
        WireClient.text(
          "MESSAGE", "sip:bob@sip.example.org", from: "sip:alice@sip.example.org", callID: "big", body: body))
      client.send("", body: body)
      #expect(try await client.response().status == 413)
    }
  }
}
