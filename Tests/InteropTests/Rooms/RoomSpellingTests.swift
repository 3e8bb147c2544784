// RoomSpellingTests.swift: a room is one however its address is written (RFC 3261 §19.1.4; flexisip-conference 1.1)
import Foundation
import GRDB
import HostilePeer
import Lab
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

@Suite(.serialized) struct RoomSpellingTests {
  private static func configuration(focusUser: String = "conference-focus") -> LabConfiguration {
    var configuration = LabConfiguration.example
    configuration.roomAddresses = .confID
    configuration.focusUser = focusUser
    return configuration
  }

  private static func play(_ configuration: LabConfiguration, _ body: (ChatPair) async throws -> Void) async throws {
    let pair = try await ChatPair(lab: configuration)
    let result: Result<Void, any Error>
    do { result = .success(try await body(pair)) } catch { result = .failure(error) }
    await pair.end()
    try result.get()
  }

  private static func otherSpelling(_ room: String) throws -> String {
    var uri = try #require(SIPURI(room))
    #expect(uri.parameters.count == 2)
    uri.parameters.reverse()
    return uri.description
  }

  @Test(arguments: [true, false]) func aRoomStaysOneOverARestartOfTheConferenceServer(isEncrypted: Bool) async throws {
    try await Self.play(Self.configuration()) { pair in
      let room = try await pair.alice.client.createRoom(
        named: "Secret", members: [pair.bob.configuration.address], encrypted: isEncrypted
      ).room.address
      _ = try await pair.bob.room(named: "Secret")
      func exchange(_ suffix: String) async throws {
        for (from, to) in [(pair.alice, pair.bob), (pair.bob, pair.alice)] {
          let sent = try await from.client.send("from \(from.configuration.name) \(suffix)", to: room)
          #expect(try await to.message(sent.text).isEncrypted == isEncrypted)
          try await from.delivery(of: sent.messageID, by: to.address)
        }
      }
      try await exchange("before")
      await pair.lab.restartConferenceServer()
      try await exchange("after")
      try await pair.alice.restart()
      try await exchange("at the next start")
      for account in [pair.alice, pair.bob] {
        let rooms = try await account.client.rooms()
        #expect(rooms.map(\.room.address) == [room])
        #expect(rooms.map(\.room.isEncrypted) == [isEncrypted])
        #expect(
          try await account.client.store.room(named: "Secret", for: account.configuration.address).room.address == room)
      }
      // Whoever writes the address in another way means the same room.
      let other = try Self.otherSpelling(room)
      #expect(
        try await pair.alice.client.store.room(named: other, for: pair.alice.configuration.address).room.address == room
      )
    }
  }

  @Test func theRoomWithAPersonStaysTheSame() async throws {
    try await Self.play(Self.configuration()) { pair in
      let room = try await pair.alice.client.oneToOneRoom(with: pair.bob.configuration.address).room.address
      await pair.lab.restartConferenceServer()
      // bob did not make it: he asks, and the answer comes in the other spelling.
      let sent = try await pair.bob.client.send("hello", to: pair.bob.client.room(for: pair.alice.address).room.address)
      try await pair.alice.message("hello")
      try await pair.bob.delivery(of: sent.messageID, by: pair.alice.address)
      #expect(try await pair.bob.client.rooms().map(\.room.isConfirmed) == [true])
      #expect(try await pair.alice.client.rooms().map(\.room.address) == [room])
    }
  }

  /// The name of the focus is the administrator's choice; who was never named it asks the factory once.
  @Test func aFocusOfAnyNameIsKnownByTheFactorysWord() async throws {
    try await Self.play(Self.configuration(focusUser: "rooms")) { pair in
      let room = try await pair.room()
      try await pair.talk(in: room)
      let carol = try HostilePeer("carol", sip: pair.addresses.sip)
      try await carol.start()
      let device = try #require(await pair.bob.client.device)
      let (answer, _) = try await carol.invite(device, from: carol.device + ";conf-id=mine")
      #expect(answer.status == 403)
      await carol.stop()
      #expect(try await pair.bob.client.rooms().count == 1)
    }
  }

  @Test func anAccountWhoseDomainIsWrittenInCapitalsIsOneMember() async throws {
    let lab = Lab(.example)
    let addresses = try await lab.start()
    let alice = try ChatAccount(
      user: "alice", domain: addresses.domain.uppercased(), proxy: #require(SIPURI(addresses.sip)),
      factory: #require(SIPURI(addresses.factory.replacingOccurrences(of: "sip.example", with: "SIP.Example"))),
      keyServer: addresses.keyServer)
    let bob = try ChatPair.account("bob", addresses)
    try await alice.start()
    try await bob.start()
    let room = try await alice.client.createRoom(
      named: "Capitals", members: [#require(SIPURI("sip:bob@SIP.EXAMPLE.ORG"))]
    ).room.address
    try await alice.members(of: room, are: ["sip:alice@sip.example.org", "sip:bob@sip.example.org"])
    let sent = try await alice.client.send("hello", to: room)
    #expect(try await bob.message("hello").sender == "sip:alice@sip.example.org")
    try await alice.delivery(of: sent.messageID, by: bob.address)
    await alice.stop()
    await bob.stop()
    await lab.stop()
  }
}
