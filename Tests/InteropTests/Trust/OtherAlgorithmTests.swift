// OtherAlgorithmTests.swift: devices whose keys are of another LIME algorithm than the account's are named with it.
import Foundation
import Lime
import MessageFormats
import SIPAgent
import TestSupport
import Testing

@testable import ChatCore

@Suite(.serialized) struct OtherAlgorithms {
  @Test(arguments: [ServiceKind.lab, .linphone])
  func aDeviceOfAnotherAlgorithmIsNamedWithItWhereverItMatters(on kind: ServiceKind) async throws {
    try await Scene.play(kind, curve: "c448") { scene in
      let (alice, bob) = (scene.alice, scene.bob)
      let truth = "it uses c448 only; this account has c25519"
      let (room, _, _) = try await scene.room(named: "Team")
      let address = room.room.address
      let device = try #require(
        try await alice.client.store.devices(room: address).first { $0.participant == scene.aor("carol") }?.gruu)

      let text = try await alice.client.send("who reads this?", to: address)
      try await bob.message("who reads this?")
      let told = try await alice.securityEvent(about: device)
      #expect(told.hasSuffix("(…\(device.suffix(8))) that cannot read this: \(truth)"), "\(told)")
      try await alice.delivery(of: text.messageID, by: bob.address)
      let entry = try #require(try await alice.client.store.message(room: address, messageID: text.messageID))
      let delivery = try #require(entry.deliveries.first { $0.participant == scene.aor("carol") })
      #expect(delivery.state == .failed)
      #expect(delivery.reason == "\(device) cannot read this: \(truth)")
      let fields = try #require(
        entry.jsonFields(in: nil, for: scene.address("alice"))["deliveries"] as? [[String: String]])
      #expect(fields.contains { $0["by"] == scene.aor("carol") && $0["reason"]?.contains(truth) == true })

      let verification = try await alice.client.verification(of: scene.aor("carol"))
      let carol = try #require(verification.devices.first { $0.trust.device == device })
      #expect(carol.trust.otherAlgorithms == ["c448"] && carol.code == nil)
      #expect(verification.ownAlgorithm == "c25519")

      // A room for two, whose name nobody has chosen.
      let pair = try await alice.client.oneToOneRoom(with: scene.address("carol")).room.address
      let lost = try await alice.outcome(of: try await alice.client.send("only you", to: pair))
      #expect(lost.state == .failed)
      let failure = try #require(lost.failure)
      #expect(failure == "no device in \(scene.aor("carol")) can receive an encrypted message: \(device): \(truth)")
    }
  }

  @Test func whatTheKeyServerDoesNotKnowIsNotGuessed() async throws {
    try await ChatPair.play { pair in
      let (server, lime) = try await pair.bob.keyServerClient()
      _ = try await server.exchange(lime.removalRequest())
      let room = try await pair.room()
      let lost = try await pair.alice.outcome(of: try await pair.alice.client.send("lost", to: room))
      #expect(lost.failure?.contains("it has no keys for c25519 on the key server") == true)
      let found = try await pair.alice.client.verification(of: pair.bob.address)
      #expect(found.devices.map(\.trust.otherAlgorithms) == [nil])
    }
  }

  @Test func anIncomingMessageOfAnotherAlgorithmSaysWhich() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      let (alice, bob) = (pair.alice, pair.bob)
      let device = try #require(await bob.client.device)
      let own = try #require(await alice.client.device)
      // Version, type, id of c25519mlk512; what follows is read by nobody.
      let envelope = LimeEnvelope(
        sender: try #require(SIPURI(device)), messageID: "mlk",
        deviceParts: [own: Data([1, 2, 4]) + Data(count: 80)], cipherMessage: Data(count: 32)
      ).serialized
      let (agent, gruu) = try #require(await bob.client.agentAndAddress)
      let message = OutgoingMessage(headers: [], contentType: envelope.contentType, body: envelope.body)
      let results = await agent.messages(to: try #require(SIPURI(room)), from: gruu, [message])
      #expect(try results.map { try $0.get().status } == [200])
      let failure = try await alice.event("an undecryptable message") { event in
        if case .message(let message) = event, message.messageID == "mlk" { return message.failure }
        return nil
      }
      #expect(failure == "\(device) uses c25519mlk512; this account has c25519")
    }
  }
}

extension ChatClient {
  fileprivate var agentAndAddress: (SIPAgent, SIPURI)? {
    guard let agent = ownDevice.agent, let gruu = ownDevice.gruu else { return nil }
    return (agent, gruu)
  }
}
