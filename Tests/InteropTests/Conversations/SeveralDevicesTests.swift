// SeveralDevicesTests.swift: two devices of one account, devices that come later, and devices without keys.
import Foundation
import GRDB
import KeyServer
import Lab
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite(.serialized) struct SeveralDevices {
  @Test func bothDevicesOfAnAccountShowWhatEitherSentAndHowFarItCame() async throws {
    try await ChatPair.play { pair in
      let (first, bob) = (pair.alice, pair.bob)
      let second = try ChatPair.account("alice", pair.addresses)
      try await second.start()
      let room = try await first.client.createRoom(named: "Pair", members: [bob.configuration.address]).room.address
      try await bob.room(named: "Pair", within: 60)
      try await second.room(named: "Pair", within: 60)
      for account in [first, second, bob] {
        try await account.stored(room, "three devices", within: 60) { $0.deviceCount == 3 }
      }

      let sent = try await first.client.send("from the first", to: room)
      let copy = try await second.message("from the first", within: 60)
      #expect(copy.isOutgoing && copy.isEncrypted && copy.isRead && copy.senderDevice == sent.senderDevice)
      try await bob.message("from the first", within: 60)
      // Bob's notification reaches both; a device of the sender's own account sends none.
      for account in [first, second] {
        try await account.delivery(of: sent.messageID, by: bob.address, within: 60)
        let deliveries = try #require(try await account.stored(sent.messageID, in: room)).deliveries
        #expect(deliveries.map(\.participant) == [bob.address])
      }

      let answer = try await bob.client.send("to both", to: room)
      for account in [first, second] { try await account.message("to both", within: 60) }
      // Read on one, read on the other.
      try await first.client.markRead(room)
      try await second.stored(room, "nothing unread", within: 60) { $0.unread == 0 }
      try await bob.delivery(of: answer.messageID, by: first.address, state: .displayed, within: 60)

      // Another device of the author edits and retracts where it is trusted.
      let device = try #require(await second.client.device)
      _ = try await second.client.edit(sent.messageID, in: room, to: "from a device that nobody trusts")
      for account in [first, bob] {
        #expect(try await account.securityEvent(about: device).contains("another device"))
        #expect(try await account.stored(sent.messageID, in: room)?.message.text == "from the first")
        _ = try await account.client.store.trust(device: device, curve: .c25519)
      }
      _ = try await second.client.edit(sent.messageID, in: room, to: "better, from the second")
      for account in [first, bob] {
        try await account.change(.edited, of: sent.messageID, "better, from the second")
        #expect(try await account.stored(sent.messageID, in: room)?.message.original == "from the first")
      }
      _ = try await second.client.retract(sent.messageID, in: room)
      for account in [first, bob] { try await account.change(.retracted, of: sent.messageID) }
      await second.stop()
    }
  }

  @Test func aDeviceThatJoinsInTheMiddleReadsWhatFollows() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      try await pair.talk(in: room)
      let late = try ChatPair.account("bob", pair.addresses)
      try await late.start()
      try await late.room(named: "Pair", within: 60)
      for account in [pair.alice, pair.bob, late] {
        try await account.stored(room, "three devices", within: 60) { $0.deviceCount == 3 }
      }
      _ = try await pair.alice.client.send("for the new one too", to: room)
      #expect(try await late.message("for the new one too", within: 60).isEncrypted)
      _ = try await pair.bob.client.send("own copy", to: room)
      #expect(try await late.message("own copy", within: 60).isOutgoing)
      _ = try await late.client.send("from the new one", to: room)
      for account in [pair.alice, pair.bob] {
        #expect(try await account.message("from the new one", within: 60).isEncrypted)
      }
      #expect(
        try await late.client.store.history(room: room).map(\.message.text).sorted() == [
          "for the new one too", "from the new one", "own copy",
        ])
      await late.stop()
    }
  }

  @Test func aDeviceWithoutKeysIsShownAndDoesNotBlockTheOthers() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      // Its keys are at another key server: the one of this domain knows nothing of it.
      let elsewhere = try KeyServer(configuration: KeyServerConfiguration())
      let url = try #require(URL(string: "http://127.0.0.1:\(try await elsewhere.start())/"))
      let keyless = try ChatPair.account("bob", pair.addresses, keyServer: url)
      try await keyless.start()
      try await pair.alice.stored(room, "three devices", within: 60) { $0.deviceCount == 3 }
      let device = try #require(await keyless.client.device)

      let sent = try await pair.alice.client.send("who can read this?", to: room)
      #expect(try await pair.alice.securityEvent(about: device).contains("cannot read this"))
      #expect(try await pair.bob.message("who can read this?", within: 60).isEncrypted)
      try await pair.alice.delivery(of: sent.messageID, by: pair.bob.address, within: 60)
      // The device itself says that there was something.
      let unreadable = try await keyless.event("unreadable message", within: 60) { event -> Message? in
        if case .message(let message) = event, message.messageID == sent.messageID { return message }
        return nil
      }
      #expect(
        unreadable.state == .undecryptable && unreadable.failure?.contains("not encrypted for this device") == true)
      await keyless.stop()
      await elsewhere.stop()
    }
  }
}
