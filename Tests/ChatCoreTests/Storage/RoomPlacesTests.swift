// RoomPlacesTests.swift: numbers and pins of rooms: they last, are given once, and are free again after a room was left
import Foundation
import GRDB
import TestSupport
import Testing

@testable import ChatCore

@Suite struct RoomPlacesTests {
  private static let rooms = (1...4).map { "sip:chatroom-\($0)@conference.example.org;gr=urn:uuid:\($0)" }

  private func account() throws -> StoredAccount { try StoredAccount(rooms: Self.rooms.map { ($0, "Room") }) }

  @Test func aNumberLastsOverRestartsAndChangesOfTheOrder() async throws {
    let stored = try account()
    let given = try await stored.store.places(givenTo: Self.rooms.dropLast())
    #expect(Self.rooms.map { given[$0]?.number } == [1, 2, 3, nil])
    try await stored.store.pin(true, room: Self.rooms[2])
    // Another program beside it sees the same, whatever the order in which it asks.
    let second = try AccountStore(directory: stored.folder.url, exclusive: false)
    let seen = try await second.places(givenTo: Self.rooms.reversed())
    #expect(
      Self.rooms.map { seen[$0] } == [
        RoomPlace(number: 1), RoomPlace(number: 2), RoomPlace(number: 3, isPinned: true), RoomPlace(number: 4),
      ])
    try await second.pin(false, room: Self.rooms[2])
    #expect(try await stored.store.places()[Self.rooms[2]] == RoomPlace(number: 3))
  }

  @Test func theNumberOfARoomThatWasLeftIsFreeForTheNext() async throws {
    let stored = try account()
    _ = try await stored.store.places(givenTo: Self.rooms.dropLast())
    try await stored.store.database.write { db in
      try db.execute(sql: "UPDATE room SET state = 'left' WHERE address = ?", arguments: [Self.rooms[1]])
    }
    #expect(try await stored.store.places(givenTo: [Self.rooms[3]])[Self.rooms[3]]?.number == 2)
    #expect(try await stored.store.places()[Self.rooms[1]] == nil)
    // A room that is not stored yet gets none.
    #expect(try await stored.store.places(givenTo: ["sip:new@example.org"]).count == 3)
  }

  @Test func programsThatAskAtOnceGiveNoNumberTwice() async throws {
    let stored = try account()
    let second = try AccountStore(directory: stored.folder.url, exclusive: false)
    async let first = stored.store.places(givenTo: Self.rooms)
    async let other = second.places(givenTo: Self.rooms.reversed())
    let (a, b) = try await (first, other)
    #expect(a == b && Set(a.values.map(\.number)) == [1, 2, 3, 4])
  }
}
