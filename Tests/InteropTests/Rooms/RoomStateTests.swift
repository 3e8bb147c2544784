// RoomStateTests.swift: how a client that missed changes of a room comes up to date, and rooms that end.
import Foundation
import GRDB
import Lab
import MessageFormats
import TestSupport
import Testing

@testable import ChatCore

extension ChatClient {
  /// Lets the client believe that it knows an earlier version than it does, as if a NOTIFY had been lost.
  fileprivate func forgetVersions(_ count: Int, of address: String) async throws {
    guard var room = try await store.database.read({ try Room.fetchOne($0, key: address) }),
      let uri = SIPURI(address)
    else { throw TestFailure("no room \(address)") }
    room.version -= count
    let earlier = room
    try await store.database.write { try earlier.update($0) }
    try await follower.recall(earlier, entity: uri)
  }
}

@Suite(.serialized) struct RoomStates {
  @Test func aMissedVersionIsNoticedWithTheNextOneAndMadeUpFor() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      try await pair.bob.stored(room, "both devices", within: 60) { $0.deviceCount == 2 }
      try await pair.alice.client.rename(room, to: "Second name")
      try await pair.bob.room(named: "Second name", within: 60)
      try await pair.bob.client.forgetVersions(1, of: room)
      try await pair.alice.client.rename(room, to: "Third name")
      try await pair.bob.room(named: "Third name", within: 60)
      let version = try #require(try await pair.alice.client.store.room(at: room)).room.version
      try await pair.bob.stored(room, "version \(version)", within: 60) { $0.room.version == version }
    }
  }

  @Test func whoKnowsAVersionThatTheServerDoesNotGetsTheFullState() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      try await pair.bob.members(of: room, are: [pair.alice.address, pair.bob.address], within: 60)
      let stranger = Participant(room: room, address: "sip:gone@sip.example.org", isAdmin: false)
      try await pair.bob.restart {
        let store = try AccountStore(directory: pair.bob.folder.url, exclusive: false)
        try store.database.write { db in
          // As of a server that has begun anew since: a version of its past, and a member that is no more.
          try db.execute(sql: "UPDATE room SET version = version + 1000")
          try stranger.insert(db)
        }
      }
      try await pair.bob.members(of: room, are: [pair.alice.address, pair.bob.address], within: 60)
      let version = try #require(try await pair.alice.client.store.room(at: room)).room.version
      try await pair.bob.stored(room, "version \(version)", within: 60) { $0.room.version == version }
      try await pair.talk(in: room)
    }
  }

  @Test func whatWasWrittenWithoutAConnectionIsSentOnceAndInOrderAfterARestart() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      try await pair.talk(in: room)
      await pair.alice.stop()
      let texts = (1...5).map { "offline \($0)" }
      var written: [Message] = []
      for text in texts { written.append(try await pair.alice.client.send(text, to: room)) }
      let change = try await pair.alice.client.edit(written[0].messageID, in: room, to: "offline 1, edited")
      #expect(change.state == .queued)
      #expect(
        try await pair.alice.client.store.history(room: room).suffix(5).allSatisfy { $0.message.state == .queued })
      try await pair.alice.restart()
      try await pair.alice.change(.edited, of: written[0].messageID, "offline 1, edited")
      try await pair.bob.change(.edited, of: written[0].messageID, "offline 1, edited")
      let arrived = pair.bob.events.compactMap { event -> String? in
        if case .message(let message) = event, message.sender == pair.alice.address { message.text } else { nil }
      }
      #expect(arrived == ["from alice"] + texts)
      for message in written { try await pair.alice.delivery(of: message.messageID, by: pair.bob.address, within: 60) }
      #expect(try await pair.alice.client.store.history(room: room).allSatisfy { $0.message.state != .queued })
    }
  }

  @Test func aTextWrittenWhileTheServerIsAwayFromTheStartOnIsSentLater() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.room()
      await pair.alice.stop()
      let folder = try TemporaryFolder()
      try FileManager.default.removeItem(at: folder.url)
      try FileManager.default.copyItem(at: pair.alice.folder.url, to: folder.url)
      // Nobody listens at port 1.
      let away = try await Self.account(pair, folder, proxy: "sip:127.0.0.1:1;transport=tcp")
      await #expect(throws: ChatError.self) { try await away.start() }
      let written = try await away.client.send("written in the cellar", to: room)
      #expect(try await away.stored(written.messageID, in: room)?.message.state == .queued)
      try away.forgetClient()

      let back = try await Self.account(pair, folder, proxy: pair.addresses.sip)
      try await back.start()
      #expect(try await pair.bob.message("written in the cellar", within: 60).messageID == written.messageID)
      try await back.delivery(of: written.messageID, by: pair.bob.address, within: 60)
      await back.stop()
    }
  }

  /// alice with the data of `folder`, as soon as nobody else has it open.
  private static func account(_ pair: ChatPair, _ folder: TemporaryFolder, proxy: String) async throws -> ChatAccount {
    let deadline = ContinuousClock.now + .seconds(60)
    while true {
      do {
        return try ChatAccount(
          user: "alice", domain: pair.addresses.domain, proxy: #require(SIPURI(proxy)),
          factory: #require(SIPURI(pair.addresses.factory)), keyServer: pair.addresses.keyServer, folder: folder)
      } catch let error as StoreError {
        guard ContinuousClock.now < deadline else { throw error }
        try await Task.sleep(for: .milliseconds(20))
      }
    }
  }

  @Test func aOneToOneRoomEndsForBothWhenOneLeaves() async throws {
    try await ChatPair.play { pair in
      let room = try await pair.alice.client.room(for: pair.bob.address).room.address
      try await pair.bob.roomState(of: room, is: .active, within: 60)
      try await pair.alice.client.leave(room)
      try await pair.bob.roomState(of: room, is: .left, within: 60)
      await #expect(throws: ChatError.self) { _ = try await pair.bob.client.send("nobody there", to: room) }
      // Whoever writes to the other again opens it again.
      let again = try await pair.bob.client.room(for: pair.alice.address).room.address
      try await pair.alice.roomState(of: again, is: .active, within: 60)
      _ = try await pair.bob.client.send("hello again", to: again)
      #expect(try await pair.alice.message("hello again", within: 60).isEncrypted)
    }
  }

  @Test func aRoomForNotificationsAloneIsNotShownUntilSomebodyWritesInIt() async throws {
    try await ChatPair.play { pair in
      // What liblinphone 5.4 makes when it notifies the author of a message in a large room.
      let made = try await pair.alice.client.createRoom(
        named: "\"Bob\" <\(pair.bob.address)>'s IMDNs", members: [pair.bob.configuration.address], oneToOne: true)
      let room = made.room.address
      try await pair.bob.event("membership of the hidden room", within: 60) { _ in
        (try? pair.bob.client.store.database.read { try RoomQueries.summary($0, room)?.room.state == .active })
          .flatMap { $0 ? true : nil }
      }
      #expect(try await pair.bob.client.rooms().isEmpty)
      #expect(
        !pair.bob.events.contains { event in
          switch event {
          case .room, .participant, .device: true
          default: false
          }
        })
      // It is the one-to-one room of the two: a text makes it one.
      #expect(try await pair.alice.client.room(for: pair.bob.address).room.address == room)
      _ = try await pair.alice.client.send("hello bob", to: room)
      try await pair.bob.message("hello bob", within: 60)
      #expect(try await pair.bob.client.rooms().map(\.room.address) == [room])
    }
  }
}
