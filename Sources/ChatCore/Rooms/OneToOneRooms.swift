// OneToOneRooms.swift: the one room of two people, which the conference factory answers for (protocol/chat.md).
import Foundation
import GRDB
import MessageFormats

@ChatActor final class OneToOneRooms {
  private let context: ChatContext
  private let keyServer: KeyServerExchange
  private let factory: ConferenceFactory
  private let entry: RoomEntry

  init(_ context: ChatContext, _ keyServer: KeyServerExchange, _ factory: ConferenceFactory, _ entry: RoomEntry) {
    (self.context, self.keyServer, self.factory, self.entry) = (context, keyServer, factory, entry)
  }

  /// The one-to-one room with `address`, made if absent: the one that the factory answers for.
  ///
  /// A room that somebody else made is taken for it only after the factory named the same one for the pair.
  func room(with address: SIPURI, encrypted: Bool = true) async throws -> RoomSummary {
    let (address, own) = (address.addressOfRecord, context.account.address.description)
    if address == context.account.address { throw ChatError.badInput("\(address) is this account itself") }
    if let known = try await known(with: address, encrypted: encrypted) { return known }
    if encrypted, !keyServer.isThere { throw ChatError.noKeyServer }
    let request = FactoryRequest.oneToOne(with: address, isEncrypted: encrypted)
    let named = try await factory.ask(request)
    if let known = try await markConfirmed(named, with: address.description, encrypted: encrypted) { return known }
    let room = try await entry.enter(named, request)
    let others = Set(room.participants.map(\.address)).subtracting([own, address.description])
    guard others.isEmpty else { throw ChatError.notTheOneToOneRoom(address.description) }
    return room
  }

  /// The one that the factory answered for before; nil when it was not asked yet.
  func known(with address: SIPURI, encrypted: Bool = true) async throws -> RoomSummary? {
    let (other, own) = (address.addressOfRecord.description, context.account.address.description)
    return try await context.store.database.read { db in
      try RoomQueries.oneToOne(db, with: other, of: own, encrypted: encrypted)
        .flatMap { try RoomQueries.summary(db, $0.address) }
    }
  }

  /// The room, if it says that it is one of two people and that has to be confirmed before anything is sent. Also one
  /// that somebody was added to: it is none any more.
  func unconfirmed(_ address: String) async -> Room? {
    try? await context.store.database.read { db in
      guard let room = try Room.find(db, address), room.isOneToOne else { return nil }
      let isPair = try RoomQueries.participants(db, room: address).count <= 2
      return room.isConfirmed && isPair ? nil : room
    }
  }

  /// Before anything is sent to a one-to-one room: asks the factory once whether it is the one of its two members.
  /// - Throws: `ChatError.notTheOneToOneRoom` when it is not; it is then shown as any other room.
  func confirm(_ room: Room) async throws {
    guard room.isOneToOne else { return }
    let own = context.account.address.description
    let others = try await context.store.database.read { db in
      try RoomQueries.participants(db, room: room.address).map(\.address).filter { $0 != own }
    }
    guard room.version > 0 else { throw ChatError.noStateFromFocus(room: room.address) }
    let isOurs: Bool
    if others.count == 1, let other = SIPURI(others[0]) {
      let named = try await factory.ask(.oneToOne(with: other, isEncrypted: room.isEncrypted))
      let known = try await markConfirmed(named, with: others[0], encrypted: room.isEncrypted)
      isOurs = known?.room.address == room.address
    } else {
      isOurs = false
    }
    guard !isOurs else { return }
    try await context.store.database.write { db in
      try db.execute(sql: "UPDATE room SET isOneToOne = 0 WHERE address = ?", arguments: [room.address])
    }
    await context.reportRoom(room.address)
    let error = ChatError.notTheOneToOneRoom(others.joined(separator: ", "))
    context.hub.send(.security(room: room.address, device: nil, text: error.description))
    throw error
  }

  /// Marks the room that the factory named as the one of the pair, if it is one that we are in.
  private func markConfirmed(_ named: SIPURI, with member: String, encrypted: Bool) async throws -> RoomSummary? {
    let own = context.account.address.description
    return try await context.store.database.write { db in
      guard var room = try Room.find(db, named), room.state == .active, room.isEncrypted == encrypted,
        Set(try RoomQueries.participants(db, room: room.address).map(\.address)).subtracting([own]) == [member]
      else { return nil }
      (room.isOneToOne, room.isConfirmed) = (true, true)
      try room.update(db)
      return try RoomQueries.summary(db, room.address)
    }
  }
}
